"""The list of leads: filtered, searched, sorted, page by page."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.leads.actions import save_lead
from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.models import LeadState
from cultiva.lib.database import workspace_scope

PEOPLE = [
    ("Ana", "Peña", "Huertos SL"),
    ("Íñigo", "Sáez", "Campo 50%"),
    ("Eva", "Gil", "Huertos SL"),
    ("Leo", "Paz", "Riegos_SA"),
]


@pytest.fixture
def people(huerta: Any, at: datetime) -> list[int]:
    ids = []
    for n, (first, last, company) in enumerate(PEOPLE):
        lead, _is_new = save_lead(
            workspace_id=huerta.id, email=f"{first}@x{n}.example".replace("Í", "I").replace("ñ", "n"), language="es",
            source_kind="form", at=at + timedelta(minutes=n),
            attributes={"first_name": first, "last_name": last, "company": company},
        )  # fmt: skip
        ids.append(lead.id)
    for lead_id, score, stage in zip(ids, (40, None, 70, 10), ("lead", "lead", "customer", "lead"), strict=True):
        LeadState.objects.filter(workspace_id=huerta.id, lead_id=lead_id).update(
            score=score, stage=stage, temperature="hot" if score == 70 else None
        )
    return ids


def found(huerta: Any, **wanted: str) -> list[int]:
    return [row["id"] for row in list_leads(workspace_id=huerta.id, wanted=LeadFilter(**wanted)).rows]


def test_newest_come_first_and_the_unscored_last(huerta: Any, people: list[int]) -> None:
    assert found(huerta) == people[::-1]
    assert found(huerta, sort="score") == [people[2], people[0], people[3], people[1]]


@pytest.mark.parametrize(
    ("search", "places"),
    [
        ("pena", [0]),
        ("INIGO", [1]),
        ("huertos gil", [2]),
        ("50%", [1]),
        ("g_s", []),
        ("riegos_sa", [3]),
        ("x2.example", [2]),
    ],
)
def test_search_knows_no_accents_and_no_wildcards(
    huerta: Any, people: list[int], search: str, places: list[int]
) -> None:
    assert found(huerta, search=search) == [people[n] for n in places]


def test_filters_narrow_the_list(huerta: Any, people: list[int]) -> None:
    assert found(huerta, stage="customer") == [people[2]]
    assert found(huerta, temperature="hot") == [people[2]]
    assert len(found(huerta, temperature="none")) == 3


@pytest.mark.parametrize("sort", ["newest", "score", "seen"])
def test_pages_follow_one_another_without_gap_or_repeat(huerta: Any, people: list[int], sort: str) -> None:
    seen, key = [], None
    while True:
        page = list_leads(workspace_id=huerta.id, wanted=LeadFilter(sort=sort), after=key, limit=1)
        assert (page.count, page.is_exact) == (4, True)
        seen += [row["id"] for row in page.rows]
        key = page.next_key
        if key is None:
            break
    assert seen == found(huerta, sort=sort)


def test_a_page_key_that_we_did_not_make_is_refused(huerta: Any) -> None:
    for key in ("x", "WzFd", "bnVsbA"):
        with pytest.raises(ValueError, match="No page begins"):
            list_leads(workspace_id=huerta.id, wanted=LeadFilter(), after=key)


def test_another_workspace_sees_none_of_them(huerta: Any, other_co: Any, people: list[int]) -> None:
    with workspace_scope(other_co.id):
        assert found(other_co) == []
        assert found(other_co, search="ana") == []
        assert list_leads(workspace_id=huerta.id, wanted=LeadFilter(search="ana")).rows == []
