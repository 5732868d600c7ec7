"""What people wish beside consents: no mail for a while, not more than one in so many days, another language.

A pause is a step of `can_contact`; how often is asked by who sends, who knows what was sent.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.consent.actions import profiling_by, request_confirmation
from cultiva.consent.acts import act_of_giving, tell_acts
from cultiva.consent.evidence import Circumstances, record_acts
from cultiva.consent.locking import lock_current
from cultiva.consent.models import PolicyVersion, Preference, PurposeVersion
from cultiva.consent.rules import rules_of
from cultiva.consent.standing import is_minor
from cultiva.events.actions import NewEvent
from cultiva.leads.actions import tell
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope

Json = dict[str, Any]

FREQUENCIES = {"any": None, "weekly": 7, "monthly": 30}  # days between two mails
LONGEST_PAUSE = timedelta(days=366)


class BadPreference(ValueError):
    """A wish that cannot be kept. `field`: frequency or pause."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(problem)


@dataclass(frozen=True)
class Wishes:
    """`frequency`: one of FREQUENCIES."""

    frequency: str = "any"
    paused_until: datetime | None = None


def wishes_of(*, workspace_id: int, lead_id: int, at: datetime) -> Wishes:
    """What holds now: a pause that is over is none."""
    current = current_lead_id(workspace_id, lead_id)
    found = Preference.objects.filter(workspace_id=workspace_id, lead_id=current).first()
    if found is None:
        return Wishes()
    frequency = next((name for name, days in FREQUENCIES.items() if days == found.every_days), "any")
    return Wishes(frequency, found.paused_until if found.paused_until and found.paused_until > at else None)


def save_wishes(*, workspace_id: int, lead_id: int, wishes: Wishes, at: datetime, by: str = "lead") -> Preference:
    """Raises BadPreference."""
    if wishes.frequency not in FREQUENCIES:
        raise BadPreference("frequency", f"No frequency `{wishes.frequency}`. Known: {', '.join(FREQUENCIES)}.")
    if wishes.paused_until and wishes.paused_until > at + LONGEST_PAUSE:
        raise BadPreference("pause", f"A pause lasts {LONGEST_PAUSE.days} days at most: withdraw instead.")
    until = wishes.paused_until if wishes.paused_until and wishes.paused_until > at else None
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        before = wishes_of(workspace_id=workspace_id, lead_id=lead_id, at=at)
        saved, _ = Preference.objects.update_or_create(
            workspace_id=workspace_id, lead_id=lead_id,
            defaults={"paused_until": until, "every_days": FREQUENCIES[wishes.frequency], "changed_at": at},
        )  # fmt: skip
        if before != Wishes(wishes.frequency, until):
            said = {"frequency": wishes.frequency, "paused_until": until.isoformat() if until else None}
            _tell(workspace_id, lead_id, "track", "preferences_changed", at, by, properties=said)
    return saved


def choose_language(*, workspace_id: int, lead_id: int, language: str, at: datetime, by: str = "lead") -> None:
    """In which language they are written to from now on."""
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        changed = Lead.objects.filter(workspace_id=workspace_id, id=lead_id).exclude(language=language)
        if changed.update(language=language):
            _tell(workspace_id, lead_id, "identify", "", at, by, context={"locale": language})


def give_consents(
    *,
    workspace_id: int,
    lead_id: int,
    purposes: Sequence[PurposeVersion],
    policy: PolicyVersion,
    language: str,
    circumstances: Circumstances,
    at: datetime,
) -> bool:
    """Boxes ticked on the person's own page, under a policy that stands beside them; True where something is new.

    What is new counts once it is confirmed by mail: a personal link may have been passed on. A minor's ticks do not.
    """
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        if not purposes or is_minor(workspace_id, lead_id, at):
            return False
        recorded = record_acts(
            workspace_id=workspace_id,
            lead_id=lead_id,
            acts=[act_of_giving(purpose, policy, language) for purpose in purposes],
            circumstances=circumstances,
            at=at,
            profiling=profiling_by(None, purposes),
            expired_before=rules_of(workspace_id).expired_before(at),
        )
        tell_acts(workspace_id, lead_id, recorded, at)
        is_new = any(each.is_new for each in recorded)
        if is_new:
            request_confirmation(workspace_id=workspace_id, lead_id=lead_id, at=at)
    return is_new


def _tell(
    workspace_id: int, lead_id: int, kind: str, name: str, at: datetime, by: str, *,
    properties: Json | None = None, context: Json | None = None,
) -> None:  # fmt: skip
    said = NewEvent(
        kind=kind, name=name, message_id=str(uuid.uuid4()), occurred_at=at, lead_id=lead_id, by=by,
        properties=properties or {}, context=context or {},
    )  # fmt: skip
    tell([said], workspace_id=workspace_id, at=at, into=None)
