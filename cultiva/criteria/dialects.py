"""Where the SQL of the engines differs. Everything else that conditions write is the same for all of them."""

# A date that the calendar has, years 0001 to 9999: whatever matches can be cast, in every engine.
DATE = (
    "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
    "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29"
)
CLOCK = r"[T ]([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?)?"
OFFSET = "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
ANY_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
LOOKED_THROUGH = 100  # elements of a list


class Dialect:
    """What every engine must be able to write. Arguments and results are SQL expressions."""

    name: str

    def placeholder(self, name: str) -> str:
        raise NotImplementedError

    def is_one_of(self, value: str, listed: str, type_: str, count: int) -> str:
        """Whether a value equals one of a bound array of `type_`, texts byte by byte; thousands are no trouble."""
        raise NotImplementedError

    def text(self, value: str) -> str:
        """A text compared byte by byte."""
        return value

    def has_inside(self, text: str, part: str) -> str:
        return f"strpos({self.text(text)}, {part}) > 0"

    def starts_with(self, text: str, part: str) -> str:
        return f"starts_with({text}, {part})"

    def ends_with(self, text: str, part: str) -> str:
        return f"{self.text(f'right({text}, length({part})::int)')} = {part}"

    def matches(self, text: str, pattern: str) -> str:
        """Whether a regular expression of our subset (criteria.patterns) is found anywhere in the text."""
        raise NotImplementedError

    def first_match(self, text: str, pattern: str) -> str:
        """The first part of a text that matches; NULL or empty where none does."""
        raise NotImplementedError

    def number_in(self, text: str) -> str:
        """The float64 that a text writes; NULL where it is none, or too great to be one."""
        raise NotImplementedError

    def date_in(self, text: str) -> str:
        """A cast that is only done where the text matches DATE."""
        raise NotImplementedError

    def local_day(self, instant: str, zone: str) -> str:
        return f"(({instant}) AT TIME ZONE {zone})::date"

    def day_in(self, text: str, zone: str) -> str:
        """The local day of a date or of an ISO 8601 time in a text; NULL where it is neither. No offset: UTC."""
        instant = f"({self._time_written(text)} - {self._offset_written(text)}) AT TIME ZONE 'UTC'"
        return (
            f"CASE WHEN {self.matches(text, _literal(f'^({DATE})$'))} THEN {self.date_in(text)}"
            f" WHEN {self.matches(text, _literal(f'^({DATE}){CLOCK}{OFFSET}$'))}"
            f" THEN {self.local_day(instant, zone)} END"
        )

    def _time_written(self, text: str) -> str:
        """`2026-03-10T10:30:15` is hour 12-13, minute 15-16, second 18-19; a fraction cannot change the day."""
        minutes = f"CASE WHEN substr({text}, 14, 1) = ':' THEN substr({text}, 15, 2) ELSE '0' END"
        seconds = f"CASE WHEN substr({text}, 17, 1) = ':' THEN substr({text}, 18, 2) ELSE '0' END"
        return (
            f"({self.date_in(text)} + interval '1 hour' * substr({text}, 12, 2)::int"
            f" + interval '1 minute' * ({minutes})::int + interval '1 second' * ({seconds})::int)"
        )

    def _offset_written(self, text: str) -> str:
        offset = self.first_match(f"substr({text}, 14)", _literal("[+-].*$"))
        return (
            f"(interval '1 minute' * CASE WHEN length({offset}) > 1 THEN"
            f" CASE left({offset}, 1) WHEN '-' THEN -1 ELSE 1 END * (60 * substr({offset}, 2, 2)::int"
            f" + CASE WHEN length({offset}) > 3 THEN right({offset}, 2)::int ELSE 0 END) ELSE 0 END)"
        )

    def shown(self, figure: str) -> str:
        """A float64 rounded to the millionth, ties to even; adding 0 turns -0 into 0."""
        raise NotImplementedError

    def days_between(self, earlier: str, later: str) -> str:
        """Days of 86,400 s from one instant to another, as a float64."""
        raise NotImplementedError

    def next_anniversary(self, day: str, today: str) -> str:
        """The first day from `today` on with the month and day of `day`; adding years turns 29 into 28 February."""
        years = f"(extract(year FROM {today})::int - extract(year FROM {day})::int)"
        this_year = f"({day} + interval '1 year' * {years})::date"
        next_year = f"({day} + interval '1 year' * ({years} + 1))::date"
        return f"CASE WHEN {this_year} >= {today} THEN {this_year} ELSE {next_year} END"


class Postgres(Dialect):
    name = "PostgreSQL"

    # A cast to float8 fails on what float64 cannot hold and on what it would round to 0. Texts of the first pattern
    # are far from both; what only the second takes is tried with jsonpath, whose errors can be silenced.
    SMALL_NUMBER = r"^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
    TINY = r"^[+-]?0*\.|[eE]-"

    def placeholder(self, name: str) -> str:
        return f"%({name})s"

    def is_one_of(self, value: str, listed: str, type_: str, count: int) -> str:
        return f"{self.text(value) if type_ == 'text' else value} = ANY ({listed}::{type_}[])"

    def text(self, value: str) -> str:
        return f'{value} COLLATE "C"'

    def matches(self, text: str, pattern: str) -> str:
        return f'{text} COLLATE "C" ~ {pattern}'

    def first_match(self, text: str, pattern: str) -> str:
        return f"substring({text} from {pattern})"

    def number_in(self, text: str) -> str:
        is_safe = f"jsonb_path_exists(to_jsonb({text}), '$.double()', '{{}}', true)"
        return (
            f"CASE WHEN {text} ~ '{self.SMALL_NUMBER}' THEN ({text})::float8"
            f" WHEN {text} ~ '{ANY_NUMBER}' THEN CASE WHEN {is_safe} THEN ({text})::float8"
            f" WHEN {text} ~ '{self.TINY}' THEN 0::float8 END END"
        )

    def date_in(self, text: str) -> str:
        return f"left({text}, 10)::date"

    def shown(self, figure: str) -> str:
        return f"(round({figure} * 1e6::float8) / 1e6::float8 + 0::float8)"  # of float8 it rounds ties to even

    def days_between(self, earlier: str, later: str) -> str:
        return f"date_part('epoch', {later} - {earlier}) / 86400"


class DuckDb(Dialect):
    name = "DuckDB"

    def placeholder(self, name: str) -> str:
        return f"${name}"

    def is_one_of(self, value: str, listed: str, type_: str, count: int) -> str:
        """A short list is looked through; a long one is joined, and hundreds of joins would take minutes to plan."""
        if count <= LOOKED_THROUGH:
            return f"list_contains({listed}::{type_}[], {value})"
        return f"{value} IN (SELECT unnest({listed}::{type_}[]))"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_matches({text}, {pattern})"

    def first_match(self, text: str, pattern: str) -> str:
        return f"regexp_extract({text}, {pattern})"

    def number_in(self, text: str) -> str:
        number = f"TRY_CAST(ltrim({text}, '+') AS DOUBLE)"
        return f"CASE WHEN regexp_matches({text}, '{ANY_NUMBER}') AND isfinite({number}) THEN {number} END"

    def date_in(self, text: str) -> str:
        return f"TRY_CAST(left({text}, 10) AS DATE)"

    def shown(self, figure: str) -> str:
        return f"(round_even({figure} * 1e6::float8, 0) / 1e6::float8 + 0::float8)"

    def days_between(self, earlier: str, later: str) -> str:
        return f"(epoch_us({later}) - epoch_us({earlier})) / 86400e6::float8"


POSTGRES, DUCKDB = Postgres(), DuckDb()


def _literal(pattern: str) -> str:
    return f"'{pattern}'"
