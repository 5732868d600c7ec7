"""What each action does to a set of leads, what the ledger says of it, and what undoing gives back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from cultiva.accounts.models import AuditEntry, User
from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.models import BulkAction, BulkLead
from cultiva.bulk.running import (
    BadSettings,
    _do_chunk,
    create_action,
    discard,
    forget,
    go_on,
    kind_of,
    sample_of,
    start,
    stop,
    tried,
)
from cultiva.bulk.tests.conftest import Act, known_of, settle, undo
from cultiva.bulk.turns import take_turn
from cultiva.bulk.undoing import start_undo
from cultiva.consent.models import ConsentMark, ConsentState, Evidence
from cultiva.consent.verifying import verify_chain
from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.attributes import define
from cultiva.leads.audience import TooSlow
from cultiva.leads.merging import merge_leads
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError

LATER = timedelta(hours=1)
VINO = {"filter": {"criteria": {"attribute": "sector", "is": "vino"}}}


def test_a_tag_is_added_to_those_who_lack_it(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    _, bea, carlos = people
    action = act("add_tag", {"tag": "VIP"}, people, when=at + LATER)
    assert action.counts == {"changed": 2, "unchanged": 1}  # Ana has it, written otherwise
    assert [known_of(lead).get("tags") for lead in people] == [["vip"], ["VIP"], ["VIP"]]
    told = Event.objects.filter(name="attributes_changed", lead_id=bea.id).get()
    assert (told.kind, told.by, told.properties) == ("identify", "staff", {"tags": ["VIP"]})
    assert told.context == {"bulk_action": action.id, "by": action.by}
    settle(lawful, at + LATER)
    assert known_of(carlos)["tags"] == ["VIP"]
    undo(action, at + 2 * LATER)
    settle(lawful, at + 2 * LATER)
    assert [known_of(lead).get("tags") for lead in people] == [["vip"], None, None]
    assert action.counts | {"restored": 2} == BulkAction.objects.get().counts


def test_a_tag_is_taken_off_and_comes_back(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    ana, bea, _ = people
    action = act("remove_tag", {"tag": "Vip"}, people, when=at + LATER)
    settle(lawful, at + LATER)
    assert (action.counts, known_of(ana).get("tags")) == ({"changed": 1, "unchanged": 2}, None)
    undo(action, at + 2 * LATER)
    settle(lawful, at + 2 * LATER)
    assert [known_of(lead).get("tags") for lead in (ana, bea)] == [["vip"], None]


def test_an_attribute_changes_and_undoing_leaves_what_somebody_changed_since(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    ana = people[0]
    action = act("set_attribute", {"attribute": "hectares", "value": "20"}, people, when=at + LATER)
    assert [known_of(lead)["hectares"] for lead in people] == [20, 20, 20]
    save_lead(workspace_id=lawful.id, email=ana.email, attributes={"hectares": 99}, source_kind="form", at=at + LATER)
    settle(lawful, at + LATER)
    undone = undo(action, at + 2 * LATER)
    settle(lawful, at + 2 * LATER)
    assert [known_of(lead).get("hectares") for lead in people] == [99, 3, None]
    assert (undone.counts["restored"], undone.counts["kept"]) == (2, 1)


def test_an_empty_value_takes_the_attribute_away(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    action = act("set_attribute", {"attribute": "sector", "value": ""}, VINO, when=at + LATER)
    settle(lawful, at + LATER)
    assert [known_of(lead).get("sector") for lead in people] == [None, None, "fruta"]
    undo(action, at + 2 * LATER)
    assert [known_of(lead).get("sector") for lead in people] == ["vino", "vino", "fruta"]


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("set_attribute", {"attribute": "hectares", "value": "many"}, "value"),
        ("set_attribute", {"attribute": "email", "value": "x@example.com"}, "attribute"),
        ("set_attribute", {"attribute": "nothing", "value": "x"}, "attribute"),
        ("set_attribute", {"attribute": "sector", "colour": "x"}, "colour"),
        ("add_tag", {"tag": "  "}, "tag"),
        ("assign_owner", {"owner": "nobody@example.com"}, "owner"),
        ("enrol", {"workflow": "nothing"}, "workflow"),
        ("export", {"format": "pdf"}, "format"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    people: list[Lead], act: Act, kind: str, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadSettings) as refused:
        act(kind, given, people)
    assert list(refused.value.errors) == [field]
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({}, "one of"),
        ({"leads": []}, "No lead is chosen"),
        ({"leads": ["7"]}, "no list of ids"),
        ({"leads": [7], "segment": "x"}, "one of"),
        ({"filter": {"colour": "red"}}, "unknown key `colour`"),
        ({"filter": {"search": 7}}, "a text"),
        ({"filter": {"criteria": {"attribute": "colour", "is": "red"}}}, "no attribute `colour`"),
        ({"everybody": True}, "unknown key"),
    ],
)
def test_a_selection_that_cannot_be_read_is_refused(
    people: list[Lead], act: Act, selection: dict[str, Any], said: str
) -> None:
    with pytest.raises((BulkRefused, DocumentError), match=said):
        act("add_tag", {"tag": "x"}, selection)


def test_a_tag_that_the_attribute_does_not_take_is_refused(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    define(workspace_id=lawful.id, subject="lead", key="tags", type="multi_choice", choices=["vip"], at=at)
    with pytest.raises(BulkRefused, match="does not take “feria”"):
        act("add_tag", {"tag": "feria"}, people)


def test_an_owner_is_assigned_and_given_back(
    lawful: Any, people: list[Lead], eva: User, act: Act, at: datetime
) -> None:
    ana, bea, carlos = people
    LeadState.objects.filter(lead=carlos).update(owner=eva)
    action = act("assign_owner", {"owner": "eva@huerta.example"}, people, when=at + LATER)
    assert action.counts == {"changed": 2, "unchanged": 1}
    assert set(LeadState.objects.values_list("owner__email", flat=True)) == {"eva@huerta.example"}
    told = Event.objects.filter(name="owner_changed").order_by("id")
    assert {(each.kind, each.by, each.lead_id) for each in told} == {
        ("staff", "staff", ana.id),
        ("staff", "staff", bea.id),
    }
    assert told[0].properties == {"owner": eva.id, "owner_name": "Eva Gil", "before": None}
    LeadState.objects.filter(lead=bea).update(owner=None)  # somebody took her away since
    undone = undo(action, at + 2 * LATER)
    assert [LeadState.objects.get(lead=lead).owner_id for lead in people] == [None, None, eva.id]
    assert (undone.counts["restored"], undone.counts["kept"]) == (1, 1)


def test_the_leads_are_those_that_were_counted(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    action = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "feria"}, selection=VINO, by="user:1", at=at
    )
    assert (action.state, action.total, sample_of(action)) == ("counted", 2, [people[1].id, people[0].id])
    assert "tags" not in known_of(people[1])  # nothing happens before it is confirmed
    save_lead(
        workspace_id=lawful.id, email="dora@example.com", attributes={"sector": "vino"}, source_kind="form", at=at
    )
    action = go_on(action=start(action=action, at=at, by="user:1"), now=lambda: at)
    assert action.counts == {"changed": 2}
    assert Lead.objects.filter(attributes__tags__contains=["feria"]).count() == 2


def test_what_takes_long_to_count_is_counted_by_the_worker(
    lawful: Any, people: list[Lead], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def too_slow(seconds: float) -> Iterator[None]:
        with transaction.atomic():
            yield
            raise TooSlow

    monkeypatch.setattr("cultiva.bulk.running.at_most", too_slow)
    action = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "feria"}, selection=VINO, by="u", at=at
    )
    assert (action.state, action.total) == ("counting", None)
    with pytest.raises(BulkRefused, match="not counted yet"):
        start(action=action, at=at, by="u")
    assert take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False) == 1
    action.refresh_from_db()
    assert (action.state, action.total) == ("counted", 2)


def test_who_was_merged_since_is_left_out_and_counted(lawful: Any, people: list[Lead], at: datetime) -> None:
    action = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "feria"}, by="user:1", at=at,
        selection={"leads": [lead.id for lead in people]},
    )  # fmt: skip
    merge_leads(workspace_id=lawful.id, kept_id=people[0].id, merged_id=people[1].id, at=at, by="user:1", force=True)
    action = go_on(action=start(action=action, at=at, by="user:1"), now=lambda: at)
    assert action.counts == {"changed": 2, "gone": 1}


def test_an_action_goes_on_where_it_was_stopped(
    lawful: Any, people: list[Lead], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cultiva.bulk.kinds.base.BulkKind.chunk_leads", 1)
    action = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "feria"}, selection={"filter": {}}, by="u", at=at
    )
    start(action=action, at=at, by="u")
    action.refresh_from_db()
    go_on(action=action, now=lambda: at, progress=lambda action: stop(action=action))
    action.refresh_from_db()
    assert (action.state, action.position, action.counts) == ("stopped", 1, {"changed": 1})
    with pytest.raises(BulkRefused, match="undo it"):
        discard(action=action)
    action = go_on(action=start(action=action, at=at, by="u"), now=lambda: at)
    assert (action.state, action.position, action.counts) == ("done", 3, {"changed": 3})
    assert Event.objects.filter(name="attributes_changed").count() == 3


def test_a_worker_that_was_overtaken_does_nothing(lawful: Any, people: list[Lead], at: datetime) -> None:
    action = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "feria"}, selection={"filter": {}}, by="u", at=at
    )
    ours = start(action=action, at=at, by="u")
    other = BulkAction.objects.get(id=ours.id)
    go_on(action=other, now=lambda: at, must_stop=iter([False, True]).__next__)  # one chunk, then it dies
    assert (ours.position, other.position) == (0, 3)
    assert tried(ours, lambda: _do_chunk(ours, kind_of(ours), at)) is None
    assert Event.objects.filter(name="attributes_changed").count() == 3
    assert go_on(action=ours, now=lambda: at).counts == {"changed": 3}  # it read where the other one was


def test_only_what_ended_and_changed_something_is_undone(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    nothing = act("remove_tag", {"tag": "unknown"}, people)
    with pytest.raises(BulkRefused, match="changed nothing"):
        start_undo(action=nothing, at=at, by="u")
    tagged = act("add_tag", {"tag": "feria"}, people)
    undo(tagged, at)
    with pytest.raises(BulkRefused, match="only once"):
        start_undo(action=tagged, at=at, by="u")


def test_what_is_too_old_is_neither_confirmed_nor_undone(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    draft = create_action(
        workspace_id=lawful.id, kind="add_tag", settings={"tag": "x"}, selection={"filter": {}}, by="u", at=at
    )
    with pytest.raises(BulkRefused, match="count anew"):
        start(action=draft, at=at + timedelta(minutes=61), by="u")
    done = act("add_tag", {"tag": "feria"}, people)
    forget(workspace_id=lawful.id, at=at + timedelta(days=29))
    assert [each.id for each in BulkAction.objects.all()] == [done.id]
    assert BulkLead.objects.count() == 3
    forget(workspace_id=lawful.id, at=at + timedelta(days=31))
    assert not BulkLead.objects.exists()
    done.refresh_from_db()
    with pytest.raises(BulkRefused, match="too long ago"):
        start_undo(action=done, at=at + timedelta(days=31), by="u")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("add_tag", {"tag": "consent"}),
        ("set_attribute", {"attribute": "sector", "value": "marketing"}),
        ("assign_owner", {"owner": "eva@huerta.example"}),
        ("export", {"format": "csv"}),
    ],
)
def test_no_action_touches_a_consent(
    lawful: Any, people: list[Lead], act: Act, at: datetime, kind: str, given: dict[str, Any]
) -> None:
    def consents() -> Any:
        tables = (ConsentMark, ConsentState, Evidence)
        return [list(table.objects.order_by("pk").values()) for table in tables]

    before = consents()
    action = act(kind, given, people)
    settle(lawful, at)
    assert consents() == before
    assert all(verify_chain(workspace_id=lawful.id, lead_id=lead.id).is_whole for lead in people)
    assert AuditEntry.objects.get(action="bulk.started").target == f"bulk_action:{action.id}"


def test_leads_of_another_workspace_are_not_chosen(other_co: Any, people: list[Lead], at: datetime) -> None:
    with workspace_scope(other_co.id):
        action = create_action(
            workspace_id=other_co.id, kind="add_tag", settings={"tag": "x"}, by="u", at=at,
            selection={"leads": [people[0].id]},
        )  # fmt: skip
        assert action.total == 0
        with pytest.raises(BulkRefused, match="nobody"):
            start(action=action, at=at, by="u")
