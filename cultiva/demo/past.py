"""Writing the older part of the demo's history as sets: leads and everything that hangs on them.

Their stages, scores and hand-overs are not written here: `replay` has the product decide them.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cultiva.accounts.models import Workspace
from cultiva.capture.models import FormVersion
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.demo.consents import MAIL, Texts, add_consents, form_token
from cultiva.demo.hidden_process import Act
from cultiva.demo.history import WAIT, WELCOME_1, WELCOME_2, History, Newcomer, SentMail, Visit, saw_prices
from cultiva.demo.offers import add_offers
from cultiva.demo.people import Person
from cultiva.events.actions import NewEvent, visitor_of
from cultiva.leads.actions import NAMES_SEARCHED
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import fold, folded_where_different
from cultiva.mailing.models import TemplateVersion
from cultiva.mailing.templating import compile_version
from cultiva.nurture.models import WorkflowVersion

Json = dict[str, Any]

FORM, MAGNET, WORKFLOW = "guia-riego", "guia-riego", "bienvenida"
SITE = "https://riega.example"
NODES = {WELCOME_1: "hola", WELCOME_2: "insiste"}  # of the workflow
TITLES = {
    "/": "Riega Azudea, control de riego", "/precios": "Precios", "/precios/calculadora": "Calculadora",
    "/guia": "Guía de riego eficiente", "/casos": "Casos", "/contacto": "Contacto", "/soporte": "Soporte",
    "/empleo": "Trabaja con nosotros",
}  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """Ids of the event sources: the web site, and the server that knows quotes, sales and social networks."""

    web: int
    server: int


@dataclass(frozen=True)
class Stage:
    """Where the history is written: the workspace with its documents in force."""

    workspace: Workspace
    sources: Sources
    texts: Texts
    workflow: WorkflowVersion
    templates: Mapping[str, TemplateVersion]

    @property
    def workspace_id(self) -> int:
        return int(self.workspace.id)


def set_stage(workspace: Workspace, sources: Sources) -> Stage:
    forms, policies = FormVersion.currents(workspace.id), PolicyVersion.currents(workspace.id)
    texts = Texts(
        form=forms.get(key=FORM),
        policy=policies.get(),
        purposes={purpose.key: purpose for purpose in PurposeVersion.currents(workspace.id)},
        page_url=f"{settings.PUBLIC_URL}/f/{workspace.slug}/{FORM}",
    )
    templates = {template.key: template for template in TemplateVersion.currents(workspace.id)}
    return Stage(workspace, sources, texts, WorkflowVersion.currents(workspace.id).get(key=WORKFLOW), templates)


def write_past(stage: Stage, history: History) -> list[NewEvent]:
    """Write the rows of everybody but the most recent; returns all events that need no door, oldest first."""
    older = [newcomer for newcomer in history.newcomers if not newcomer.is_recent(history.at)]
    ids = _add_leads(stage, older)
    leads = [(ids[newcomer.person.email], newcomer) for newcomer in older]
    consents, given = add_consents(workspace_id=stage.workspace_id, leads=leads, texts=stage.texts)
    _add_links(stage, leads)
    # In the product's own order, which a stable sort keeps for what happened in one instant.
    events = [event for lead_id, newcomer in leads for event in _told(lead_id, newcomer)]
    events += [*consents, *_add_submissions(stage, leads), *_add_mails(stage, leads, given)]
    events += add_offers(stage.workspace_id, leads, history.at)
    events += [event for newcomer in history.newcomers for event in _acts(stage, newcomer)]
    events += [event for visit in history.crowd for event in page_events(stage, visit)]
    return sorted((event for event in events if event.occurred_at <= history.at), key=lambda event: event.occurred_at)


def _add_leads(stage: Stage, newcomers: Sequence[Newcomer]) -> dict[str, int]:
    """{address: lead id}"""
    rows = [_lead_row(newcomer) for newcomer in newcomers]
    added = fetch_all(load_sql("demo", "add_leads"), {"workspace": stage.workspace_id, "rows": json.dumps(rows)})
    return {row["email_key"]: row["id"] for row in added}


def _lead_row(newcomer: Newcomer) -> Json:
    person = newcomer.person
    attributes = {**form_answers(person), **(later_answers(person) if newcomer.completed_at else {})}
    return {
        "email": person.email,
        "attributes": attributes,
        "folded": folded_where_different(attributes) or None,
        "language": person.language,
        "source_kind": newcomer.source_kind,
        "created_at": newcomer.born.isoformat(),
        "search_text": " ".join(fold(str(attributes[key])) for key in NAMES_SEARCHED if attributes.get(key)),
    }


def form_answers(person: Person) -> Json:
    return {
        "first_name": person.first_name, "last_name": person.last_name, "email": person.email,
        "company": person.company, "job_title": person.job_title, "employees": person.employees,
    }  # fmt: skip


def later_answers(person: Person) -> Json:
    """What the sales team looks up within a day or so."""
    return {"sector": person.sector, "province": person.province, "hectares": person.hectares}


def _add_links(stage: Stage, leads: Sequence[tuple[int, Newcomer]]) -> None:
    rows = [
        {"visitor": str(visitor), "lead_id": lead_id, "linked_at": newcomer.born.isoformat()}
        for lead_id, newcomer in leads
        for visitor in visitors_of(stage, newcomer)
    ]
    execute(load_sql("demo", "add_links"), {"workspace": stage.workspace_id, "rows": json.dumps(rows)})


def visitors_of(stage: Stage, newcomer: Newcomer) -> Iterator[uuid.UUID]:
    """The browser of those who accepted tracking; the customer number of those whom the server knows."""
    if newcomer.life.leaves_traces:
        yield web_visitor(stage, newcomer.visitor)
    if any(act.verb in SERVER_ACTS for act in newcomer.life.acts):
        yield server_visitor(stage, newcomer)


def web_visitor(stage: Stage, anonymous_id: str) -> uuid.UUID:
    return visitor_of(workspace_id=stage.workspace_id, source_id=stage.sources.web, anonymous_id=anonymous_id)


def server_visitor(stage: Stage, newcomer: Newcomer) -> uuid.UUID:
    user_id = f"C{newcomer.number:05}"
    return visitor_of(workspace_id=stage.workspace_id, source_id=stage.sources.server, user_id=user_id)


def _add_submissions(stage: Stage, leads: Sequence[tuple[int, Newcomer]]) -> list[NewEvent]:
    """Submissions and grants, and what the ledger says of them."""
    by_form = {lead_id: newcomer for lead_id, newcomer in leads if newcomer.source_kind == "form"}
    rows = [
        {
            "lead_id": lead_id,
            "token_hash": form_token(newcomer),
            "fields": form_answers(newcomer.person),
            "received_at": newcomer.born.isoformat(),
            "origin": {"form": FORM, "campaign": dict(newcomer.campaign)},
            "opened_at": newcomer.downloaded_at.isoformat() if newcomer.downloaded_at else None,
        }
        for lead_id, newcomer in by_form.items()
    ]
    parameters = {
        "workspace": stage.workspace_id, "form": stage.texts.form.id, "magnet": MAGNET, "rows": json.dumps(rows),
    }  # fmt: skip
    added = fetch_all(load_sql("demo", "add_submissions"), parameters)
    return [event for row in added for event in _form_events(row, by_form[row["lead_id"]], stage)]


def _form_events(row: Json, newcomer: Newcomer, stage: Stage) -> Iterator[NewEvent]:
    lead_id, born = row["lead_id"], newcomer.born
    yield NewEvent(
        kind="track", name="magnet_granted", message_id=f"grant:{row['grant_id']}", occurred_at=born, lead_id=lead_id,
        by="system", actor="machine", properties={"magnet": MAGNET, "grant": row["grant_id"]},
    )  # fmt: skip
    yield NewEvent(
        kind="track", name="form_submitted", message_id=f"submission:{row['submission']}", occurred_at=born,
        lead_id=lead_id, actor="human",
        properties={"form": FORM, "objective": "content", "submission": row["submission"], "magnet": MAGNET},
        context={
            "campaign": dict(newcomer.campaign), "page": {"url": stage.texts.page_url, "referrer": f"{SITE}/guia"},
        },
    )  # fmt: skip
    if newcomer.downloaded_at:
        yield NewEvent(
            kind="track", name="download", occurred_at=newcomer.downloaded_at, lead_id=lead_id, actor="human",
            message_id=f"download:{row['grant_id']}:{newcomer.downloaded_at.isoformat()}",
            properties={"magnet": MAGNET, "asset": MAGNET},
        )  # fmt: skip


def _told(lead_id: int, newcomer: Newcomer) -> Iterator[NewEvent]:
    """What each lead said of themselves, and what the team found out."""
    person = newcomer.person
    yield NewEvent(
        kind="identify", message_id=f"identify:{form_token(newcomer)}", occurred_at=newcomer.born, lead_id=lead_id,
        properties=form_answers(person), context={"locale": person.language},
    )  # fmt: skip
    if newcomer.completed_at:
        yield NewEvent(
            kind="identify", message_id=f"completed:{form_token(newcomer)}", occurred_at=newcomer.completed_at,
            lead_id=lead_id, by="staff", properties=later_answers(person),
        )  # fmt: skip


def _add_mails(stage: Stage, leads: Sequence[tuple[int, Newcomer]], given: Mapping[int, int]) -> list[NewEvent]:
    """Mails that went out, the trips that sent them, and the clicks in them."""
    trips = _add_trips(stage, leads)
    mails = [(lead_id, newcomer, mail) for lead_id, newcomer in leads for mail in newcomer.mails]
    rows = [
        {
            "cause_kind": "workflow" if mail.template in NODES else "campaign",
            "cause_id": _cause_id(mail, trips.get(lead_id, 0)),
            "lead_id": lead_id,
            "template_id": stage.templates[mail.template].id,
            "message_id": f"<{uuid.uuid5(uuid.NAMESPACE_URL, f'{newcomer.person.email}:{mail}').hex}@riega.example>",
            "evidence_id": given[lead_id],
            "links": _links(stage, mail, newcomer),
            "sent_at": mail.at.isoformat(),
        }
        for lead_id, newcomer, mail in mails
    ]
    parameters = {"workspace": stage.workspace_id, "purpose": MAIL, "rows": json.dumps(rows)}
    added = fetch_all(load_sql("demo", "add_mails"), parameters)
    outbox = {(row["lead_id"], row["cause_id"]): row["id"] for row in added}
    events = [*_trip_events(stage, leads, trips)]
    for row, (lead_id, newcomer, mail) in zip(rows, mails, strict=True):
        outbox_id = outbox[lead_id, row["cause_id"]]
        events.append(_sent(stage, outbox_id, lead_id, newcomer, mail))
        for act in newcomer.clicks_in(mail):
            events += click_events(stage, newcomer, mail, act, lead_id, outbox_id)
    return events


def _cause_id(mail: SentMail, trip: int) -> str:
    if mail.template not in NODES:
        return f"{mail.template}:{mail.at:%Y-%m-%d}"
    return f"{trip}:{NODES[mail.template]}:{int(mail.at.timestamp() * 1_000_000)}"


def _links(stage: Stage, mail: SentMail, newcomer: Newcomer) -> list[str]:
    compiled = compile_version(stage.templates[mail.template], newcomer.person.language)
    return [link.render() for link in compiled.links]


def _add_trips(stage: Stage, leads: Sequence[tuple[int, Newcomer]]) -> dict[int, int]:
    """{lead: trip} of those who asked for the guide, went through the welcome and reached its end."""
    rows = [_trip_row(lead_id, newcomer) for lead_id, newcomer in leads if newcomer.source_kind == "form"]
    parameters = {
        "workspace": stage.workspace_id, "workflow": WORKFLOW, "version": stage.workflow.id, "rows": json.dumps(rows),
    }  # fmt: skip
    return {row["lead_id"]: row["id"] for row in fetch_all(load_sql("demo", "add_trips"), parameters)}


def _trip_row(lead_id: int, newcomer: Newcomer) -> Json:
    entered, ended = newcomer.born, newcomer.born + WAIT
    was_written_again = not saw_prices(newcomer.life, entered, ended)
    passed = ["interes", *(["insiste"] if was_written_again else []), "fin"]
    trail = dict.fromkeys(("hola", "espera"), entered.isoformat()) | dict.fromkeys(passed, ended.isoformat())
    return {
        "lead_id": lead_id, "entered_at": entered.isoformat(), "node": "fin", "trail": trail,
        "exited_at": ended.isoformat(),
    }  # fmt: skip


def _trip_events(stage: Stage, leads: Sequence[tuple[int, Newcomer]], trips: Mapping[int, int]) -> Iterator[NewEvent]:
    for lead_id, newcomer in leads:
        if lead_id in trips:
            yield _trip_event(stage, lead_id, trips[lead_id], "workflow_entered", "hola", newcomer.born)
            yield _trip_event(stage, lead_id, trips[lead_id], "workflow_finished", "fin", newcomer.born + WAIT)


def _trip_event(stage: Stage, lead_id: int, trip: int, name: str, node: str, at: datetime) -> NewEvent:
    return NewEvent(
        kind="workflow", name=name, occurred_at=at, lead_id=lead_id, by="system",
        message_id=f"{name}:{trip}:{node}:{int(at.timestamp() * 1_000_000)}",
        properties={
            "workflow": WORKFLOW, "version": stage.workflow.version, "node": node, "enrolment": trip,
        },
    )  # fmt: skip


def _sent(stage: Stage, outbox_id: int, lead_id: int, newcomer: Newcomer, mail: SentMail) -> NewEvent:
    person = newcomer.person
    compiled = compile_version(stage.templates[mail.template], person.language)
    subject = " ".join(compiled.subject.render(lead={"first_name": person.first_name}).split())
    return NewEvent(
        kind="send", name="email_sent", message_id=f"mail:{outbox_id}:sent", occurred_at=mail.at, lead_id=lead_id,
        by="system",
        properties={
            "template": mail.template, "outbox": outbox_id, "purpose": MAIL, "outcome": "sent", "subject": subject,
        },
    )  # fmt: skip


def click_events(
    stage: Stage, newcomer: Newcomer, mail: SentMail, act: Act, lead_id: int, outbox_id: int
) -> Iterator[NewEvent]:
    """The click, the page it opened, and now and then a mail scanner that clicked first."""
    links = _links(stage, mail, newcomer)
    number = len(links) - 1 if (newcomer.number + act.at.day) % 4 == 0 else 0
    path = links[number].removeprefix(SITE)
    properties = {
        "template": mail.template, "url": links[number], "path": path, "link": number, "outbox": outbox_id,
    }  # fmt: skip
    yield NewEvent(
        kind="track", name="email_clicked", message_id=f"click:{outbox_id}:{number}:{int(act.at.timestamp())}:human",
        occurred_at=act.at, lead_id=lead_id, actor="human", properties=properties,
    )  # fmt: skip
    if newcomer.number % 12 == 0:
        yield NewEvent(
            kind="track", name="email_clicked", message_id=f"click:{outbox_id}:{number}:scanner",
            occurred_at=mail.at + timedelta(seconds=2), lead_id=lead_id, actor="machine", properties=properties,
            context={"reasons": ["too_soon"]},
        )  # fmt: skip
    if newcomer.life.leaves_traces:
        yield from page_events(stage, Visit(newcomer.visitor, act.at + timedelta(seconds=3), (path,)))


# {verb: event, from the server}
SERVER_ACTS = {"social": "social", "quote": "quote_requested", "purchase": "purchase", "service": "service_request"}


def _acts(stage: Stage, newcomer: Newcomer) -> Iterator[NewEvent]:
    """Visits and what the server saw; clicks belong to their mails."""
    for visit in newcomer.first_visits:
        yield from page_events(stage, Visit(visit.visitor, visit.at, visit.paths, newcomer.campaign))
    for act in newcomer.life.acts:
        if act.verb == "visit":
            yield from page_events(stage, Visit(newcomer.visitor, act.at, tuple(map(str, act.detail))))
        elif act.verb in SERVER_ACTS:
            yield NewEvent(
                kind="track", name=SERVER_ACTS[act.verb], occurred_at=act.at, source_id=stage.sources.server,
                message_id=f"{newcomer.number}:{act.verb}:{act.at.isoformat()}",
                visitor=server_visitor(stage, newcomer), properties=_facts(newcomer, act),
            )  # fmt: skip


def _facts(newcomer: Newcomer, act: Act) -> Json:
    if act.verb == "social":
        return {"network": act.detail[0], "action": act.detail[1], "url": f"https://{act.detail[0]}.example/riega"}
    if act.verb == "purchase":
        return {"value": act.detail[0], "currency": "EUR", "order": f"P-{newcomer.number:05}"}
    if act.verb == "quote":
        return {"product": "programador-p8", "hectares": newcomer.person.hectares}
    return {"topic": ("ampliación", "avería", "revisión")[newcomer.number % 3]}


def page_events(stage: Stage, visit: Visit) -> Iterator[NewEvent]:
    """One page after the other, half a minute to two apart."""
    visitor, at = web_visitor(stage, visit.visitor), visit.at
    for number, path in enumerate(visit.paths):
        yield page_event(stage.sources.web, visitor, path, at, {} if number else visit.campaign)
        at += timedelta(seconds=30 + (at.second * 7 + number * 31) % 90)


def page_event(
    source_id: int, visitor: uuid.UUID, path: str, at: datetime, campaign: Mapping[str, str] | None = None
) -> NewEvent:
    """As the tracking script of a site sends it."""
    query = f"?{_query(campaign)}" if campaign else ""
    return NewEvent(
        kind="page", message_id=f"{visitor}:{at.isoformat()}", occurred_at=at, source_id=source_id, visitor=visitor,
        properties={"path": path, "title": title_of(path), "url": f"{SITE}{path}{query}"},
        context={"campaign": dict(campaign)} if campaign else {},
    )  # fmt: skip


def _query(campaign: Mapping[str, str]) -> str:
    names: Iterable[tuple[str, str]] = (("campaign" if key == "name" else key, text) for key, text in campaign.items())
    return "&".join(f"utm_{key}={text}" for key, text in names)


def title_of(path: str) -> str:
    return TITLES.get(path) or path.rpartition("/")[2].replace("-", " ").capitalize()


def start_of(history: History) -> datetime:
    """Before anything happened."""
    return min(
        [history.at, *(n.born for n in history.newcomers), *(v.at for n in history.newcomers for v in n.first_visits)]
    ) - timedelta(days=5)
