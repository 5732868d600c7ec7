"""Finding and making leads, and the doors of the room that others call."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.leads.addresses import Address, BadAddress, BadPhone, read_address, read_phone
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.attributes import Told, fit
from cultiva.leads.identity import resolve
from cultiva.leads.models import Attribute, Lead
from cultiva.leads.projecting import NAMES_SEARCHED, drawn, language_of, phone_key_of, project
from cultiva.leads.values import clean_attributes, country_of_zone, guess_type
from cultiva.lib.database import execute, fetch_all, load_sql

__all__ = [
    "NAMES_SEARCHED",
    "Address",
    "BadAddress",
    "BadPhone",
    "LeadConflict",
    "clean_attributes",
    "find_lead",
    "link_visitor",
    "lock_leads",
    "project",
    "read_address",
    "read_phone",
    "resolve",
    "save_lead",
    "tell",
]

Json = dict[str, Any]


class LeadConflict(ValueError):
    """The identifiers point to different leads; `candidates` are their ids, ascending."""

    def __init__(self, candidates: Sequence[int]) -> None:
        self.candidates = sorted(candidates)
        super().__init__(
            f"The address, user id and telephone belong to {len(self.candidates)} different leads.\n"
            "hint: merge them, or give one identifier"
        )


@dataclass(frozen=True)
class Identifiers:
    """By what a lead is known; at least one is set."""

    address: Address | None
    phone: str  # E.164
    external_id: str

    @classmethod
    def read(cls, *, workspace_id: int, email: str, phone: str, external_id: str, country: str) -> "Identifiers":
        """Raises BadAddress, BadPhone."""
        if not (phone or external_id):
            return cls(read_address(email), "", "")
        address = read_address(email) if email else None
        return cls(address, read_phone(phone, country) if phone else "", external_id[:200])

    @property
    def is_address_alone(self) -> bool:
        return not self.phone and not self.external_id

    def leads(self, workspace_id: int) -> list[int]:
        visitor = (
            visitor_of(workspace_id=workspace_id, source_id=0, user_id=self.external_id) if self.external_id else None
        )
        parameters = {
            "workspace": workspace_id,
            "email_key": self.address.key if self.address else None,
            "external_id": self.external_id or None,
            "visitor": visitor,
            "phone_key": self.phone or None,
        }
        return [row["lead_id"] for row in fetch_all(load_sql("leads", "leads_known_by"), parameters)]


def save_lead(
    *,
    workspace_id: int,
    email: str = "",
    phone: str = "",
    external_id: str = "",
    attributes: Mapping[str, Any],
    language: str = "",
    source_kind: str,
    at: datetime,
    message_id: str = "",
    events: list[NewEvent] | None = None,
) -> tuple[Lead, bool]:
    """The lead of an address, telephone or user id, with what is now known of them, and whether they are new.

    Blank never overwrites; the address stays as first written; a value that is not of its attribute's type is kept
    aside. The row stays locked until the end of the transaction. `message_id` makes the identify event safe to
    repeat; the event goes into `events` where that is given, for a caller that records the events of several
    actions at once. Raises BadAddress, BadPhone, and LeadConflict where the identifiers are of different leads.
    """
    known = clean_attributes(attributes)
    settings = _Settings.read(workspace_id, [*known, "phone"])
    identifiers = Identifiers.read(
        workspace_id=workspace_id, email=email, phone=phone, external_id=external_id, country=settings.country
    )
    if identifiers.phone:
        known["phone"] = identifiers.phone
    fitting = settings.fit(known, at)
    spoken = language_of(language)
    new = _row(workspace_id, identifiers, fitting, spoken or settings.language, source_kind, at)
    if identifiers.is_address_alone:
        lead, is_new = _take_row(new)
    else:
        lead, is_new = _find_or_make(workspace_id, identifiers, new)
    if not is_new:
        _learn(lead, identifiers, fitting, spoken)
    context = {"locale": language} if language else {}
    identified = NewEvent(
        kind="identify",
        message_id=message_id or str(uuid.uuid4()),
        occurred_at=at,
        lead_id=lead.id,
        properties=known | _email_told(lead, identifiers),
        context=context | ({"user_id": identifiers.external_id} if identifiers.external_id else {}),
    )
    tell([identified], workspace_id=workspace_id, at=at, into=events)
    return lead, is_new


def find_lead(*, workspace_id: int, email: str = "", phone: str = "", external_id: str = "") -> Lead | None:
    """The lead of an address, telephone or user id, merged leads followed. Raises as `save_lead` does."""
    country = _Settings.read(workspace_id, []).country if phone else ""
    identifiers = Identifiers.read(
        workspace_id=workspace_id, email=email, phone=phone, external_id=external_id, country=country
    )
    ids = identifiers.leads(workspace_id)
    if len(ids) > 1:
        raise LeadConflict(ids)
    return Lead.objects.get(workspace_id=workspace_id, id=ids[0]) if ids else None


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


def lock_leads(*, workspace_id: int, lead_ids: Sequence[int]) -> list[int]:
    """Lock leads in id order, so that one lead is in one batch at a time; returns those that exist, ascending."""
    if not lead_ids:
        return []
    rows = fetch_all(load_sql("leads", "lock_leads"), {"workspace": workspace_id, "leads": list(lead_ids)})
    return [row["lead_id"] for row in rows]


@dataclass(frozen=True)
class _Settings:
    """What the workspace and its attributes say of the values of one lead, read in one statement."""

    time_zone: str
    language: str
    known: Mapping[str, Attribute]

    @classmethod
    def read(cls, workspace_id: int, keys: Sequence[str]) -> "_Settings":
        rows = fetch_all(load_sql("leads", "settings_of_keys"), {"workspace": workspace_id, "keys": list(keys)})
        known = {
            row["key"]: Attribute(key=row["key"], type=row["type"], choices=row["choices"])
            for row in rows
            if row["key"] is not None
        }
        return cls(rows[0]["time_zone"], rows[0]["language"], known)

    @property
    def country(self) -> str:
        return country_of_zone(self.time_zone)

    def fit(self, values: Mapping[str, Any], at: datetime) -> Json:
        """The values that fit; the others are kept aside by the step of `flow` that reads the event."""
        guessed = {
            key: Attribute(key=key, type=guess_type(key, [value], country=self.country), choices=[])
            for key, value in values.items()
            if key not in self.known
        }
        told = {key: [Told(value, at)] for key, value in values.items()}
        fitting, _misfits = fit(told, {**guessed, **self.known}, time_zone=self.time_zone, country=self.country)
        return fitting


def _row(
    workspace_id: int, identifiers: Identifiers, fitting: Json, language: str, source_kind: str, at: datetime
) -> Json:
    """The parameters of the statements that make a lead."""
    address = identifiers.address
    columns = drawn(fitting | ({"email": address.text} if address else {}))
    return {
        "workspace": workspace_id,
        "email": address.text if address else "",
        "email_key": address.key if address else None,
        "phone_key": identifiers.phone or phone_key_of(fitting),
        "external_id": identifiers.external_id or None,
        "attributes": json.dumps(columns["attributes"]),
        "folded": json.dumps(columns["folded"]) if columns["folded"] else None,
        "search_text": columns["search_text"],
        "language": language[:5],
        "source_kind": source_kind,
        "at": at,
    }


def _take_row(new: Json) -> tuple[Lead, bool]:
    lead = Lead.objects.raw(load_sql("leads", "find_or_make_lead"), new)[0]
    if lead.merged_into_id is not None:
        return _take_current(lead), False  # an address of a merged lead is one more of the lead they are now
    return lead, lead.is_new  # type: ignore[attr-defined]  # a column of the statement


def _take_current(lead: Lead) -> Lead:
    """Lock the lead that a merged one is now; again where a merge came in between. No undo can: we hold the merged
    lead's row."""
    while lead.merged_into_id is not None:
        current = current_lead_id(lead.workspace_id, lead.id)
        lead = Lead.objects.select_for_update(no_key=True).get(workspace_id=lead.workspace_id, id=current)
    return lead


def _find_or_make(workspace_id: int, identifiers: Identifiers, new: Json) -> tuple[Lead, bool]:
    """Raises LeadConflict. Who loses a race finds the winner's row on the second look."""
    for _look in range(2):
        ids = identifiers.leads(workspace_id)
        if len(ids) > 1:
            raise LeadConflict(ids)
        if ids:
            return _take_current(
                Lead.objects.select_for_update(no_key=True).get(workspace_id=workspace_id, id=ids[0])
            ), False
        if made := list(Lead.objects.raw(load_sql("leads", "make_lead"), new)):
            return made[0], True
    raise LeadConflict(identifiers.leads(workspace_id))


def _email_told(lead: Lead, identifiers: Identifiers) -> Json:
    address = identifiers.address
    if address is None:
        return {}
    return {"email": lead.email if lead.email_key == address.key else address.text}


def _learn(lead: Lead, identifiers: Identifiers, fitting: Json, language: str) -> None:
    before = (lead.attributes, lead.language, lead.email, lead.email_key, lead.external_id, lead.phone_key)
    if lead.email_key is None and identifiers.address:
        lead.email, lead.email_key = identifiers.address.text, identifiers.address.key
    lead.external_id = lead.external_id or identifiers.external_id or None
    columns = drawn(lead.attributes | fitting | ({"email": lead.email} if lead.email else {}))
    lead.attributes, lead.language = columns["attributes"], language or lead.language
    if lead.email_key or lead.external_id:
        lead.phone_key = phone_key_of(lead.attributes)
    if before == (lead.attributes, lead.language, lead.email, lead.email_key, lead.external_id, lead.phone_key):
        return
    lead.folded, lead.search_text = columns["folded"], columns["search_text"]
    lead.save(
        update_fields=[
            "attributes", "language", "folded", "search_text", "email", "email_key", "external_id", "phone_key",
        ]
    )  # fmt: skip
