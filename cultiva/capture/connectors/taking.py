"""Leads are made of what connectors were told; what cannot become one waits in quarantine, with the reason."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.capture.connectors.kinds import CannotFetch, InboundKind, Reading, as_text
from cultiva.capture.connectors.mapping import Mapped, apply, targets_of, time_of, words_of
from cultiva.capture.connectors.models import Inbound, InboundFact
from cultiva.capture.social import social_event
from cultiva.consent.told import ConsentRefused, Told, record_told_consent
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import BadAddress, BadPhone, LeadConflict, save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.secrets import decrypt, encrypt

log = logging.getLogger(__name__)

Json = dict[str, Any]

LEASE = timedelta(minutes=2)
MOST_TRIES = 8  # after 1, 2, 4, .. minutes: about four hours in all
AT_ONCE = 50
KEEP_PAYLOADS = timedelta(days=30)


class Quarantined(Exception):
    """Nothing can be made of it; the message says why, to staff."""


def take_waiting(*, workspace_id: int, at: datetime) -> int:
    """Make leads of what waits and is due; each by itself, so that one that fails keeps nobody. Returns how many."""
    with workspace_scope(workspace_id):
        parameters = {"workspace": workspace_id, "at": at, "lease_until": at + LEASE, "limit": AT_ONCE}
        ids = sorted(row["id"] for row in fetch_all(load_sql("capture", "claim_inbound"), parameters))
        language = Workspace.objects.values_list("language", flat=True).get(id=workspace_id) if ids else "en"
    for fact_id in ids:
        with translation.override(language):
            _take(workspace_id, fact_id, at)
    return len(ids)


def _take(workspace_id: int, fact_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        fact = InboundFact.objects.select_related("inbound").get(workspace_id=workspace_id, id=fact_id)
    try:
        _fetch(fact)
        reading = _read(fact, at)  # by itself: the sample stays, whatever becomes of it
        with workspace_scope(workspace_id):
            _make_lead(fact, reading, at)
    except Quarantined as error:
        _set(fact, state="quarantined", reason=str(error)[:400])
    except CannotFetch as error:
        is_over = error.is_final or fact.tries >= MOST_TRIES
        wait = timedelta(minutes=2 ** (fact.tries - 1))
        _set(fact, state="quarantined" if is_over else "waiting", reason=str(error)[:400], due_at=at + wait)
    except Exception as error:
        log.exception("event=inbound.failed workspace=%d fact=%d", workspace_id, fact_id)
        if fact.tries >= MOST_TRIES:
            words = gettext("It failed again and again: %(error)s") % {"error": type(error).__name__}
            _set(fact, state="quarantined", reason=words)


def _set(fact: InboundFact, **columns: Any) -> None:
    with workspace_scope(fact.workspace_id):
        InboundFact.objects.filter(workspace_id=fact.workspace_id, id=fact.id).update(**columns)


def _fetch(fact: InboundFact) -> None:
    """Outside of any transaction: a network may take its time. Raises CannotFetch."""
    if fact.is_fetched:
        return
    kind: InboundKind = plugin("inbound", fact.inbound.kind)()
    if not fact.inbound.token:
        raise CannotFetch(gettext("The connector has no access token: enter it, and try again."), is_final=True)
    payload = kind.fetch(json.loads(decrypt(fact.payload)), decrypt(fact.inbound.token))
    fact.payload, fact.is_fetched = encrypt(json.dumps(payload)), True
    _set(fact, payload=fact.payload, is_fetched=True)


def _read(fact: InboundFact, at: datetime) -> Reading:
    """Raises Quarantined."""
    kind: InboundKind = plugin("inbound", fact.inbound.kind)()
    try:
        reading = kind.read(json.loads(decrypt(fact.payload)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Quarantined(gettext("What came cannot be read: %(error)s") % {"error": type(error).__name__}) from error
    with workspace_scope(fact.workspace_id):
        here = Inbound.objects.filter(workspace_id=fact.workspace_id, id=fact.inbound_id)
        here.update(sample=encrypt(json.dumps(dict(reading.fields))), sample_at=at)
    return reading


def _make_lead(fact: InboundFact, reading: Reading, at: datetime) -> None:
    """Raises Quarantined."""
    inbound = fact.inbound
    kind: InboundKind = plugin("inbound", inbound.kind)()
    if reading.is_test:
        InboundFact.objects.filter(workspace_id=fact.workspace_id, id=fact.id).update(state="test", reason="")
        return
    mapped = apply(targets_of(kind, inbound.mapping, reading.fields), reading.fields)
    lead = _save(fact, kind, mapped, at)
    told_at = time_of(mapped, reading.at, at)
    refused = _record_boxes(fact, lead, mapped, reading, told_at, at)
    record_events(
        workspace_id=fact.workspace_id, events=_events(fact, lead, mapped, reading, told_at), received_at=at
    )  # fmt: skip
    InboundFact.objects.filter(workspace_id=fact.workspace_id, id=fact.id).update(
        state="taken", lead_id=lead.id, reason="; ".join(refused)[:400]
    )


def _save(fact: InboundFact, kind: InboundKind, mapped: Mapped, at: datetime) -> Lead:
    """A telephone beside an address is an attribute: families and offices share one."""
    if not mapped.identifiers:
        raise Quarantined(
            gettext("No field with an e-mail, a telephone or an id of the person. Say in the mapping which one it is.")
        )
    identifiers, attributes = dict(mapped.identifiers), dict(mapped.attributes)
    if "email" in identifiers and "phone" in identifiers:
        attributes["phone"] = identifiers.pop("phone")
    try:
        lead, _ = save_lead(
            workspace_id=fact.workspace_id, email=identifiers.get("email", ""), phone=identifiers.get("phone", ""),
            external_id=identifiers.get("external_id", ""), attributes=attributes,
            language=mapped.others.get("language", "")[:5], source_kind=kind.source_kind, at=at,
            message_id=f"inbound:{fact.id}",
        )  # fmt: skip
    except (BadAddress, BadPhone, LeadConflict) as error:
        raise Quarantined(str(error).replace("\nhint:", "")) from error
    return lead


def _record_boxes(
    fact: InboundFact, lead: Lead, mapped: Mapped, reading: Reading, told_at: datetime, at: datetime
) -> list[str]:
    """Evidence for each box that was ticked; why others could not count. Without one there is no basis for anything."""
    refused = []
    for box in sorted(mapped.boxes, key=lambda box: box.what):  # the policy first
        told = Told(
            text=words_of(box, fact.workspace_id), version=box.version, box=box.field[:200], told_at=told_at,
            page_url=mapped.others.get("page") or reading.page or f"inbound:{fact.inbound.key}",
            ip=mapped.others.get("ip", "")[:45], source_payload_sha256=fact.payload_sha256,
            **{box.what: box.key},
        )  # fmt: skip
        try:
            record_told_consent(
                workspace_id=fact.workspace_id, lead_id=lead.id, told=told, at=at, by=f"inbound:{fact.inbound.key}"
            )
        except ConsentRefused as error:
            refused.append(str(error))
    return refused


def _events(
    fact: InboundFact, lead: Lead, mapped: Mapped, reading: Reading, told_at: datetime
) -> list[NewEvent]:  # fmt: skip
    extra = {name: value for name, value in mapped.extra.items() if as_text(value)}
    received = NewEvent(
        kind="track", name="lead_received", message_id=f"inbound:{fact.id}:received", occurred_at=told_at,
        lead_id=lead.id, actor="human",
        properties={"connector": fact.inbound.key, **reading.properties} | ({"extra": extra} if extra else {}),
        context={"campaign": dict(reading.campaign)} if reading.campaign else {},
    )  # fmt: skip
    network, action = mapped.others.get("social_network", ""), mapped.others.get("social_action", "")
    if not (network and action):
        return [received]
    social = social_event(
        message_id=f"inbound:{fact.id}:social", network=network, action=action,
        url=mapped.others.get("social_url", ""), at=told_at, lead_id=lead.id,
    )  # fmt: skip
    return [received, social]


def retry(*, inbound: Inbound, at: datetime, fact_id: int | None = None) -> int:
    """What is in quarantine, or one of it, once more; returns how many."""
    with workspace_scope(inbound.workspace_id):
        found = InboundFact.objects.filter(
            workspace_id=inbound.workspace_id, inbound_id=inbound.id, state="quarantined"
        ).exclude(payload="")
        found = found.filter(id=fact_id) if fact_id else found
        return found.update(state="waiting", tries=0, due_at=at, reason="")


def discard(*, inbound: Inbound, fact_id: int) -> int:
    """Nobody wants it: what it said is forgotten, that it came is kept, so that it does not come again."""
    with workspace_scope(inbound.workspace_id):
        found = InboundFact.objects.filter(
            workspace_id=inbound.workspace_id, inbound_id=inbound.id, state="quarantined", id=fact_id
        )
        return found.update(state="discarded", payload="")


def forget_payloads(*, workspace_id: int, at: datetime) -> int:
    """After 30 days what came is forgotten: its evidence keeps a fingerprint. Quarantine ends with it."""
    with workspace_scope(workspace_id):
        old = InboundFact.objects.filter(workspace_id=workspace_id, received_at__lt=at - KEEP_PAYLOADS)
        old.filter(state="quarantined").update(state="discarded")
        Inbound.objects.filter(workspace_id=workspace_id, sample_at__lt=at - KEEP_PAYLOADS).update(sample="")
        return old.exclude(payload="").exclude(state="waiting").update(payload="")
