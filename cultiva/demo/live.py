"""The live source: now and then somebody of the demo does something, so that screens have something to show."""

import json
import uuid
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from django.conf import settings

from cultiva.capture.models import FormVersion
from cultiva.demo.doors import download_guide, fill_in_form, ticks
from cultiva.demo.hidden_process import PAGES
from cultiva.demo.history import CAMPAIGNS
from cultiva.demo.models import LiveSource
from cultiva.demo.past import FORM, page_event
from cultiva.demo.people import make_people
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import EventSource
from cultiva.leads.actions import link_visitor
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.plugins import plugin

CLICKED_WITHIN = timedelta(days=21)  # of the mail


def switch_live_source(workspace_id: int, is_on: bool) -> None:
    """Let invented visitors in, or keep them away."""
    with workspace_scope(workspace_id):
        LiveSource.objects.update_or_create(workspace_id=workspace_id, defaults={"is_on": is_on})


def is_live(workspace_id: int) -> bool:
    with workspace_scope(workspace_id):
        return LiveSource.objects.filter(workspace_id=workspace_id, is_on=True).exists()


def tick(*, workspace_id: int, at: datetime) -> str:
    """Perhaps one thing happens; returns its name, or nothing. The schedule asks every few seconds."""
    random = Random(f"{workspace_id}/{at.isoformat()}")
    happens = random.choices(("", "stranger", "known", "click", "newcomer"), (58.3, 24, 13, 4, 0.7))[0]
    with workspace_scope(workspace_id):
        source = EventSource.objects.filter(workspace_id=workspace_id).order_by("id").first()
        if source is None or not happens:
            return ""
        return happens if HAPPENINGS[happens](source, random, at) else ""


def _stranger_visits(source: EventSource, random: Random, at: datetime) -> bool:
    visitor = visitor_of(
        workspace_id=source.workspace_id, source_id=source.id, anonymous_id=f"paseante-{random.getrandbits(40)}"
    )
    _visit(source, visitor, random, at)
    return True


def _known_visits(source: EventSource, random: Random, at: datetime) -> bool:
    point = str(uuid.UUID(int=random.getrandbits(128)))
    found = fetch_all(load_sql("demo", "some_visitor"), {"workspace": source.workspace_id, "point": point})
    for row in found:
        _visit(source, row["visitor"], random, at)
    return bool(found)


def _reader_clicks(source: EventSource, random: Random, at: datetime) -> bool:
    parameters = {
        "workspace": source.workspace_id, "since": at - CLICKED_WITHIN, "point": str(random.random()),
    }  # fmt: skip
    for mail in fetch_all(load_sql("demo", "some_mail"), parameters):
        links = json.loads(mail["links"]) if isinstance(mail["links"], str) else mail["links"]
        number = random.randrange(len(links))
        click = NewEvent(
            kind="track", name="email_clicked", message_id=f"click:{mail['id']}:{number}:{int(at.timestamp())}:human",
            occurred_at=at, lead_id=mail["lead_id"], actor="human",
            properties={
                "template": mail["template"], "url": links[number], "path": urlsplit(links[number]).path or "/",
                "link": number, "outbox": mail["id"],
            },
        )  # fmt: skip
        record_events(workspace_id=source.workspace_id, events=[click], received_at=at)
        return True
    return False


def _newcomer_asks(source: EventSource, random: Random, at: datetime) -> bool:
    """Only where mails stay in the house: invented people have no real addresses."""
    workspace_id = source.workspace_id
    has_form = FormVersion.current(workspace_id, FORM) is not None
    if not has_form or not plugin("carriers", settings.MAIL_CARRIER).is_local:
        return False
    person = make_people(1, random)[0]
    outcome = fill_in_form(
        workspace_id=workspace_id,
        person=person,
        wants=ticks(mail=random.random() < 0.66, calls=random.random() < 0.22),
        page_url=f"{settings.PUBLIC_URL}/f/{source.workspace.slug}/{FORM}",
        campaign=random.choices([c for _, c in CAMPAIGNS], [w for w, _ in CAMPAIGNS])[0],
        ip=f"203.0.113.{random.randint(1, 254)}",
        at=at,
    )
    if outcome.lead_id is None:
        return False
    visitor = visitor_of(workspace_id=workspace_id, source_id=source.id, anonymous_id=person.email)
    link_visitor(workspace_id=workspace_id, visitor=visitor, lead_id=outcome.lead_id, at=at)
    if random.random() < 0.8:
        download_guide(workspace_id=workspace_id, lead_id=outcome.lead_id, at=at)
    return True


HAPPENINGS = {
    "stranger": _stranger_visits,
    "known": _known_visits,
    "click": _reader_clicks,
    "newcomer": _newcomer_asks,
}


def _visit(source: EventSource, visitor: uuid.UUID, random: Random, at: datetime) -> None:
    after = random.choices(("learn", "compare", "buy"), (5, 3, 1))[0]
    page = page_event(source.id, visitor, random.choice(PAGES[after]), at)
    record_events(workspace_id=source.workspace_id, events=[page], received_at=at)
