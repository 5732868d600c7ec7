"""Leads that staff write down: how their data came, on which basis, and when they must be told (art. 14 GDPR)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.connectors.models import LeadOrigin
from cultiva.consent.standing import record_contract
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import read_address, read_phone, save_lead
from cultiva.leads.models import Lead
from cultiva.leads.values import country_of_zone
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]

# Who gave the data: the person themselves, or somebody else. Only of the latter must they be told.
THEMSELVES = ("met", "call", "event", "card")
OTHERS = ("referral", "colleague", "public", "other")
BASES = ("contract", "pre_contract", "interest", "none")
NOTICE_WITHIN = timedelta(days=30)  # art. 14.3 (a): within a month at the latest


class CannotEnter(Refusal):
    """What was written down makes no lead."""


@dataclass(frozen=True)
class Entry:
    """A lead as staff write it down. `contract`: its number, where that is the basis."""

    how: str
    basis: str
    obtained_on: date
    email: str = ""
    phone: str = ""
    attributes: Mapping[str, Any] | None = None
    language: str = ""
    detail: str = ""
    contract: str = ""


def find_duplicates(*, workspace_id: int, email: str, phone: str, time_zone: str) -> list[Lead]:
    """Leads with this address or this telephone, the address first. Raises BadAddress, BadPhone."""
    key = read_address(email).key if email else None
    number = read_phone(phone, country_of_zone(time_zone)) if phone else None
    parameters = {"workspace": workspace_id, "email_key": key, "phone": number}
    ids = [row["id"] for row in fetch_all(load_sql("capture", "duplicates"), parameters)]
    found = Lead.objects.filter(workspace_id=workspace_id).in_bulk(ids)
    return [found[id] for id in ids]


def enter_lead(*, workspace_id: int, entry: Entry, by: str, at: datetime) -> tuple[Lead, bool]:
    """The lead, and whether it is new. Nobody becomes contactable by this: that takes a contract, or their own will.

    Raises CannotEnter, and what `save_lead` raises.
    """
    if not entry.email and not entry.phone:
        raise CannotEnter(gettext("Nobody can be found by this."), gettext("give an e-mail or a telephone"))
    if entry.basis == "contract" and not entry.contract.strip():
        raise CannotEnter(
            gettext("A contract needs a number or a name."), gettext("give that of the contract or order")
        )
    with workspace_scope(workspace_id):
        attributes = dict(entry.attributes or {})
        if entry.email and entry.phone:
            attributes["phone"] = entry.phone
        lead, is_new = save_lead(
            workspace_id=workspace_id, email=entry.email, phone="" if entry.email else entry.phone,
            attributes=attributes, language=entry.language, source_kind="manual", at=at,
        )  # fmt: skip
        origin = LeadOrigin.objects.create(
            workspace_id=workspace_id, lead=lead, how=entry.how, detail=entry.detail[:300], basis=entry.basis,
            obtained_on=entry.obtained_on, by=by,
            notice_due_on=entry.obtained_on + NOTICE_WITHIN if entry.how in OTHERS else None,
        )  # fmt: skip
        if entry.basis == "contract":
            record_contract(
                workspace_id=workspace_id, lead_id=lead.id, contract=entry.contract, until=None, at=at, by="staff"
            )
        _tell(origin, "entered_by_hand", {"how": entry.how, "basis": entry.basis}, at)
        return lead, is_new


def notices_due(*, workspace_id: int) -> list[LeadOrigin]:
    """Whom we have to tell that we have their data, the most urgent first."""
    found = LeadOrigin.objects.filter(workspace_id=workspace_id, notified_at=None, notice_due_on__isnull=False)
    return list(found.select_related("lead").order_by("notice_due_on", "id")[:200])


def mark_notified(*, workspace_id: int, origin_id: int, at: datetime) -> bool:
    """They were told; False where that was known already."""
    with workspace_scope(workspace_id):
        origin = LeadOrigin.objects.filter(
            workspace_id=workspace_id, id=origin_id, notified_at=None, notice_due_on__isnull=False
        ).first()
        if origin is None:
            return False
        origin.notified_at = at
        origin.save(update_fields=["notified_at"])
        _tell(origin, "told_of_data", {}, at)
        return True


def _tell(origin: LeadOrigin, name: str, properties: Json, at: datetime) -> None:
    told = NewEvent(
        kind="staff", name=name, message_id=f"origin:{origin.id}:{name}", occurred_at=at, lead_id=origin.lead_id,
        by="staff", properties=properties,
    )  # fmt: skip
    record_events(workspace_id=origin.workspace_id, events=[told], received_at=at)
