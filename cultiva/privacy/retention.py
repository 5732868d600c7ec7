"""Who is not kept: erased unasked, once the time is over for which there was a reason to keep them."""

from collections.abc import Callable
from datetime import datetime

from cultiva.consent.jurisdictions import months_before
from cultiva.consent.renewing import unconfirmed_leads
from cultiva.consent.rules import rules_of
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.models import Erasure, PrivacyRequest

BY = "system"  # of an erasure that nobody asked for


def inactive_leads(*, workspace_id: int, months: int, at: datetime) -> list[int]:
    """Leads who did nothing themselves for so many months; customers and open requests are spared."""
    parameters = {"workspace": workspace_id, "before": months_before(at, months)}
    return [row["id"] for row in fetch_all(load_sql("privacy", "inactive_leads"), parameters)]


def due_leads(*, workspace_id: int, at: datetime) -> list[int]:
    """Who is to be erased by now, by the rules of the workspace."""
    waiting = PrivacyRequest.objects.filter(workspace_id=workspace_id, closed_at=None).exclude(lead=None)
    found = set(unconfirmed_leads(workspace_id=workspace_id, at=at)) - set(waiting.values_list("lead_id", flat=True))
    months = rules_of(workspace_id).inactive_months
    if months:
        found.update(inactive_leads(workspace_id=workspace_id, months=months, at=at))
    return sorted(found)


def erase_due(*, workspace_id: int, at: datetime, must_stop: Callable[[], bool] = lambda: False) -> int:
    """Erase them, a person a transaction; returns how many. Their addresses are not suppressed: they may come back."""
    with workspace_scope(workspace_id):
        due = due_leads(workspace_id=workspace_id, at=at)
    for done, lead_id in enumerate(due):
        if must_stop():
            return done
        erase_person(workspace_id=workspace_id, lead_id=lead_id, at=at, by=BY, suppresses=False)
    return len(due)


def erased_unasked(workspace_id: int) -> tuple[int, datetime | None]:
    """(how many, when the last one was)"""
    done = Erasure.objects.filter(workspace_id=workspace_id, by=BY)
    last = done.order_by("-id").values_list("at", flat=True).first()
    return done.count(), last
