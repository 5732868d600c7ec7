"""Who is who: addresses, leads and visitors."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.events.actions import NewEvent, claim_new_events, record_events, visitor_of
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.events.verdicts import mark_machine
from cultiva.leads.actions import (
    BadAddress,
    clean_attributes,
    link_visitor,
    lock_leads,
    project,
    read_address,
    resolve,
    save_lead,
)
from cultiva.leads.models import Lead, LeadState, VisitorLink
from cultiva.lib.database import fetch_all, workspace_scope


# checked against email-validator 2.4
@pytest.mark.parametrize(
    ("written", "text", "key"),
    [
        ("ana@example.com", "ana@example.com", "ana@example.com"),
        ("josé@bücher.es", "josé@bücher.es", "josé@xn--bcher-kva.es"),
        ("ANA@Example.COM", "ANA@example.com", "ana@example.com"),
        ("ana@xn--bcher-kva.es", "ana@bücher.es", "ana@xn--bcher-kva.es"),
        ("ana+guia@example.com", "ana+guia@example.com", "ana+guia@example.com"),
        ("ana.lopez@example.com", "ana.lopez@example.com", "ana.lopez@example.com"),
        ("ａｎａ@example.com", "ａｎａ@example.com", "ana@example.com"),
    ],
)
def test_an_address_keeps_its_local_part_and_has_one_key(written: str, text: str, key: str) -> None:
    address = read_address(written)
    assert (address.text, address.key) == (text, key)


@pytest.mark.parametrize(
    "written",
    ["ana@localhost", "ana..p@example.com", "ana@[127.0.0.1]", '"q q"@example.com', "ana@example.com\n",
     "ana\r\nbcc: x@example.com", "ana", "", "null", "a@b@c.com", "ﷺ" * 20 + "@example.com"],
)  # fmt: skip
def test_it_refuses_what_is_no_address(written: str) -> None:
    with pytest.raises(BadAddress):
        read_address(written)


def find(workspace: Any, at: datetime, email: str = "ana@example.com", **attributes: Any) -> tuple[Lead, bool]:
    return save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, language="es", source_kind="form", at=at
    )


def test_the_same_person_is_found_again_however_they_write_their_address(huerta: Any, at: datetime) -> None:
    first, is_new = find(huerta, at, "Ana@Example.com", first_name="Ana")
    again, is_new_again = find(huerta, at, "ANA@example.com", company="Café Sol")
    assert (is_new, is_new_again) == (True, False)
    assert again.id == first.id
    assert again.email == "Ana@example.com"
    assert again.attributes == {"first_name": "Ana", "company": "Café Sol", "email": "Ana@example.com"}
    assert again.search_text == "ana cafe sol ana@example.com"
    assert again.folded == {"first_name": "ana", "company": "cafe sol", "email": "ana@example.com"}
    assert Lead.objects.filter(workspace_id=huerta.id).count() == 1


def test_blank_never_overwrites(huerta: Any, at: datetime) -> None:
    find(huerta, at, first_name="Ana", company="Sol")
    lead, _ = find(huerta, at, first_name="", company="   ", job_title=None)
    stored = Lead.objects.get(id=lead.id)
    assert stored.attributes == {"first_name": "Ana", "company": "Sol", "email": "ana@example.com"}


def test_a_new_lead_has_its_state_and_an_identify_event(huerta: Any, at: datetime) -> None:
    lead, _ = find(huerta, at, first_name="Ana")
    state = LeadState.objects.get(workspace_id=huerta.id, lead_id=lead.id)
    assert (state.stage, state.stage_since, state.cycle, state.last_seen_at) == ("lead", at, 1, None)
    event = Event.objects.get(workspace_id=huerta.id, lead_id=lead.id)
    assert (event.kind, event.properties) == ("identify", {"first_name": "Ana", "email": "ana@example.com"})


def test_attributes_are_bounded_and_are_plain_values(huerta: Any, at: datetime) -> None:
    given: dict[str, Any] = {
        "a": "x" * 20_000,
        "b": {"nested": 1},
        "c": float("nan"),
        "d": "a\x00b\x1bc",
        "e": ["", "x", None],
        "f": 3,
    }
    cleaned = clean_attributes({**given, "email": "other@example.com"})
    assert cleaned == {"a": "x" * 10_000, "b_nested": 1, "d": "abc", "e": ["x"], "f": 3}
    assert len(clean_attributes({f"k{n}": "v" for n in range(500)})) == 100
    lead, _ = find(huerta, at, **given)
    assert Lead.objects.get(id=lead.id).attributes["d"] == "abc"


def test_another_workspace_has_its_own_leads(huerta: Any, other_co: Any, at: datetime) -> None:
    mine, _ = find(huerta, at)
    with workspace_scope(other_co.id):
        theirs, is_new = find(other_co, at)
        assert is_new
        assert theirs.id != mine.id
        assert not Lead.objects.filter(id=mine.id).exists()


def visitor(workspace: Any, name: str) -> uuid.UUID:
    return visitor_of(workspace_id=workspace.id, source_id=1, anonymous_id=name)


def take(workspace: Any, at: datetime, *events: NewEvent) -> Batch:
    """The events through the inbox into a batch that has been resolved."""
    record_events(workspace_id=workspace.id, events=events, received_at=at)
    batch = Batch(workspace.id, at, claim_new_events(workspace_id=workspace.id, limit=1000))
    resolve(batch)
    batch.lead_ids = lock_leads(workspace_id=workspace.id, lead_ids=batch.lead_ids)
    project(batch)
    return batch


def page(who: uuid.UUID, at: datetime, **more: Any) -> NewEvent:
    return NewEvent(kind="page", message_id=str(uuid.uuid4()), occurred_at=at, source_id=1, visitor=who, **more)


def identify(who: uuid.UUID, at: datetime, email: Any) -> NewEvent:
    return NewEvent(
        kind="identify",
        message_id=str(uuid.uuid4()),
        occurred_at=at,
        source_id=1,
        visitor=who,
        properties={"email": email},
    )


def test_resolve_links_a_visitor_who_gives_the_address_of_a_lead(huerta: Any, at: datetime) -> None:
    lead, _ = find(huerta, at)
    who = visitor(huerta, "browser-1")
    batch = take(huerta, at, page(who, at - timedelta(hours=1)), identify(who, at, "ANA@example.com"), page(who, at))
    assert batch.lead_ids == [lead.id]
    assert {event.lead_id for event in batch.events} == {lead.id}
    assert LeadState.objects.get(lead_id=lead.id).last_seen_at == at
    assert take(huerta, at, page(who, at)).lead_ids == [lead.id]


def test_resolve_never_makes_a_lead(huerta: Any, at: datetime) -> None:
    for email in ("unknown@example.com", "null", "undefined", "guest", "0", "", None, 7, {"a": 1}):
        assert take(huerta, at, identify(visitor(huerta, "b"), at, email)).lead_ids == []
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    assert not VisitorLink.objects.filter(workspace_id=huerta.id).exists()


def test_a_linked_visitor_stays_linked(huerta: Any, at: datetime) -> None:
    ana, _ = find(huerta, at)
    bea, _ = find(huerta, at, "bea@example.com")
    who = visitor(huerta, "shared")
    take(huerta, at)  # the leads' own records
    batch = take(huerta, at, identify(who, at, "ana@example.com"), identify(who, at, "bea@example.com"))
    assert batch.lead_ids == [ana.id]
    assert not link_visitor(workspace_id=huerta.id, visitor=who, lead_id=bea.id, at=at)
    assert VisitorLink.objects.get(workspace_id=huerta.id).lead_id == ana.id


def test_only_the_persons_own_acts_say_when_they_were_last_seen(huerta: Any, at: datetime) -> None:
    lead, _ = find(huerta, at)
    take(huerta, at, NewEvent(kind="track", name="x", message_id="1", occurred_at=at, lead_id=lead.id, actor="human"))
    later = at + timedelta(days=1)
    others: list[dict[str, Any]] = [
        {"kind": "track", "actor": "machine"},
        {"kind": "track", "by": "system"},
        {"kind": "track", "by": "staff"},
        {"kind": "track", "name": "email_opened"},
        {"kind": "send"},
    ]
    for number, more in enumerate(others):
        event = NewEvent(message_id=f"m{number}", occurred_at=later, lead_id=lead.id, **more)
        assert take(huerta, later, event).lead_ids == [lead.id]
    assert LeadState.objects.get(lead_id=lead.id).last_seen_at == at
    take(huerta, later, page(visitor(huerta, "x"), at - timedelta(days=9), lead_id=lead.id))
    assert LeadState.objects.get(lead_id=lead.id).last_seen_at == at


def test_an_act_that_staff_say_a_machine_did_is_no_sign_of_the_person(huerta: Any, at: datetime) -> None:
    lead, _ = find(huerta, at)
    later, last = at + timedelta(days=1), at + timedelta(days=2)
    for number, when in enumerate((at, later)):
        act = NewEvent(kind="track", name="x", message_id=f"{number}", occurred_at=when, lead_id=lead.id)
        take(huerta, when, act)
    event = Event.objects.get(workspace_id=huerta.id, occurred_at=later, name="x")
    says: dict[str, Any] = {
        "workspace_id": huerta.id,
        "lead_id": lead.id,
        "event_id": event.id,
        "by": "user:1",
        "at": last,
    }
    for is_machine, seen_at in ((True, at), (False, later)):
        mark_machine(is_machine=is_machine, **says)
        take(huerta, last)
        assert LeadState.objects.get(lead_id=lead.id).last_seen_at == seen_at


def test_a_batch_holds_only_leads_that_exist_and_locks_them(huerta: Any, at: datetime) -> None:
    lead, _ = find(huerta, at)
    ghost = NewEvent(kind="track", name="x", message_id="g", occurred_at=at, lead_id=lead.id + 1000)
    real = NewEvent(kind="track", name="x", message_id="r", occurred_at=at, lead_id=lead.id)
    assert take(huerta, at, ghost, real).lead_ids == [lead.id]
    held = fetch_all("SELECT 1 FROM pg_locks WHERE relation = 'lead_state'::regclass AND mode = 'RowShareLock'")
    assert held


def test_a_second_run_of_resolve_changes_nothing(huerta: Any, at: datetime) -> None:
    find(huerta, at)
    who = visitor(huerta, "b")
    batch = take(huerta, at, identify(who, at, "ana@example.com"), page(who, at))
    events, lead_ids = list(batch.events), list(batch.lead_ids)
    resolve(batch)
    assert (batch.events, batch.lead_ids) == (events, lead_ids)
