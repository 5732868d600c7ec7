"""How close leads are to personas, and which is the main one: what SQL says is what plain Python says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests import samples
from cultiva.criteria.tests.cast import Person, Undone, against_the_database, make_months, make_people
from cultiva.criteria.tests.reference import holds
from cultiva.leads.models import LeadState
from cultiva.segments.persona_models import LeadPersona
from cultiva.segments.personas.closeness import place_leads
from cultiva.segments.standing import Standing, read_persona

MADRID = "Europe/Madrid"


def shown(value: float) -> float:
    return round(value * 10**6) / 10**6


def main_persona(
    personas: Sequence[tuple[str, Any]], person: Person, at: datetime
) -> tuple[str, float, float, str | None] | None:
    """(key, closeness, confidence, runner-up), by the words of the reference."""
    closeness = []
    for place, (key, criteria) in enumerate(personas):
        held = total = 0.0
        for each in criteria:
            held += each["weight"] if holds(each["when"], person, at, at) else 0
            total += each["weight"]
        closeness.append((-shown(held / total), place, key))
    first, *others = sorted(closeness)
    second = others[0] if others and others[0][0] < 0 else (0, 0, None)
    return (first[2], -first[0], shown(second[0] - first[0]), second[2]) if -first[0] >= 0.5 else None


def valid(workspace: Any, ids: Sequence[int], at: datetime) -> None:
    ConsentMark.objects.bulk_create(
        ConsentMark(workspace=workspace, lead_id=id, valid_since=at, profiled_since=at) for id in ids
    )
    LeadState.objects.bulk_create(LeadState(workspace=workspace, lead_id=id, stage_since=at) for id in ids)


def place(workspace: Any, personas: Sequence[tuple[str, Any]], ids: Sequence[int], at: datetime) -> list[Any]:
    standing = [Standing(key, 1, read_persona(key, criteria)) for key, criteria in personas]
    return place_leads(workspace_id=workspace.id, lead_ids=ids, personas=standing, at=at)


def placed(workspace: Any, ids: Sequence[int]) -> list[tuple[str, float | None, float | None, str | None] | None]:
    found = {each.lead_id: each for each in LeadPersona.objects.filter(workspace=workspace)}
    return [
        (each.persona, each.closeness, each.confidence, each.runner_up) if each and each.persona else None
        for each in (found.get(id) for id in ids)
    ]


# Thirds and tenths: sums of these are no round numbers, and many of their shares are equal only as they are shown.
weights = st.sampled_from([1, 2, 3, 0.1, 0.2, 0.3, 1 / 3, 2 / 3, 1e-7, 1e6, 2.5])
criteria = st.lists(
    st.builds(lambda when, weight: {"when": when, "weight": weight}, samples.documents, weights), min_size=1, max_size=4
)
personas = st.lists(criteria, min_size=1, max_size=4).map(
    lambda found: [(f"p{n}", each) for n, each in enumerate(found)]
)


@settings(against_the_database, max_examples=60)
@given(personas=personas, people=st.lists(samples.people, min_size=1, max_size=5))
def test_any_personas_are_as_close_to_anybody_as_the_reference_says(
    huerta: Any, at: datetime, personas: Any, people: list[Person]
) -> None:
    make_months(huerta, at, at - timedelta(days=31), at - timedelta(days=62))
    with Undone():
        ids = make_people(huerta, people, at)
        valid(huerta, ids, at)
        events = place(huerta, personas, ids, at)
        expected = [main_persona(personas, person, at) for person in people]
        assert placed(huerta, ids) == expected
        assert [event.lead_id for event in events] == [
            id for id, each in zip(ids, expected, strict=True) if each is not None
        ]
        assert place(huerta, personas, ids, at) == []


SPANISH = {"attribute": "country", "is": "ES"}
BIG = {"attribute": "employees", "gte": 50}


def test_of_two_that_are_equally_close_the_first_is_the_main_one_without_confidence(huerta: Any, at: datetime) -> None:
    ids = make_people(huerta, [Person({"country": "ES", "employees": 80})], at)
    valid(huerta, ids, at)
    one, other = ("one", [{"when": SPANISH, "weight": 0.1}]), ("other", [{"when": BIG, "weight": 7}])
    place(huerta, [one, other], ids, at)
    assert placed(huerta, ids) == [("one", 1.0, 0.0, "other")]
    place(huerta, [other, one], ids, at)
    assert placed(huerta, ids) == [("other", 1.0, 0.0, "one")]


def test_shares_are_compared_as_they_are_shown(huerta: Any, at: datetime) -> None:
    """0.1 + 0.2 of 0.6 is a little more than a half, a hair less than a half is shown as one."""
    ids = make_people(huerta, [Person({"country": "ES"})], at)
    valid(huerta, ids, at)
    nearly = [{"when": SPANISH, "weight": 1}, {"when": BIG, "weight": 1.0000001}]
    place(huerta, [("nearly", nearly)], ids, at)
    assert placed(huerta, ids) == [("nearly", 0.5, 0.5, None)]
    place(huerta, [("less", [{"when": SPANISH, "weight": 1}, {"when": BIG, "weight": 1.00001}])], ids, at)
    assert placed(huerta, ids) == [None]


def test_who_may_not_be_profiled_has_no_persona(huerta: Any, at: datetime) -> None:
    ids = make_people(huerta, [Person({"country": "ES"})] * 4, at)
    valid(huerta, ids[:3], at)
    ConsentMark.objects.filter(lead_id=ids[0]).update(objected_at=at)
    ConsentMark.objects.filter(lead_id=ids[1]).update(profiled_since=None)
    persona = [("spanish", [{"when": SPANISH, "weight": 1}])]
    place(huerta, persona, ids, at)
    assert placed(huerta, ids) == [None, None, ("spanish", 1.0, 1.0, None), None]
    ConsentMark.objects.filter(lead_id=ids[2]).update(objected_at=at)
    (event,) = place(huerta, persona, ids, at)
    assert placed(huerta, ids) == [None] * 4
    assert (event.lead_id, event.properties["persona"], event.properties["from"]) == (ids[2], None, "spanish")
