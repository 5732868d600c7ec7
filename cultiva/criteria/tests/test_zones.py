"""Days are local: clocks that go forward and back, over midnight too, and 29 February."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.criteria.days import spans_of_days
from cultiva.criteria.language import Context, compile_predicate, parse
from cultiva.criteria.tests.cast import Act, Person, Undone, against_the_database, make_months, make_people
from cultiva.criteria.tests.on_files import run, write_people
from cultiva.criteria.tests.reference import holds
from cultiva.lib.database import fetch_all

ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Atlantic/Azores"]
# At 0:01 St. John's went back into the day before; Beirut and São Paulo went forward over midnight; Apia lost a day.
TURNS = {
    "America/St_Johns": [date(2008, 11, 2), date(2008, 3, 9)],
    "Asia/Beirut": [date(2022, 3, 27), date(2022, 10, 30)],
    "America/Sao_Paulo": [date(2018, 11, 4), date(2019, 2, 17)],
    "Pacific/Apia": [date(2011, 12, 30), date(2011, 12, 31)],
    "Europe/Madrid": [date(2025, 3, 30), date(2025, 10, 26)],
    "America/Havana": [date(2024, 11, 3), date(2024, 3, 10)],
}
DAY = timedelta(days=1)
MIDNIGHTS = [
    datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 30, tzinfo=UTC),
    datetime(2025, 10, 26, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC),
]  # fmt: skip
near = st.builds(
    lambda midnight, minutes: midnight + timedelta(minutes=minutes),
    st.sampled_from(MIDNIGHTS),
    st.integers(-48, 48).map(lambda half_hours: 30 * half_hours) | st.integers(-1500, 1500),
)
written = st.builds(
    lambda instant, form, zone: form(instant.astimezone(ZoneInfo(zone))),
    near,
    st.sampled_from(
        [
            datetime.isoformat,
            lambda t: t.isoformat(" "),
            lambda t: t.date().isoformat(),
            lambda t: t.strftime("%FT%R%z"),
        ]
    ),
    st.sampled_from(ZONES),
)
asked = st.one_of(
    st.builds(
        lambda k, n: {k: n},
        st.sampled_from(["within_last_days", "within_next_days", "anniversary_within_days"]),
        st.integers(1, 4) | st.sampled_from([364, 365, 366]),
    ),
    st.builds(lambda k, t: {k: t.date().isoformat()}, st.sampled_from(["before", "after", "on"]), near),
)
spans = st.builds(
    lambda t, length: {"between_dates": [t.date().isoformat(), (t.date() + length * DAY).isoformat()]},
    near,
    st.integers(0, 2),
)


people_in_zones = given(
    at=near, zone=st.sampled_from(ZONES), dates=st.lists(written, min_size=3, max_size=6),
    tests=st.lists(asked, min_size=4, max_size=4), days=st.lists(spans, min_size=2, max_size=2),
)  # fmt: skip


@settings(against_the_database, max_examples=20)
@people_in_zones
def test_a_day_is_the_same_in_every_engine(huerta: Any, tmp_path: Path, **drawn: Any) -> None:
    engines_agree(huerta, tmp_path, **drawn)


@pytest.mark.slow
@settings(against_the_database, max_examples=200)
@people_in_zones
def test_many_more_days_are_the_same_in_every_engine(huerta: Any, tmp_path: Path, **drawn: Any) -> None:
    engines_agree(huerta, tmp_path, **drawn)


def engines_agree(
    huerta: Any, tmp_path: Path, at: datetime, zone: str, dates: list[str], tests: list[Any], days: list[Any]
) -> None:
    acts = [Act("download", n * timedelta(hours=5), by_visitor=n % 2 == 1) for n in range(12)]
    people = [Person({"a": text}, [acts[n], acts[-n]]) for n, text in enumerate(dates)]
    make_months(huerta, at, at - 3 * DAY)
    with Undone():
        ids = make_people(huerta, people, at)
        write_people(tmp_path, people, at)
        for document in [{"attribute": "a", **test} for test in tests] + [{"event": "download", **d} for d in days]:
            expected = [n for n, person in enumerate(people) if holds(document, person, at, at, zone)]
            context = Context(timezone=zone)
            sql = f"SELECT l.id FROM lead l WHERE {compile_predicate(parse(document), context)} ORDER BY l.id"
            rows = fetch_all(sql, {**context.parameters, "at": at})
            assert [ids.index(row["id"]) for row in rows] == expected, document
            run(tmp_path, document, at, zone)
            found = (tmp_path / "out.csv").read_text().split()[1:]
            assert [int(lead) for lead in found] == expected, document


@settings(deadline=None, database=None, max_examples=300)
@given(
    turn=st.sampled_from([(zone, day) for zone, days in TURNS.items() for day in days]),
    first=st.integers(-2, 1), length=st.integers(0, 2), minutes=st.integers(-3000, 3000), seconds=st.integers(0, 59),
)  # fmt: skip
def test_the_spans_of_days_hold_just_the_instants_of_those_days(
    turn: tuple[str, date], first: int, length: int, minutes: int, seconds: int
) -> None:
    zone, day = turn
    begin, end = day + first * DAY, day + (first + length) * DAY
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes, seconds=seconds)
    is_inside = any(start <= instant < stop for start, stop in spans_of_days(begin, end, zone) if start and stop)
    assert is_inside == (begin <= instant.astimezone(ZoneInfo(zone)).date() <= end)
