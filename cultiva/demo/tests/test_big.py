"""A big demo, small: what is written in bulk is what the product itself would have written."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from cultiva.accounts.models import User, Workspace
from cultiva.consent.actions import can_contact
from cultiva.consent.tests.committed import TABLES, as_owner
from cultiva.consent.verifying import verify_chain
from cultiva.demo import big as big_demo
from cultiva.demo.filling import fill_demo
from cultiva.events.batch import Batch
from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.models import Conversion, Lead, LeadState, LeadValue
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.scoring.actions import score

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LEADS = 400
CATALOGUE = """
SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid::regclass::text NOT LIKE 'pg_%%'
UNION ALL SELECT conrelid::regclass::text || conname || pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Workspace]:
    """The owner commits what it writes; everything goes with the module."""
    slug = f"big-{uuid.uuid4().hex[:8]}"
    said: list[str] = []
    before, big_demo.BIG_BEYOND = big_demo.BIG_BEYOND, 100
    with django_db_blocker.unblock():
        try:
            things = {row["name"] for row in fetch_all(CATALOGUE)}
            made = fill_demo(at=AT, seed=3, leads=LEADS, slug=slug, progress=said.append)
            kept = {row["name"] for row in fetch_all(CATALOGUE)}
            assert {name for name in things if not name.startswith("event_20")} <= kept
            assert "done in" in said[-1]
            yield made.workspace
        finally:
            big_demo.BIG_BEYOND = before
            connection.close()
            clean_up(slug)


def clean_up(slug: str) -> None:
    with as_owner() as owner:
        found = owner.execute("SELECT id FROM workspace WHERE slug = %s", [slug]).fetchone()
        for (table,) in owner.execute(TABLES).fetchall() if found else []:
            if not table.startswith("event_20"):
                owner.execute(f"DELETE FROM {table} WHERE workspace_id = %s", found)
        owner.execute("DELETE FROM workspace WHERE slug = %s", [slug])


@pytest.fixture
def big(filled: Workspace, db: None) -> Iterator[Workspace]:
    with workspace_scope(filled.id):
        yield filled


def test_it_holds_as_many_leads_as_asked_and_ten_events_each(big: Workspace) -> None:
    assert Lead.objects.filter(workspace_id=big.id).count() == LEADS
    assert LeadState.objects.filter(workspace_id=big.id).count() == LEADS
    events = fetch_all("SELECT count(*) AS n, count(DISTINCT lead_id) AS leads FROM lead_event")[0]
    assert 8 * LEADS < events["n"] < 13 * LEADS
    assert events["leads"] == LEADS
    months = fetch_all("SELECT DISTINCT tableoid::regclass::text AS t FROM event")
    assert len(months) >= 14


def test_its_chains_of_evidence_verify(big: Workspace) -> None:
    lengths: dict[int, int] = {}
    for lead_id in Lead.objects.filter(workspace_id=big.id).values_list("id", flat=True):
        report = verify_chain(workspace_id=big.id, lead_id=lead_id)
        assert report.is_whole, (lead_id, report)
        lengths[report.length] = lengths.get(report.length, 0) + 1
    assert set(lengths) == {0, 1, 2, 3, 4}


def test_its_scores_are_those_the_product_computes(big: Workspace) -> None:
    columns = "lead_id, total, dimensions, temperature, grade, next_change_at"
    before = fetch_all(f"SELECT {columns} FROM score WHERE workspace_id = %s ORDER BY lead_id", [big.id])
    states = fetch_all("SELECT lead_id, score, temperature, grade FROM lead_state ORDER BY lead_id")
    lead_ids = list(Lead.objects.filter(workspace_id=big.id).order_by("id").values_list("id", flat=True))
    batch = Batch(workspace_id=big.id, at=AT, lead_ids=lead_ids)
    score(batch)
    assert batch.events == []  # nobody's band changes
    assert fetch_all(f"SELECT {columns} FROM score WHERE workspace_id = %s ORDER BY lead_id", [big.id]) == before
    assert fetch_all("SELECT lead_id, score, temperature, grade FROM lead_state ORDER BY lead_id") == states
    assert {row["temperature"] for row in before} == {"hot", "warm", "cold"}


def test_its_customers_have_bought(big: Workspace) -> None:
    buyers = set(LeadValue.objects.filter(workspace_id=big.id).values_list("lead_id", flat=True))
    customers = LeadState.objects.filter(workspace_id=big.id, stage="customer")
    assert 0 < len(buyers) < LEADS / 8
    assert set(customers.values_list("lead_id", flat=True)) <= buyers
    assert Conversion.objects.filter(workspace_id=big.id, kind="order", currency="EUR", value__gt=0).count() == len(
        buyers
    )


def test_its_consents_allow_what_they_say(big: Workspace) -> None:
    lead_ids = list(Lead.objects.filter(workspace_id=big.id).values_list("id", flat=True))
    decisions = can_contact(workspace_id=big.id, lead_ids=lead_ids, purpose="marketing", channel="email", at=AT)
    reasons = {decision.reason for decision in decisions.values()}
    assert reasons == {"", "no_basis", "unconfirmed", "not_valid"}


def test_its_leads_are_found(big: Workspace) -> None:
    lead = Lead.objects.filter(workspace_id=big.id).order_by("id")[7]
    words = f"{lead.attributes['first_name']} {lead.email}"
    page = list_leads(workspace_id=big.id, wanted=LeadFilter(search=words))
    assert [row["id"] for row in page.rows] == [lead.id]


def test_the_same_again_changes_nothing(big: Workspace) -> None:
    said: list[str] = []
    assert not fill_demo(at=AT, leads=9000, slug=big.slug, progress=said.append).is_new
    assert "nothing was changed" in said[0]


def test_every_screen_opens(big: Workspace) -> None:
    client = Client()
    ana = User.objects.with_email("ana@riega.example").get()
    client.force_login(ana, backend="cultiva.accounts.signing_in.PasswordBackend")
    buyer = LeadValue.objects.filter(workspace_id=big.id).order_by("lead_id")[0].lead_id
    session = client.session
    session["workspace"] = big.id
    session.save()
    for path in ("/", "/leads", f"/leads/{buyer}"):
        assert client.get(path).status_code == 200, path
