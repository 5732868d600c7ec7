"""The list of leads: filtered, searched, sorted, page by page."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cultiva.leads.actions import save_lead
from cultiva.leads.lists import SORTS, LeadFilter, list_leads
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import execute, workspace_scope

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


def found(huerta: Any, **wanted: Any) -> list[int]:
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
    def made(*parts: Any) -> str:
        return urlsafe_b64encode(json.dumps(parts).encode()).decode()

    ours = ("2026-03-10 12:00:00+00", 7)
    ids = [made(ours[0], lead_id) for lead_id in ("x", 0, 2**63, True, None)]
    values = [made(value, 7) for value in ("now", None, "1e", "2026-13-01")]
    assert list_leads(workspace_id=huerta.id, wanted=LeadFilter(sort="score"), after=made("1e999", 7)).rows == []
    for sort in ("newest", "seen", "score"):
        for key in ("x", "WzFd", "bnVsbA", "[" * 9000, made(*ours, 8), *ids, *values):
            with pytest.raises(ValueError, match="No page begins"):
                list_leads(workspace_id=huerta.id, wanted=LeadFilter(sort=sort), after=key)


def test_another_workspace_sees_none_of_them(huerta: Any, other_co: Any, people: list[int]) -> None:
    with workspace_scope(other_co.id):
        assert found(other_co) == []
        assert found(other_co, search="ana") == []
        assert list_leads(workspace_id=huerta.id, wanted=LeadFilter(search="ana")).rows == []


def test_leads_are_found_by_what_identifies_them_and_by_time(huerta: Any, people: list[int], at: datetime) -> None:
    Lead.objects.filter(id=people[1]).update(external_id="crm-1")
    LeadState.objects.filter(lead_id=people[3]).update(last_seen_at=at)
    assert found(huerta, email="ANA@x0.example".title()) == [people[0]]
    assert found(huerta, external_id="crm-1") == [people[1]]
    assert found(huerta, external_id="CRM-1") == []
    assert found(huerta, created_since=at + timedelta(minutes=2)) == [people[3], people[2]]
    assert found(huerta, seen_since=at) == [people[3]]
    with pytest.raises(ValueError, match="@"):
        found(huerta, email="nobody")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("head", [1, 2, 3, 100])
def test_a_common_word_is_found_at_the_head_of_the_list_and_beyond(
    huerta: Any, people: list[int], sort: str, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = found(huerta, sort=sort)
    monkeypatch.setattr("cultiva.leads.lists.FEW", 0)
    monkeypatch.setattr("cultiva.leads.lists.HEAD", head)
    assert found(huerta, sort=sort, search="huertos") == [each for each in everyone if each in (people[0], people[2])]
    assert found(huerta, sort=sort, search="huertos", stage="customer") == [people[2]]
    pages, key = [], None
    for _page in range(5):
        page = list_leads(
            workspace_id=huerta.id, wanted=LeadFilter(sort=sort, search="example"), after=key, limit=1
        )  # fmt: skip
        pages += [row["id"] for row in page.rows]
        key = page.next_key
        if key is None:
            break
    assert pages == everyone


MANY = """
INSERT INTO lead (workspace_id, email, email_key, external_id, attributes, language, source_kind, created_at,
                  search_text)
SELECT %(workspace)s, n || '@x.example', n || '@x.example', n, '{}', 'es', 'import', %(at)s - n * interval '1 s', ''
  FROM generate_series(1, 20000) n;
INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle, score, last_seen_at)
SELECT workspace_id, id, 'lead', created_at, 1, id %% 100, created_at FROM lead WHERE workspace_id = %(workspace)s;
SELECT analyze_history()
"""


@pytest.mark.parametrize(
    "wanted", [*({"sort": sort} for sort in SORTS), {"email": "7@x.example"}, {"external_id": "9"}]
)
def test_pages_of_many_leads_never_scan_the_table(huerta: Any, at: datetime, wanted: dict[str, Any]) -> None:
    for statement in MANY.split(";"):
        execute(statement, {"workspace": huerta.id, "at": at})
    key = None
    for _page in range(2):
        with CaptureQueriesContext(connection) as queries:
            page = list_leads(workspace_id=huerta.id, wanted=LeadFilter(**wanted), after=key, with_count=False)
        assert len(queries) == 1
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + queries[0]["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan or "sort" not in wanted, plan
        key = page.next_key
