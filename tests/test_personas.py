"""Personas saved, changed, ordered and deleted; and each lead's main one kept up to date by whatever happens."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.consent.models import ConsentMark
from cultiva.criteria.references import StillUsed
from cultiva.criteria.tests.cast import Act, Person, make_months, make_people
from cultiva.events.actions import NewEvent, record_events
from cultiva.flow import process_due_leads, process_workspace
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.lib.database import fetch_all
from cultiva.lib.documents import DocumentError
from cultiva.scoring.actions import publish_model
from cultiva.scoring.models import Score
from cultiva.segments.actions import save_segment
from cultiva.segments.models import Member
from cultiva.segments.persona_models import LeadPersona, Persona, PersonaVersion
from cultiva.segments.personas import actions, closeness
from cultiva.segments.personas.actions import (
    PersonaRefused,
    building,
    delete_persona,
    go_on,
    list_personas,
    move_persona,
    save_persona,
)

DIRECTOR = {"attribute": "job_title", "contains": "director"}
SPANISH = {"attribute": "country", "is": "ES"}
READS_PRICES = {"event": "page", "where": [{"property": "path", "starts_with": "/precios"}], "within_days": 30}
BUYER = [{"when": DIRECTOR, "weight": 2}, {"when": READS_PRICES, "weight": 1}]
NEIGHBOUR = [{"when": SPANISH, "weight": 1}]


@pytest.fixture(autouse=True)
def known_names(huerta: Any, at: datetime) -> None:
    """Criteria may name only what the workspace knows."""
    people.known_attributes(huerta, at, job_title="text", country="text", employees="number")


def lead(workspace: Any, at: datetime, email: str, **attributes: Any) -> Lead:
    made = people.lead(workspace, at, email, attributes=attributes)
    ConsentMark.objects.create(workspace=workspace, lead=made, valid_since=at, profiled_since=at)
    return made


def save(workspace: Any, at: datetime, name: str, criteria: Any, **more: Any) -> Persona:
    return save_persona(workspace_id=workspace.id, name=name, criteria=criteria, by="user:1", at=at, **more)


def main(of: Lead) -> tuple[str, float, float, str | None] | None:
    found = LeadPersona.objects.filter(lead_id=of.id, persona__isnull=False).first()
    return (found.persona, found.closeness, found.confidence, found.runner_up) if found else None  # type: ignore[return-value]


def changes(of: Lead) -> list[dict[str, Any]]:
    rows = fetch_all(
        "SELECT properties FROM event WHERE workspace_id = %s AND lead_id = %s AND name = %s ORDER BY id",
        [of.workspace_id, of.id, "persona_changed"],
    )
    return [row["properties"] for row in rows]


def visit(of: Lead, at: datetime, path: str = "/precios") -> None:
    event = NewEvent(
        kind="page", name="", message_id=f"{of.id} {at} {path}", occurred_at=at, lead_id=of.id,
        properties={"path": path},
    )  # fmt: skip
    record_events(workspace_id=of.workspace_id, events=[event], received_at=at)


def test_saving_a_persona_finds_its_leads_at_once_in_a_small_workspace(huerta: Any, at: datetime) -> None:
    ana, luis = lead(huerta, at, "ana@a.example", job_title="Directora"), lead(huerta, at, "luis@a.example")
    saved = save(huerta, at, "Decide la compra", BUYER, tone_hints={"es": "De tú", "en": " "})
    assert (saved.key, saved.revision, saved.tone_hints) == ("decide-la-compra", 1, {"es": "De tú"})
    assert main(ana) == ("decide-la-compra", 0.666667, 0.666667, None)
    assert main(luis) is None
    assert building(huerta.id) is None


def test_what_happens_to_a_lead_changes_its_persona_with_evidence(huerta: Any, at: datetime) -> None:
    save(huerta, at, "Buyer", [{"when": DIRECTOR, "weight": 1}, {"when": READS_PRICES, "weight": 2}])
    save(huerta, at, "Neighbour", [*NEIGHBOUR, {"when": {"attribute": "employees", "gte": 10}, "weight": 1}])
    ana = lead(huerta, at, "ana@a.example", country="ES")
    process_workspace(workspace_id=huerta.id, at=at)
    assert main(ana) == ("neighbour", 0.5, 0.5, None)
    visit(ana, at)
    process_workspace(workspace_id=huerta.id, at=at)
    assert main(ana) == ("buyer", 0.666667, 0.166667, "neighbour")
    first, second = changes(ana)
    assert (first["persona"], first["from"], first["holds"]) == ("neighbour", None, [1])
    assert second == {
        "persona": "buyer", "revision": 1, "from": "neighbour", "closeness": 0.666667, "confidence": 0.166667,
        "runner_up": "neighbour", "holds": [2],
    }  # fmt: skip


def test_time_alone_ends_what_a_window_held(huerta: Any, at: datetime) -> None:
    make_months(huerta, at, at + timedelta(days=31))
    save(huerta, at, "Buyer", [{"when": READS_PRICES, "weight": 1}])
    ana = lead(huerta, at, "ana@a.example")
    visit(ana, at - timedelta(days=10))
    process_workspace(workspace_id=huerta.id, at=at)
    assert main(ana) == ("buyer", 1.0, 1.0, None)
    almost, after = at + timedelta(days=20, seconds=-1), at + timedelta(days=20, seconds=1)
    assert process_due_leads(workspace_id=huerta.id, at=almost) == 0
    assert main(ana) == ("buyer", 1.0, 1.0, None)
    assert process_due_leads(workspace_id=huerta.id, at=after) == 1
    assert main(ana) is None
    assert [change["persona"] for change in changes(ana)] == ["buyer", None]
    assert process_due_leads(workspace_id=huerta.id, at=after + timedelta(days=300)) == 0


def test_a_large_workspace_is_judged_in_the_background_chunk_by_chunk(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SMALL", 0)
    monkeypatch.setattr(actions, "CHUNK", 2)
    leads = [lead(huerta, at, f"{n}@a.example", country="ES") for n in range(5)]
    process_workspace(workspace_id=huerta.id, at=at)  # they are no news any more
    save(huerta, at, "Neighbour", NEIGHBOUR)
    going = building(huerta.id)
    assert going is not None
    assert (going.done, going.of) == (0, 5)
    assert [main(each) for each in leads] == [None] * 5
    stops = iter([False, True])
    assert go_on(workspace_id=huerta.id, at=at, must_stop=lambda: next(stops)) == 2
    visit(leads[4], at)  # whoever acts meanwhile is judged by the personas as they are
    process_workspace(workspace_id=huerta.id, at=at)
    assert main(leads[4]) is not None
    assert main(leads[3]) is None
    assert go_on(workspace_id=huerta.id, at=at) == 3
    assert building(huerta.id) is None
    assert {main(each) for each in leads} == {("neighbour", 1.0, 1.0, None)}
    assert {change["cause"] for change in changes(leads[0])} == {"definition"}


MODEL = """
model: readiness
dimensions: {fit: {}}
rules:
  - {key: near, dimension: fit, when: {persona: one, gte: 0.5}, points: 7}
"""


def scores(*leads: Lead) -> list[float]:
    found = dict(Score.objects.filter(lead_id__in=[each.id for each in leads]).values_list("lead_id", "total"))
    return [found[each.id] for each in leads]


def waiting(workspace: Any) -> set[int]:
    rows = fetch_all("SELECT lead_id FROM lead_inbox WHERE workspace_id = %s", [workspace.id])
    return {row["lead_id"] for row in rows}


def test_scores_follow_a_persona_that_changes_of_the_leads_it_changes_for(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SMALL", 0)
    monkeypatch.setattr(actions, "CHUNK", 2)
    hour = timedelta(hours=1)
    ana, luis, eva = (
        lead(huerta, at, f"{n}@a.example", country=country) for n, country in enumerate(("ES", "PT", "FR"))
    )
    save(huerta, at - hour, "One", NEIGHBOUR)
    go_on(workspace_id=huerta.id, at=at - hour)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at - hour)
    process_workspace(workspace_id=huerta.id, at=at)
    for each in (ana, luis, eva):
        visit(each, at, "/")
    process_workspace(workspace_id=huerta.id, at=at)
    assert scores(ana, luis, eva) == [7, 0, 0]
    save(huerta, at + hour, "One", [{"when": {"attribute": "country", "is": "PT"}, "weight": 1}])
    assert scores(ana, luis, eva) == [7, 0, 0]  # not before their turn
    save(huerta, at + 2 * hour, "One", [{"when": {"attribute": "country", "any_of": ["PT"]}, "weight": 1}])
    assert go_on(workspace_id=huerta.id, at=at + 2 * hour) == 3
    assert waiting(huerta) == {ana.id, luis.id}
    process_workspace(workspace_id=huerta.id, at=at + 2 * hour)
    assert scores(ana, luis, eva) == [0, 7, 0]
    save(
        huerta,
        at + 3 * hour,
        "One again",
        [{"when": {"attribute": "country", "any_of": ["PT"]}, "weight": 1}],
        key="one",
    )
    go_on(workspace_id=huerta.id, at=at + 3 * hour)
    assert waiting(huerta) == set()  # a name changes no score


def test_only_leads_of_whom_something_changed_that_personas_read_are_judged(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def place_leads(*, lead_ids: Any, **more: Any) -> Any:
        judged.extend(lead_ids)
        return placing(lead_ids=lead_ids, **more)

    placing = closeness.place_leads
    monkeypatch.setattr(closeness, "place_leads", place_leads)
    save(huerta, at, "Buyer", [{"when": READS_PRICES, "weight": 1}])
    ana, luis = lead(huerta, at, "ana@a.example"), lead(huerta, at, "luis@a.example")
    process_workspace(workspace_id=huerta.id, at=at)
    assert judged == [ana.id, luis.id]  # for the first time
    judged.clear()
    for n, path in enumerate(("/", "/precios")):
        visit(luis, at + timedelta(minutes=n), path)
    process_workspace(workspace_id=huerta.id, at=at + timedelta(hours=1))
    assert judged == [luis.id]
    download = NewEvent(kind="track", name="download", message_id="d", occurred_at=at, lead_id=luis.id)
    record_events(workspace_id=huerta.id, events=[download], received_at=at)
    process_workspace(workspace_id=huerta.id, at=at + timedelta(hours=1))
    assert judged == [luis.id]
    visit(ana, at)
    process_workspace(workspace_id=huerta.id, at=at + timedelta(hours=1))
    assert judged == [luis.id, ana.id]
    ConsentMark.objects.filter(lead=ana).update(objected_at=at)
    objection = NewEvent(kind="consent", name="objected", message_id="o", occurred_at=at, lead_id=ana.id)
    record_events(workspace_id=huerta.id, events=[objection], received_at=at)
    process_workspace(workspace_id=huerta.id, at=at + timedelta(hours=1))
    assert judged == [luis.id, ana.id, ana.id]
    assert main(ana) is None
    assert main(luis) == ("buyer", 1.0, 1.0, None)


def test_what_is_written_behind_the_personas_is_due_at_once(huerta: Any, at: datetime) -> None:
    save(huerta, at, "Written to", [{"when": {"event": "send"}, "weight": 1}], checks_names=False)
    ana = lead(huerta, at, "ana@a.example")
    visit(ana, at)
    process_workspace(workspace_id=huerta.id, at=at)
    sent = NewEvent(kind="send", name="email_sent", message_id="s", occurred_at=at, lead_id=ana.id)
    recorded = record_events(workspace_id=huerta.id, events=[sent], received_at=at, queue=False)
    closeness.note_events(workspace_id=huerta.id, events=recorded, at=at)
    assert main(ana) is None
    assert process_due_leads(workspace_id=huerta.id, at=at) == 1
    assert main(ana) == ("written-to", 1.0, 1.0, None)


def test_the_order_decides_between_equals_and_is_changed_by_hand(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@a.example", country="ES")
    save(huerta, at, "One", NEIGHBOUR)
    save(huerta, at, "Two", NEIGHBOUR)
    assert main(ana) == ("one", 1.0, 0.0, "two")
    move_persona(workspace_id=huerta.id, key="two", by_places=-1, by="user:1", at=at)
    assert [each.key for each in list_personas(huerta.id)] == ["two", "one"]
    assert main(ana) == ("two", 1.0, 0.0, "one")
    assert [change["persona"] for change in changes(ana)] == ["one", "two"]


def test_a_draft_is_nobodys_until_it_is_put_in_force(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@a.example", country="ES")
    save(huerta, at, "One", NEIGHBOUR, is_draft=True)
    assert main(ana) is None
    with pytest.raises(DocumentError, match="no persona `one` in this workspace"):
        save_segment(workspace_id=huerta.id, name="S", criteria={"persona": "one", "gte": 0.5}, by="user:1", at=at)
    save(huerta, at, "One", NEIGHBOUR)
    assert main(ana) == ("one", 1.0, 1.0, None)
    assert PersonaVersion.objects.filter(workspace=huerta).count() == 1


def test_what_uses_a_persona_follows_it_and_keeps_it(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@a.example", country="ES")
    save(huerta, at, "One", NEIGHBOUR)
    near = {"persona": "one", "gte": 0.5}
    segment = save_segment(workspace_id=huerta.id, name="Near", criteria=near, by="user:1", at=at)

    def members() -> list[int]:
        return list(Member.objects.filter(segment=segment, until=None).values_list("lead_id", flat=True))

    assert members() == [ana.id]
    save(huerta, at, "One", [{"when": DIRECTOR, "weight": 1}, {"when": READS_PRICES, "weight": 1}])
    assert members() == []
    visit(ana, at)
    process_workspace(workspace_id=huerta.id, at=at)
    assert members() == [ana.id]
    with pytest.raises(StillUsed, match="persona `one` is used by segment `near`"):
        delete_persona(workspace_id=huerta.id, key="one", by="user:1", at=at)
    with pytest.raises(StillUsed):
        save(huerta, at, "One", NEIGHBOUR, is_draft=True)


def test_a_deleted_persona_leaves_its_leads_to_the_next(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@a.example", country="ES")
    save(huerta, at, "One", NEIGHBOUR)
    save(huerta, at, "Two", NEIGHBOUR)
    delete_persona(workspace_id=huerta.id, key="one", by="user:1", at=at)
    assert main(ana) == ("two", 1.0, 1.0, None)
    assert changes(ana)[-1]["from"] == "one"
    again = save(huerta, at, "One", [{"when": DIRECTOR, "weight": 1}])
    assert again.revision == 2  # the first one's meaning stays in the history


@pytest.mark.parametrize(
    ("name", "criteria", "said"),
    [
        (" ", NEIGHBOUR, "needs a name"),
        ("x", [], "needs a criterion"),
        ("¿?", NEIGHBOUR, "No key"),
        ("x", [{"when": SPANISH, "weight": 0}], r"persona.criteria\[0\].weight: a number above 0"),
        ("x", [{"when": {"atribute": "a"}, "weight": 1}], "unknown key `atribute`"),
        ("x", [{"when": {"attribute": "countri", "is": "ES"}, "weight": 1}], "did you mean `country`"),
        ("x", [{"when": {"persona": "y", "gte": 1}, "weight": 1}], "a persona cannot ask for personas"),
        ("x", [{"when": {"event": "page", "since": "start"}, "weight": 1}], "no `start` to count from"),
        ("x", NEIGHBOUR * 51, "too many"),
    ],
)
def test_what_cannot_be_a_persona_is_told(huerta: Any, at: datetime, name: str, criteria: Any, said: str) -> None:
    with pytest.raises((PersonaRefused, DocumentError), match=said):
        save(huerta, at, name, criteria)
    assert not Persona.objects.exists()


def test_another_company_sees_nothing_of_them(huerta: Any, other_co: Any, at: datetime) -> None:
    make_people(huerta, [Person({"country": "ES"}, [Act("download")])], at)
    save(huerta, at, "One", NEIGHBOUR)
    assert list_personas(other_co.id) == []
    with pytest.raises(PersonaRefused, match="There is no persona"):
        delete_persona(workspace_id=other_co.id, key="one", by="user:1", at=at)
