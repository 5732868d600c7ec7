"""Finding and making leads, learning who a visitor is, and the first step of `flow`."""

import json
import math
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email

from cultiva.events.actions import LedgerEvent, NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.leads.aliases import current_lead_id, follow_merged
from cultiva.leads.models import Lead
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import fold, folded_where_different

Json = dict[str, Any]

MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
MAX_ATTRIBUTES = 100
MAX_KEY = 80
MAX_TEXT = 10_000
NAMES_SEARCHED = ("first_name", "last_name", "name", "company", "email")


class BadAddress(ValueError):
    """Not an e-mail address; the message says why, in English."""


@dataclass(frozen=True)
class Address:
    """`text` is how it is written to (domain in lower case, local part as given); `key` finds duplicates."""

    text: str
    key: str


def read_address(text: str) -> Address:
    """An e-mail address checked by its syntax alone. Raises BadAddress.

    The key is the case-folded NFKC local part and the IDNA domain. Tags and dots stay: they may be two people.
    """
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    local = unicodedata.normalize("NFKC", found.local_part).casefold()
    key = f"{local}@{found.ascii_domain or found.domain}"
    if len(key) > MAX_ADDRESS:
        raise BadAddress("The address is too long.")
    return Address(text=found.normalized, key=key)


def find_or_make_lead(
    *,
    workspace_id: int,
    email: str,
    attributes: Mapping[str, Any],
    language: str,
    source_kind: str,
    at: datetime,
    message_id: str = "",
    events: list[NewEvent] | None = None,
) -> tuple[Lead, bool]:
    """The lead of an address, with what is now known of them, and whether they are new. Raises BadAddress.

    Blank never overwrites; the address stays as first written. The row stays locked until the end of the
    transaction. `message_id` makes the identify event safe to repeat; the event goes into `events` where that is
    given, for a caller that records the events of several actions at once.
    """
    address = read_address(email)
    known = clean_attributes(attributes)
    lead, is_new = _take_row(workspace_id, address, known, language, source_kind, at)
    if not is_new:
        _learn(lead, known, language)
    identified = NewEvent(
        kind="identify",
        message_id=message_id or str(uuid.uuid4()),
        occurred_at=at,
        lead_id=lead.id,
        properties=known | {"email": lead.email},
        context={"locale": language},
    )
    tell([identified], workspace_id=workspace_id, at=at, into=events)
    return lead, is_new


def tell(said: Sequence[NewEvent], *, workspace_id: int, at: datetime, into: list[NewEvent] | None) -> None:
    """Record events, or leave that to a caller who collects them: one statement for a whole transaction."""
    if into is None:
        record_events(workspace_id=workspace_id, events=said, received_at=at)
    else:
        into += said


def link_visitor(*, workspace_id: int, visitor: uuid.UUID, lead_id: int, at: datetime) -> bool:
    """Say who a visitor is; False where they are linked already, to this lead or another: links do not move."""
    sql = load_sql("leads", "link_visitor")
    return bool(execute(sql, {"workspace": workspace_id, "visitor": visitor, "lead": lead_id, "at": at}))


def resolve(batch: Batch) -> None:
    """The step of `flow` that finds whose events these are: links, then leads (`batch.lead_ids`, not locked yet).

    An identify event of a publishable key never makes a lead: a lead is somebody who gave their data.
    """
    _link_identified(batch)
    lead_of = _leads_of_visitors(batch)
    batch.events = [
        replace(event, lead_id=lead_of[event.visitor]) if event.lead_id is None and event.visitor in lead_of else event
        for event in batch.events
    ]
    follow_merged(batch)
    batch.lead_ids = sorted({event.lead_id for event in batch.events if event.lead_id is not None})


def project(batch: Batch) -> None:
    """The step of `flow` that brings the rows of the batch's leads up to date with the ledger."""
    # A lead may have been merged between `resolve` and its lock.
    if moved := follow_merged(batch) - set(batch.lead_ids):
        batch.lead_ids = sorted({*batch.lead_ids, *lock_leads(workspace_id=batch.workspace_id, lead_ids=[*moved])})
    _note_last_seen(batch)


def lock_leads(*, workspace_id: int, lead_ids: Sequence[int]) -> list[int]:
    """Lock leads in id order, so that one lead is in one batch at a time; returns those that exist, ascending."""
    if not lead_ids:
        return []
    rows = fetch_all(load_sql("leads", "lock_leads"), {"workspace": workspace_id, "leads": list(lead_ids)})
    return [row["lead_id"] for row in rows]


def clean_attributes(attributes: Mapping[str, Any]) -> Json:
    """What may be stored of the given attributes: no blanks, no objects, no control characters, bounded sizes."""
    known = {str(key)[:MAX_KEY]: _clean_value(value) for key, value in attributes.items() if key != "email"}
    return {key: value for key, value in list(known.items())[:MAX_ATTRIBUTES] if value not in (None, "", [])}


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(
            c for c in value[:MAX_TEXT] if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")
        ).strip()
    if isinstance(value, (list, tuple)):
        cleaned = [_clean_value(element) for element in value[:MAX_ATTRIBUTES]]
        return [element for element in cleaned if element not in (None, "", [])]
    return value if isinstance(value, (bool, int, float)) and math.isfinite(value) else None


def _take_row(
    workspace_id: int, address: Address, known: Json, language: str, source_kind: str, at: datetime
) -> tuple[Lead, bool]:
    attributes = known | {"email": address.text}
    folded = folded_where_different(attributes)
    parameters = {
        "workspace": workspace_id,
        "email": address.text,
        "email_key": address.key,
        "attributes": json.dumps(attributes),
        "folded": json.dumps(folded) if folded else None,
        "language": language,
        "source_kind": source_kind,
        "at": at,
        "search_text": search_text(attributes),
    }
    lead = Lead.objects.raw(load_sql("leads", "find_or_make_lead"), parameters)[0]
    if lead.merged_into_id is not None:  # an address of a merged lead is one more of the lead they are now
        return _take_current(lead), False
    return lead, lead.is_new  # type: ignore[attr-defined]  # a column of the statement


def _take_current(lead: Lead) -> Lead:
    """Lock the lead that a merged one is now; again where a merge came in between. No undo can: we hold the merged
    lead's row."""
    while lead.merged_into_id is not None:
        current = current_lead_id(lead.workspace_id, lead.id)
        lead = Lead.objects.select_for_update(no_key=True).get(workspace_id=lead.workspace_id, id=current)
    return lead


def _learn(lead: Lead, known: Json, language: str) -> None:
    merged = lead.attributes | known
    if merged == lead.attributes and language in ("", lead.language):
        return
    lead.attributes, lead.language = merged, language or lead.language
    lead.folded = folded_where_different(merged) or None
    lead.search_text = search_text(merged)
    lead.save(update_fields=["attributes", "language", "folded", "search_text"])


def search_text(attributes: Json) -> str:
    return fold(" ".join(str(attributes[key]) for key in NAMES_SEARCHED if attributes.get(key)))


def _link_identified(batch: Batch) -> None:
    """Link the visitors who gave the address of a lead, earliest event first."""
    claims = [
        {"place": place, "visitor": str(event.visitor), "email_key": key}
        for place, event in enumerate(batch.of_kind("identify"))
        if event.visitor and event.lead_id is None and (key := _key_or_none(event.properties.get("email")))
    ]
    if claims:
        parameters = {"workspace": batch.workspace_id, "claims": json.dumps(claims), "at": batch.at}
        execute(load_sql("leads", "link_identified"), parameters)


def _key_or_none(value: Any) -> str | None:
    try:
        return read_address(value).key if isinstance(value, str) else None
    except BadAddress:
        return None


def _leads_of_visitors(batch: Batch) -> dict[uuid.UUID | None, int]:
    visitors = {event.visitor for event in batch.events if event.visitor and event.lead_id is None}
    if not visitors:
        return {}
    sql = load_sql("leads", "leads_of_visitors")
    return {
        row["visitor"]: row["lead_id"]
        for row in fetch_all(sql, {"workspace": batch.workspace_id, "visitors": list(visitors)})
    }


def _note_last_seen(batch: Batch) -> None:
    acts = [event for event in batch.events if event.lead_id is not None and _may_be_own_act(event)]
    if acts:
        parameters = {
            "workspace": batch.workspace_id,
            "acts": json.dumps([{"event_id": event.id, "lead_id": event.lead_id} for event in acts]),
            "events": [event.id for event in acts],
            "earliest": min(event.occurred_at for event in acts),
        }
        execute(load_sql("leads", "note_last_seen"), parameters)


# A mail that was opened may have been opened by a machine (Apple's mail privacy): it proves nobody's presence.
OPENS = ("email_opened",)


def _may_be_own_act(event: LedgerEvent) -> bool:
    return event.kind in ("track", "page", "screen") and event.actor != "machine" and event.name not in OPENS
