import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from cultiva.accounts.actions import create_workspace
from cultiva.consent.actions import publish_purpose
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lifecycle.actions import advance as advance_stages
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.lifecycle.tests.cast import LIFECYCLE, act, make_lead, see_page, take_batch
from cultiva.mailing.actions import publish_template
from cultiva.mailing.models import Outbox
from cultiva.nurture.actions import advance, advance_due, count_workflows, enrolments_of, publish_workflow
from cultiva.nurture.engine import RETRY_STEP
from cultiva.nurture.models import Enrolment
from cultiva.nurture.steps.send_email import SendEmail

DAY = timedelta(days=1)

PURPOSE = """
purpose: marketing
channel: email
languages:
  es: {label: Quiero recibir novedades}
  en: {label: I want to receive news}
"""
TEMPLATE = """
template: %s
purpose: marketing
name: %s
languages:
  es: {subject: Hola, preheader: Unas palabras para abrir boca antes de leer el resto., text: Hola}
  en: {subject: Hello, preheader: A few words to whet the appetite before the rest of it., text: Hello}
"""
WELCOME = """
workflow: welcome
name: Bienvenida
purpose: marketing
entry: {event: download, where: [{property: asset, is: guia}], reentry: {after_days: 30}}
nodes:
  hola:    {step: send_email, template: hola, next: espera}
  espera:  {wait: {days: 3}, next: interes}
  interes:
    branch: [{when: {event: page, where: [{property: path, starts_with: /precios}], since: hola}, next: fin}]
    otherwise: caso
  caso:    {step: send_email, template: caso, next: pausa}
  pausa:   {wait: {hours: 12}, next: fin}
  fin:     {exit: true}
start: hola
"""


def brief(entry: str) -> str:
    """A workflow that ends where it begins."""
    return f"workflow: w\npurpose: marketing\nentry: {entry}\nnodes: {{fin: {{exit: true}}}}\nstart: fin\n"


def furnish(workspace: Any, at: datetime) -> Any:
    publish_purpose(workspace_id=workspace.id, text=PURPOSE, at=at)
    for key in ("hola", "caso"):
        publish_template(workspace_id=workspace.id, text=TEMPLATE % (key, key), at=at)
    publish_workflow(workspace_id=workspace.id, text=WELCOME, at=at)
    return workspace


@pytest.fixture
def company(huerta: Any, at: datetime) -> Any:
    return furnish(huerta, at)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Any]:
    """A workspace of its own whose rows stay: other connections must see them. 60 leads wait in it."""
    with django_db_blocker.unblock():
        workspace = create_workspace(slug=f"committed-{uuid4().hex}", name="Committed", at=at)
        with workspace_scope(workspace.id):
            furnish(workspace, at)
            for n in range(60):
                download(make_lead(workspace, f"lead{n}", at), at)
            flow(workspace, at)
        yield workspace
        connection.close()


def flow(workspace: Any, at: datetime) -> Batch:
    batch = take_batch(workspace, at)
    advance_stages(batch)
    advance(batch)
    return batch


def download(lead: Lead, at: datetime, asset: str = "guia") -> None:
    act(lead, "download", at, asset=asset)


def mails(lead: Lead) -> list[str]:
    return list(Outbox.objects.filter(lead=lead).order_by("id").values_list("template__key", flat=True))


def trip(lead: Lead) -> Enrolment:
    return enrolments_of(lead)[0]


def test_a_lead_goes_the_whole_way(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    download(ana, at)
    flow(company, at)
    assert mails(ana) == ["hola"]
    assert (trip(ana).node, trip(ana).due_at) == ("espera", at + 3 * DAY)

    assert advance_due(workspace_id=company.id, at=at + 3 * DAY - timedelta(seconds=1)) == 0
    assert advance_due(workspace_id=company.id, at=at + 3 * DAY) == 1
    assert mails(ana) == ["hola", "caso"]
    assert (trip(ana).node, trip(ana).due_at) == ("pausa", at + 3.5 * DAY)

    late = at + 5 * DAY
    assert advance_due(workspace_id=company.id, at=late) == 1
    done = trip(ana)
    assert (done.node, done.exited_at, done.exit_reason, done.due_at) == ("fin", late, "finished", None)
    assert list(done.trail) == ["fin", "caso", "hola", "pausa", "espera", "interes"]
    assert advance_due(workspace_id=company.id, at=late + DAY) == 0


def test_the_ledger_tells_the_trip(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    download(ana, at)
    flow(company, at)
    see_page(ana, "/precios", at + DAY)
    advance_due(workspace_id=company.id, at=at + 3 * DAY)
    told = Event.objects.filter(kind="workflow", lead_id=ana.id).order_by("id")
    here = {"workflow": "welcome", "version": 1, "enrolment": trip(ana).id}
    assert [(event.name, event.occurred_at, event.properties) for event in told] == [
        ("workflow_entered", at, {**here, "node": "hola"}),
        ("workflow_advanced", at, {**here, "node": "espera", "passed": ["hola", "espera"]}),
        ("workflow_finished", at + 3 * DAY, {**here, "node": "fin", "passed": ["interes", "fin"]}),
    ]
    assert {event.by for event in told} == {"system"}


def test_a_branch_counts_events_since_a_node(company: Any, at: datetime) -> None:
    ana, ben = make_lead(company, "ana", at), make_lead(company, "ben", at)
    see_page(ben, "/precios/anual", at - DAY)
    download(ana, at)
    download(ben, at)
    flow(company, at)
    see_page(ana, "/precios/anual", at + DAY)
    advance_due(workspace_id=company.id, at=at + 3 * DAY)
    assert (trip(ana).node, trip(ben).node) == ("fin", "pausa")


def test_a_branch_may_count_since_the_entry_and_takes_the_first_arm(company: Any, at: datetime) -> None:
    text = """
workflow: arms
purpose: marketing
entry: {event: demo}
nodes:
  wait: {wait: {minutes: 30}, next: ask}
  ask:
    branch:
      - {when: {event: page, since: ask}, next: never}
      - {when: {event: page, since: other}, next: never}
      - {when: {event: page, since: entry, times: {at_least: 2}}, next: twice}
      - {when: {event: page, since: entry}, next: once}
    otherwise: none
  never: {exit: true}
  twice: {exit: true}
  once: {exit: true}
  none: {wait: {days: 1}, next: other}
  other: {exit: true}
start: wait
"""
    publish_workflow(workspace_id=company.id, text=text, at=at)
    leads = [make_lead(company, f"lead{n}", at) for n in range(3)]
    for lead in leads:
        see_page(lead, "/", at)
        act(lead, "demo", at)
    flow(company, at)
    for pages, lead in enumerate(leads):
        for n in range(pages):
            see_page(lead, "/", at + timedelta(minutes=n + 1))
    advance_due(workspace_id=company.id, at=at + timedelta(minutes=30))
    assert [trip(lead).node for lead in leads] == ["none", "once", "twice"]


def test_only_the_named_event_lets_in(company: Any, at: datetime) -> None:
    ana, bot = make_lead(company, "ana", at), make_lead(company, "bot", at)
    download(ana, at, asset="otra")
    act(bot, "download", at, actor="machine", asset="guia")
    flow(company, at)
    assert Enrolment.objects.count() == 0


def test_a_lead_without_valid_consent_does_not_enter(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at, is_valid=False)
    download(ana, at)
    flow(company, at)
    assert enrolments_of(ana) == []


@pytest.mark.parametrize(
    ("entry", "properties"),
    [
        ("{form: contacto}", {"name": "form_submitted", "form": "contacto"}),
        ("{magnet: guia}", {"name": "magnet_granted", "magnet": "guia", "actor": "machine"}),
    ],
)
def test_a_form_or_a_magnet_lets_in(company: Any, at: datetime, entry: str, properties: dict[str, Any]) -> None:
    publish_workflow(workspace_id=company.id, text=brief(entry), at=at)
    ana, ben = make_lead(company, "ana", at), make_lead(company, "ben", at)
    act(ana, at=at, **properties)
    act(ben, at=at, **(properties | {"form": "otro", "magnet": "otro"}))
    flow(company, at)
    assert (len(enrolments_of(ana)), len(enrolments_of(ben))) == (1, 0)


def test_a_stage_lets_in_within_the_same_batch(company: Any, at: datetime) -> None:
    publish_lifecycle(workspace_id=company.id, text=LIFECYCLE, at=at)
    text = """
workflow: mql
purpose: marketing
entry: {stage: marketing_qualified}
nodes: {hola: {step: send_email, template: caso, next: fin}, fin: {exit: true}}
start: hola
"""
    publish_workflow(workspace_id=company.id, text=text, at=at)
    ana = make_lead(company, "ana", at)
    download(ana, at, asset="otra")
    flow(company, at)
    assert mails(ana) == ["caso"]
    assert trip(ana).exit_reason == "finished"


@pytest.mark.parametrize(
    ("reentry", "again_after", "trips"),
    [
        ("never", 400 * DAY, 1),
        ("always", timedelta(seconds=1), 2),
        ("{after_days: 30}", 30 * DAY - timedelta(seconds=1), 1),
        ("{after_days: 30}", 30 * DAY, 2),
    ],
)
def test_reentry(company: Any, at: datetime, reentry: str, again_after: timedelta, trips: int) -> None:
    publish_workflow(workspace_id=company.id, text=brief(f"{{event: x, reentry: {reentry}}}"), at=at)
    ana = make_lead(company, "ana", at)
    for instant in (at, at + again_after):
        act(ana, "x", instant)
        flow(company, instant)
    assert [each.ordinal for each in enrolments_of(ana)] == [2, 1][-trips:]


def test_a_lead_inside_does_not_enter_twice(company: Any, at: datetime) -> None:
    publish_workflow(workspace_id=company.id, text=WELCOME.replace("{after_days: 30}", "always"), at=at)
    ana = make_lead(company, "ana", at)
    download(ana, at)
    download(ana, at)
    flow(company, at)
    download(ana, at + DAY)
    flow(company, at + DAY)
    assert len(enrolments_of(ana)) == 1


def test_a_second_run_of_a_batch_changes_nothing(company: Any, at: datetime) -> None:
    publish_workflow(workspace_id=company.id, text=brief("{event: download, reentry: always}"), at=at)
    ana = make_lead(company, "ana", at)
    download(ana, at)
    batch = flow(company, at)
    before = Event.objects.count()
    advance(Batch(company.id, at, events=batch.events, lead_ids=batch.lead_ids))
    assert len(enrolments_of(ana)) == 2
    assert Event.objects.count() == before
    assert len(mails(ana)) == 1


def test_leads_inside_stay_on_their_version(company: Any, at: datetime) -> None:
    ana, ben = make_lead(company, "ana", at), make_lead(company, "ben", at)
    download(ana, at)
    flow(company, at)
    publish_workflow(workspace_id=company.id, text=WELCOME.replace("hours: 12", "hours: 48"), at=at)
    download(ben, at)
    flow(company, at)
    advance_due(workspace_id=company.id, at=at + 3 * DAY)
    assert [(trip(lead).version.version, trip(lead).due_at) for lead in (ana, ben)] == [
        (1, at + 3.5 * DAY),
        (2, at + 5 * DAY),
    ]


def test_a_step_that_fails_is_tried_again_and_stops_nobody_else(
    company: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the carrier's plug-in has a fault")

    ana, ben = make_lead(company, "ana", at), make_lead(company, "ben", at)
    download(ana, at)
    with monkeypatch.context() as patched:
        patched.setattr(SendEmail, "run", fail)
        flow(company, at)
    assert (trip(ana).node, trip(ana).due_at) == ("hola", at + RETRY_STEP)
    assert "event=workflow.step_failed" in caplog.text

    download(ben, at)
    flow(company, at)
    assert trip(ben).node == "espera"
    advance_due(workspace_id=company.id, at=at + RETRY_STEP)
    assert (trip(ana).node, mails(ana)) == ("espera", ["hola"])


def test_the_overview_counts_each_node(company: Any, at: datetime) -> None:
    leads = [make_lead(company, f"lead{n}", at) for n in range(3)]
    for lead in leads:
        download(lead, at)
    flow(company, at)
    see_page(leads[0], "/precios", at + DAY)
    advance_due(workspace_id=company.id, at=at + 3 * DAY)
    (overview,) = count_workflows(company.id)
    assert (overview.version.name, overview.inside, overview.finished) == ("Bienvenida", 2, 1)
    assert [(each.node, each.inside, each.finished) for each in overview.nodes] == [
        ("hola", 0, 0),
        ("espera", 0, 0),
        ("interes", 0, 0),
        ("caso", 0, 0),
        ("pausa", 2, 0),
        ("fin", 0, 1),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("next: espera", "next: espero", "nodes.hola.next: no node `espero`\nhint: did you mean `espera`?"),
        ("start: hola", "start: ola", "start: no node `ola`\nhint: did you mean `hola`?"),
        ("otherwise: caso", "otherwise: fin", "nodes.caso: nothing leads here"),
        (
            "pausa:   {wait: {hours: 12}, next: fin}",
            "pausa:   {step: send_email, template: caso, next: caso}",
            "nodes.caso: leads back to itself without a wait",
        ),
        (
            "{wait: {days: 3}, next",
            "{wait: {day: 3}, next",
            "nodes.espera.wait: unknown key `day`\nhint: did you mean `days`?",
        ),
        ("{days: 3}", "{days: 0}", "nodes.espera.wait.days: a number above 0 is needed, not 0"),
        ("{days: 3}", "{days: 4000}", "nodes.espera.wait.days: 4000 is too long"),
        (
            "{days: 3}",
            "{days: 3, hours: 1}",
            "nodes.espera.wait: exactly one of days, hours, minutes is needed, not 2",
        ),
        (
            "step: send_email, template: hola",
            "step: send_mail, template: hola",
            "nodes.hola.step: no step `send_mail`\nhint: did you mean `send_email`?",
        ),
        (
            "template: hola",
            "template: ola",
            "nodes.hola.template: no template `ola` for the purpose marketing; published: caso, hola",
        ),
        (
            "template: hola",
            "tenplate: hola",
            "nodes.hola: unknown key `tenplate`\nhint: did you mean `template`?",
        ),
        ("template: hola, ", "", "nodes.hola.template: This field is required."),
        (
            "exit: true",
            "exits: true",
            "nodes.fin: exactly one of step, wait, branch, exit is needed, not 0\nhint: did you mean `exit`?",
        ),
        ("exit: true", "exit: false", "nodes.fin.exit: False is not `true`"),
        ("since: hola", "since: ola", "nodes.interes.branch[0].when.since: there is no `ola` to count from"),
        (
            "{event: download, where",
            "{event: download, form: x, where",
            "entry: exactly one of form, magnet, stage, event is needed, not 2",
        ),
        (
            "{event: download, where",
            "{form: download, where",
            "entry.where: `where` looks at an event, not at a form",
        ),
        ("{after_days: 30}", "sometimes", "entry.reentry: 'sometimes' says nothing\nhint: never, always"),
        (
            "purpose: marketing",
            "purpose: marketin",
            "purpose: no purpose `marketin`\nhint: did you mean `marketing`?",
        ),
        ("purpose: marketing", "purpose: transactional", "purpose: no purpose `transactional`"),
        ("hola:  ", "entry: {exit: true}\n  hola:  ", "nodes: `entry` names the entry itself"),
        ("workflow: welcome", "workflow: wel come", "workflow: 'wel come' is no key"),
        (
            "name: Bienvenida",
            "nombre: Bienvenida",
            "workflow: unknown key `nombre`\nhint: did you mean `name`?",
        ),
    ],
)
def test_a_wrong_workflow_is_refused_by_place(company: Any, at: datetime, old: str, new: str, says: str) -> None:
    assert old in WELCOME
    with pytest.raises(DocumentError) as refused:
        publish_workflow(workspace_id=company.id, text=WELCOME.replace(old, new, 1), at=at)
    assert str(refused.value).startswith(says)


def test_another_workspace_sees_nothing(company: Any, other_co: Any, at: datetime) -> None:
    download(make_lead(company, "ana", at), at)
    flow(company, at)
    assert advance_due(workspace_id=other_co.id, at=at + 9 * DAY) == 0
    assert count_workflows(other_co.id) == []
    with workspace_scope(other_co.id):
        assert Enrolment.objects.count() == 0


def test_workers_share_what_is_due(committed: Any, at: datetime) -> None:
    """Real transactions: each worker on its own connection, both until nothing is left."""
    taken: list[int] = []

    def work() -> None:
        try:
            while number := advance_due(workspace_id=committed.id, at=at + 3 * DAY, limit=7):
                taken.append(number)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with workspace_scope(committed.id):
        assert sum(taken) == 60
        assert Outbox.objects.filter(template__key="caso").count() == 60
        assert Event.objects.filter(name="workflow_advanced", occurred_at=at + 3 * DAY).count() == 60
        assert set(Enrolment.objects.values_list("node", flat=True)) == {"pausa"}
