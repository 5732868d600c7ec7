"""Comparing one value of a lead or an event with what a document asks.

One rule bears all operators: a negative one is exactly the negation of its positive form, and a positive form
holds if one element of the value holds it (a single value is a list of one, a missing value a list of none).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from cultiva.criteria.context import Context
from cultiva.criteria.reading import nearest, read_list, read_number, read_range, read_text, refuse_later
from cultiva.lib.documents import DocumentError
from cultiva.lib.folding import fold

Scalar = str | float | bool
# (SQL of the stored text, SQL of the compared text) -> SQL boolean, not true for an empty stored text
Test = Callable[[str, str], str]

NEGATIONS = {
    "is_not": "is",
    "none_of": "any_of",
    "does_not_contain": "contains",
    "is_empty": "is_not_empty",
}
SYMBOLS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS = (
    "is", "is_not", "any_of", "none_of", "all_of",
    "contains", "contains_any", "does_not_contain", "starts_with", "ends_with",
    "gt", "gte", "lt", "lte", "between", "is_empty", "is_not_empty",
)  # fmt: skip
ABOUT_TEXT = ("contains", "contains_any", "does_not_contain", "starts_with", "ends_with")
WITH_LISTS = ("any_of", "none_of", "all_of", "contains_any")
LATER_OPERATORS = (
    "matches", "before", "after", "on", "within_last_days", "within_next_days", "anniversary_within_days",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """One operator with its operands; single operands are a tuple of one, those of `is_empty` none."""

    operator: str
    operands: tuple[Scalar, ...]

    @classmethod
    def read(cls, document: dict[str, Any], place: str, *, subject: str) -> Self:
        """The one operator beside the key `subject`; raises DocumentError for none, two or an unknown one."""
        refuse_later(document, LATER_OPERATORS, place)
        for key in document:
            if key != subject and key not in OPERATORS:
                raise DocumentError(place, f"unknown key `{key}`", nearest(key, [subject, *OPERATORS]))
        found = [key for key in document if key in OPERATORS]
        if len(found) != 1:
            problem = f"{' and '.join(f'`{key}`' for key in found)} stand together" if found else "no operator is given"
            raise DocumentError(place, f"{problem}; exactly one is needed", f"known: {', '.join(OPERATORS)}")
        operator = found[0]
        return cls(operator, _read_operands(operator, document[operator], f"{place}.{operator}"))

    def predicate(self, value: "Value", context: Context) -> str:
        """SQL: whether the value satisfies it; never NULL."""
        positive = NEGATIONS.get(self.operator)
        if positive:
            return f"NOT {Comparison(positive, self.operands).predicate(value, context)}"
        if self.operator == "all_of":
            return "(" + " AND ".join(value.some(_equals([each], context)) for each in self.operands) + ")"
        return value.some(self._test(context))

    def _test(self, context: Context) -> Test:
        if self.operator == "is_not_empty":
            return lambda stored, compared: f"{stored} <> ''"
        if self.operator in ("is", "any_of"):
            return _equals(self.operands, context)
        if self.operator in SYMBOLS:
            number = f"{context.bind(self.operands[0])}::float8"
            return lambda stored, compared: f"{number_in(stored)} {SYMBOLS[self.operator]} {number}"
        if self.operator == "between":
            low, high = (f"{context.bind(each)}::float8" for each in self.operands)
            return lambda stored, compared: f"{number_in(stored)} BETWEEN {low} AND {high}"
        return _part_of_text(self.operator, [fold(str(each)) for each in self.operands], context)


def _read_operands(operator: str, found: Any, place: str) -> tuple[Scalar, ...]:
    if operator in ("is_empty", "is_not_empty"):
        if found is not True:
            other = "is_not_empty" if operator == "is_empty" else "is_empty"
            raise DocumentError(place, f"only true can stand here, not {found!r}", f"for the contrary: {other}: true")
        return ()
    if operator in SYMBOLS:
        return (read_number(found, place),)
    if operator == "between":
        return read_range(found, place)
    read_one: Callable[[Any, str], Scalar] = read_text if operator in ABOUT_TEXT else _read_scalar
    if operator in WITH_LISTS:
        return tuple(read_one(each, f"{place}[{n}]") for n, each in enumerate(read_list(found, place)))
    return (read_one(found, place),)


def _read_scalar(found: Any, place: str) -> Scalar:
    if isinstance(found, list):
        raise DocumentError(place, f"one value is needed, not the list {found!r}", "any_of takes a list")
    if isinstance(found, bool):
        return found
    return read_number(found, place) if isinstance(found, (int, float)) else read_text(found, place)


def _equals(operands: Sequence[Scalar], context: Context) -> Test:
    """Equal to one of the operands; each decides how it is compared."""
    flags = ["true" if each else "false" for each in operands if isinstance(each, bool)]
    numbers = [each for each in operands if isinstance(each, float)]
    texts = [fold(each) for each in operands if isinstance(each, str)]
    bound_flags = context.bind(flags) if flags else ""
    bound_numbers = context.bind(numbers) if numbers else ""
    bound_texts = context.bind(texts) if texts else ""

    def test(stored: str, compared: str) -> str:
        ways = []
        if flags:
            ways.append(f'{stored} COLLATE "C" = ANY ({bound_flags}::text[])')
        if numbers:
            ways.append(f"{number_in(stored)} = ANY ({bound_numbers}::float8[])")
        if texts:
            ways.append(f'{compared} COLLATE "C" = ANY ({bound_texts}::text[]){_unless_empty(stored, texts)}')
        return f"({' OR '.join(ways)})"

    return test


def _part_of_text(operator: str, operands: Sequence[str], context: Context) -> Test:
    bound = [f"{context.bind(each)}::text" for each in operands]
    forms = {
        "contains": 'strpos({0} COLLATE "C", {1}) > 0',
        "contains_any": 'strpos({0} COLLATE "C", {1}) > 0',
        "starts_with": "starts_with({0}, {1})",
        "ends_with": 'right({0}, char_length({1})) COLLATE "C" = {1}',
    }

    def test(stored: str, compared: str) -> str:
        ways = " OR ".join(forms[operator].format(compared, each) for each in bound)
        return f"({ways}){_unless_empty(stored, operands)}"

    return test


def _unless_empty(stored: str, operands: Sequence[str]) -> str:
    """What folds to nothing (a lone accent) is found in every text; in an empty one it must not be."""
    return f" AND {stored} <> ''" if "" in operands else ""


# A cast to float8 fails on what float64 cannot hold and on what it would round to 0. Texts of the first pattern
# are far from both; what only the second takes is tried with jsonpath, whose errors can be silenced.
SMALL_NUMBER = r"^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
ANY_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
TINY = r"^[+-]?0*\.|[eE]-"


def number_in(stored: str) -> str:
    """SQL: the float64 a stored text holds, NULL where it is none (or too great to be one)."""
    is_safe = f"jsonb_path_exists(to_jsonb({stored}), '$.double()', '{{}}', true)"
    return (
        f"CASE WHEN {stored} ~ '{SMALL_NUMBER}' THEN ({stored})::float8"
        f" WHEN {stored} ~ '{ANY_NUMBER}' THEN CASE WHEN {is_safe} THEN ({stored})::float8"
        f" WHEN {stored} ~ '{TINY}' THEN 0::float8 END END"
    )


@dataclass(frozen=True)
class Value:
    """SQL of one JSON value inside an object, and of the compared text kept beside it (lib.folding)."""

    object: str
    folded: str
    key: str

    @classmethod
    def at_path(cls, object_: str, folded: str, path: Sequence[str], context: Context) -> Self:
        """The value at a path of keys. `->` with a text takes keys of objects alone: lists are not entered."""
        *parents, key = [f"{context.bind(each)}::text" for each in path]
        inside = "".join(f" -> {parent}" for parent in parents)
        return cls(f"({object_}{inside})", f"({folded}{inside})", key)

    @property
    def json(self) -> str:
        return f"({self.object} -> {self.key})"

    @property
    def stored_text(self) -> str:
        return f"({self.object} ->> {self.key})"

    @property
    def compared_text(self) -> str:
        return f"coalesce({self.folded} ->> {self.key}, {self.object} ->> {self.key})"

    @property
    def identity(self) -> str:
        """SQL: a text that is equal for the same number, boolean or folded text; NULL for all else."""
        return (
            f"CASE WHEN jsonb_typeof({self.json}) IN ('string', 'number', 'boolean') AND {self.stored_text} <> ''"
            f" THEN jsonb_typeof({self.json}) || ' ' || {self.compared_text} END"
        )

    def some(self, test: Test) -> str:
        """SQL: whether one element of the value passes; missing ones never do. Never NULL.

        Only the texts of lists and objects, and few others, begin with [ or {: most values are tested at once.
        """
        element, compared = (
            "(i.v #>> '{}')",
            f"coalesce({self.folded} -> {self.key} ->> (i.n - 1)::int, i.v #>> '{{}}')",
        )
        elements = f"CASE jsonb_typeof({self.json}) WHEN 'array' THEN {self.json} ELSE '[]' END"
        return (
            f"coalesce(CASE WHEN ascii({self.stored_text}) IN (91, 123) AND jsonb_typeof({self.json}) <> 'string'"
            f" THEN EXISTS (SELECT FROM jsonb_array_elements({elements}) WITH ORDINALITY AS i(v, n)"
            f" WHERE jsonb_typeof(i.v) IN ('string', 'number', 'boolean') AND {test(element, compared)})"
            f" ELSE {test(self.stored_text, self.compared_text)} END, false)"
        )
