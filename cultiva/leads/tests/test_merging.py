"""Two leads become one, and two again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import Event
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.merging import MergeRefused, UndoRefused, merge_leads, merges_of, preview_merge, undo_merge
from cultiva.leads.models import Lead, LeadAlias, LeadState, VisitorLink
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lib.holds import recorded

HOUR = timedelta(hours=1)


def make(workspace: Any, at: datetime, email: str, **attributes: Any) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, language="es", source_kind="form", at=at
    )
    return lead


def join(kept: Lead, merged: Lead, at: datetime, *, force: bool = True) -> Any:
    return merge_leads(
        workspace_id=kept.workspace_id, kept_id=kept.id, merged_id=merged.id, at=at, by="user:1", force=force
    )


def undo(merge: Any, at: datetime) -> None:
    undo_merge(workspace_id=merge.workspace_id, merge_id=merge.id, at=at, by="user:1")


def rows(workspace: Any) -> dict[str, list[Any]]:
    """Every row of every table a merge may change."""
    return {
        table: fetch_all(
            f"SELECT to_jsonb(t) AS row FROM {table} t WHERE workspace_id = %s ORDER BY {holds[0].key}", [workspace.id]
        )
        for table, holds in recorded().items()
    }


def fresh(lead: Lead) -> Lead:
    return Lead.objects.get(id=lead.id)


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    return make(huerta, at, "ana@example.com", first_name="Ana", city="Valencia")


@pytest.fixture
def anita(huerta: Any, at: datetime) -> Lead:
    return make(huerta, at + HOUR, "anita@work.example", first_name="Anita", company="Sol")


def test_the_kept_lead_has_both_histories_and_the_list_has_one_lead(
    huerta: Any, ana: Lead, anita: Lead, at: datetime
) -> None:
    who = visitor_of(workspace_id=huerta.id, source_id=1, anonymous_id="b")
    link_visitor(workspace_id=huerta.id, visitor=who, lead_id=anita.id, at=at)
    seen = [NewEvent(kind="page", message_id="p", occurred_at=at, source_id=1, visitor=who)]
    record_events(workspace_id=huerta.id, events=seen, received_at=at)
    merge = join(ana, anita, at + 2 * HOUR)
    events = fetch_all("SELECT kind FROM lead_event WHERE workspace_id = %s AND lead_id = %s", [huerta.id, ana.id])
    assert sorted(event["kind"] for event in events) == ["identify", "identify", "page", "staff"]
    assert Event.objects.filter(lead_id=anita.id).count() == 1  # as recorded
    assert [row["id"] for row in list_leads(workspace_id=huerta.id, wanted=LeadFilter()).rows] == [ana.id]
    assert current_lead_id(huerta.id, anita.id) == ana.id
    assert [each.id for each in merges_of(workspace_id=huerta.id, lead_id=ana.id)] == [merge.id]
    audit = AuditEntry.objects.filter(workspace_id=huerta.id).latest("id")
    assert (audit.action, audit.actor, audit.target) == ("lead.merged", "user:1", f"lead:{ana.id}")


def test_attributes_are_the_last_that_either_was_told(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    make(huerta, at + 2 * HOUR, "ana@example.com", city="Madrid")
    join(ana, anita, at + 3 * HOUR)
    kept = fresh(ana)
    assert kept.attributes == {
        "first_name": "Anita", "company": "Sol", "city": "Madrid", "email": "ana@example.com",
    }  # fmt: skip
    assert kept.search_text == "anita sol ana@example.com"


def test_merging_and_undoing_leaves_every_row_as_it_was(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    who = visitor_of(workspace_id=huerta.id, source_id=1, anonymous_id="b")
    link_visitor(workspace_id=huerta.id, visitor=who, lead_id=anita.id, at=at)
    before = rows(huerta)
    merge = join(ana, anita, at + 2 * HOUR)
    assert rows(huerta) != before
    undo(merge, at + 3 * HOUR)
    assert rows(huerta) == before


def test_a_preview_says_what_the_merge_does_and_does_nothing(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    before, events = rows(huerta), Event.objects.count()
    preview = preview_merge(workspace_id=huerta.id, kept_id=ana.id, merged_id=anita.id, at=at + 2 * HOUR)
    assert (rows(huerta), Event.objects.count()) == (before, events)
    assert preview.reasons == ["different_email"]
    said = {str(line.label): tuple(line.values) for line in preview.lines}
    assert said["E-mail"] == ("ana@example.com", "anita@work.example", "ana@example.com")
    assert said["city"] == ("Valencia", "", "Valencia")
    join(ana, anita, at + 2 * HOUR)
    assert {key: fresh(ana).attributes[key] for key in ("first_name", "city", "company")} == {
        key: said[key][2] for key in ("first_name", "city", "company")
    }


def test_it_refuses_what_a_person_has_not_asked_for(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    Lead.objects.filter(id=ana.id).update(external_id="u1")
    Lead.objects.filter(id=anita.id).update(external_id="u2")
    with pytest.raises(MergeRefused, match="addresses differ") as refused:
        join(ana, anita, at, force=False)
    assert refused.value.reasons == ["different_email", "different_user_id"]
    assert join(ana, anita, at).is_forced


def test_no_force_merges_a_lead_with_itself_or_twice_or_across_workspaces(
    huerta: Any, other_co: Any, ana: Lead, anita: Lead, at: datetime
) -> None:
    with workspace_scope(other_co.id):
        stranger = make(other_co, at, "x@example.com")
    for other, reason in ((ana, "same_lead"), (stranger, "unknown_lead")):
        with pytest.raises(MergeRefused) as refused:
            join(ana, other, at)
        assert refused.value.reasons == [reason]
    join(ana, anita, at)
    bea = make(huerta, at, "bea@example.com")
    for kept, merged in ((ana, anita), (anita, bea), (bea, anita)):
        with pytest.raises(MergeRefused) as refused:
            join(kept, merged, at)
        assert refused.value.reasons == ["already_merged"]


def test_the_merged_leads_address_finds_the_kept_lead(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    merge = join(ana, anita, at + 2 * HOUR)
    found = make(huerta, at + 3 * HOUR, "ANITA@work.example", job_title="director")
    assert (found.id, found.email) == (ana.id, "ana@example.com")
    assert fresh(ana).attributes["job_title"] == "director"
    undo(merge, at + 4 * HOUR)
    kept, again = fresh(ana), make(huerta, at + 5 * HOUR, "anita@work.example")
    assert again.id == anita.id
    assert kept.attributes == {
        "first_name": "Ana", "city": "Valencia", "email": "ana@example.com", "job_title": "director",
    }  # fmt: skip


def test_a_lead_without_address_takes_the_others_and_gives_it_back(huerta: Any, anita: Lead, at: datetime) -> None:
    bare = Lead.objects.create(
        workspace_id=huerta.id, phone_key="+34600000001", external_id="u1", source_kind="api", created_at=at
    )
    LeadState.objects.create(workspace_id=huerta.id, lead=bare, stage_since=at)
    before = rows(huerta)
    merge = join(bare, anita, at + 2 * HOUR, force=False)
    kept, merged = fresh(bare), fresh(anita)
    assert (kept.email, kept.email_key, kept.external_id) == ("anita@work.example", "anita@work.example", "u1")
    assert (merged.email_key, merged.merged_into_id) == (None, bare.id)
    assert make(huerta, at + 3 * HOUR, "anita@work.example").id == bare.id
    undo(merge, at + 4 * HOUR)
    after = rows(huerta)
    assert [row for row in after["lead"] if row["row"]["id"] == anita.id] == [
        row for row in before["lead"] if row["row"]["id"] == anita.id
    ]
    assert fresh(bare).email_key is None


def test_chains_are_one_step_long_and_are_undone_from_their_end(
    huerta: Any, ana: Lead, anita: Lead, at: datetime
) -> None:
    cat = make(huerta, at, "cat@example.com")
    before = rows(huerta)
    first = join(anita, cat, at + 2 * HOUR)
    between = rows(huerta)
    second = join(ana, anita, at + 3 * HOUR)
    assert current_lead_id(huerta.id, cat.id) == ana.id
    assert set(LeadAlias.objects.values_list("lead_id", flat=True)) == {ana.id}
    with pytest.raises(UndoRefused) as refused:
        undo(first, at + 4 * HOUR)
    assert (refused.value.reason, refused.value.merge) == ("later", second)
    undo(second, at + 4 * HOUR)
    assert rows(huerta) == between
    assert current_lead_id(huerta.id, cat.id) == anita.id
    undo(first, at + 5 * HOUR)
    assert rows(huerta) == before
    with pytest.raises(UndoRefused) as refused:
        undo(first, at + 6 * HOUR)
    assert refused.value.reason == "undone"


def test_two_merges_into_one_lead_are_undone_in_reverse_order(
    huerta: Any, ana: Lead, anita: Lead, at: datetime
) -> None:
    cat = make(huerta, at, "cat@example.com", company="Luna")
    first, second = join(ana, anita, at + 2 * HOUR), join(ana, cat, at + 3 * HOUR)
    with pytest.raises(UndoRefused, match="later"):
        undo(first, at + 4 * HOUR)
    undo(second, at + 4 * HOUR)
    undo(first, at + 5 * HOUR)
    assert fresh(ana).attributes == {"first_name": "Ana", "city": "Valencia", "email": "ana@example.com"}


def test_what_happened_since_stays_with_the_kept_lead(huerta: Any, ana: Lead, anita: Lead, at: datetime) -> None:
    who, later = (visitor_of(workspace_id=huerta.id, source_id=1, anonymous_id=name) for name in "ab")
    link_visitor(workspace_id=huerta.id, visitor=who, lead_id=anita.id, at=at)
    merge = join(ana, anita, at + 2 * HOUR)
    link_visitor(workspace_id=huerta.id, visitor=later, lead_id=ana.id, at=at + 3 * HOUR)
    bought = NewEvent(kind="track", name="purchase", message_id="b", occurred_at=at + 3 * HOUR, lead_id=ana.id)
    record_events(workspace_id=huerta.id, events=[bought], received_at=at + 3 * HOUR)
    undo(merge, at + 4 * HOUR)
    links = dict(VisitorLink.objects.values_list("visitor", "lead_id"))
    assert links == {who: anita.id, later: ana.id}
    assert Event.objects.get(name="purchase").lead_id == ana.id


def test_an_undo_gives_way_where_another_lead_has_the_identifier_now(huerta: Any, anita: Lead, at: datetime) -> None:
    bare = Lead.objects.create(workspace_id=huerta.id, phone_key="+34600000001", source_kind="api", created_at=at)
    LeadState.objects.create(workspace_id=huerta.id, lead=bare, stage_since=at)
    merge = join(anita, bare, at)
    Lead.objects.create(workspace_id=huerta.id, phone_key="+34600000001", source_kind="api", created_at=at)
    with pytest.raises(UndoRefused) as refused:
        undo(merge, at + HOUR)
    assert refused.value.reason == "taken"
    assert fresh(bare).merged_into_id == anita.id


def test_another_workspace_can_neither_see_nor_undo_a_merge(
    huerta: Any, other_co: Any, ana: Lead, anita: Lead, at: datetime
) -> None:
    merge = join(ana, anita, at)
    with workspace_scope(other_co.id):
        assert merges_of(workspace_id=other_co.id, lead_id=ana.id) == []
        with pytest.raises(UndoRefused, match="no such merge"):
            undo_merge(workspace_id=other_co.id, merge_id=merge.id, at=at, by="user:1")
