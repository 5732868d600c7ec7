"""What holds for a lead beside ticked boxes: contracts and purchases, minors, restriction, and wanting no marketing.

Each is an act of the lead's chain of evidence, told to the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from cultiva.consent.acts import tell_acts
from cultiva.consent.evidence import Act, Circumstances, record_acts
from cultiva.consent.jurisdictions import birthday
from cultiva.consent.locking import lock_current
from cultiva.consent.models import Basis, Confirmation, ConsentMark
from cultiva.lib.database import workspace_scope

Json = dict[str, Any]

BY_STAFF = Circumstances(action="verbal")


class MissingCondition(ValueError):
    """A soft opt-in that does not hold: one of the conditions of the law is not met. `condition` is its name."""

    def __init__(self, condition: str) -> None:
        self.condition = condition
        super().__init__(f"A soft opt-in needs `{condition}`.\nhint: without it only a consent allows contact")


@dataclass(frozen=True)
class Purchase:
    """The six conditions of a soft opt-in (LSSI, art. 21.2; art. 13.2 of Directive 2002/58/EC)."""

    sale: str  # the contract, order or invoice
    sold_by: str  # the company itself, not another of its group
    products: str  # of which equal or similar ones are advertised
    obtained_by: str  # how the person gave the address
    opt_out_at_collection: str  # how they could say no, then
    opt_out_in_messages: str  # and how they can in each message

    def check(self) -> None:
        """Raises MissingCondition."""
        for field in fields(self):
            if not str(getattr(self, field.name)).strip():
                raise MissingCondition(field.name)


def record_soft_opt_in(
    *, workspace_id: int, lead_id: int, purpose: str, channel: str, purchase: Purchase, at: datetime, by: str = "staff"
) -> Basis:
    """A customer bought: own similar products may be advertised until they say no. Raises MissingCondition."""
    purchase.check()
    act = Act("soft_opt_in", purpose, channel, vars(purchase) | {"proof_level": "contract"})
    return _record_basis(workspace_id, lead_id, act, at, None, by)


def record_contract(
    *, workspace_id: int, lead_id: int, contract: str, at: datetime, until: datetime | None = None, by: str = "staff"
) -> Basis:
    """A contract in force: it makes the lead valid, and allows the purposes that name it as a basis."""
    if not contract.strip():
        raise ValueError("A contract needs a number or a name.\nhint: give that of the contract or order")
    more = {"until": until.isoformat()} if until else {}
    act = Act("contract", payload={"contract": contract.strip(), "proof_level": "contract"} | more)
    return _record_basis(workspace_id, lead_id, act, at, until, by)


def restrict(*, workspace_id: int, lead_id: int, at: datetime, reason: str, by: str = "lead") -> None:
    """Art. 18 GDPR: what is known of the lead is kept, and not used."""
    act = Act("restricted", payload={"reason": _reason(reason)})
    _record(workspace_id, lead_id, act, at, by, {"restricted_at": at})


def release(*, workspace_id: int, lead_id: int, at: datetime, reason: str, by: str = "staff") -> None:
    """The restriction ends."""
    act = Act("released", payload={"reason": _reason(reason)})
    _record(workspace_id, lead_id, act, at, by, {"restricted_at": None})


def stop_marketing(
    *, workspace_id: int, lead_id: int, at: datetime, circumstances: Circumstances | None = None, by: str = "lead"
) -> None:
    """No marketing any more, for any purpose on any channel (art. 21.2 GDPR). A box ticked and proven later ends it."""
    _record(workspace_id, lead_id, Act("objected"), at, by, {"stopped_at": at}, circumstances)


def block(*, workspace_id: int, lead_id: int, at: datetime, by: str = "staff") -> None:
    """What an erasure leaves is for the law alone (LOPDGDD, art. 32): nobody is contacted by it."""
    _record(workspace_id, lead_id, Act("blocked"), at, by, {"blocked_at": at})


def record_guardian(
    *, workspace_id: int, lead_id: int, guardian: str, at: datetime, circumstances: Circumstances | None = None
) -> None:
    """A parent or guardian agreed to what a minor asks for."""
    if not guardian.strip():
        raise ValueError("Nobody is named who agreed.\nhint: give the name of the parent or guardian")
    act = Act("guardian_consented", payload={"guardian": guardian.strip()})
    _record(workspace_id, lead_id, act, at, "lead", {"guardian_since": at}, circumstances)


def record_informed(*, workspace_id: int, lead_id: int, how: str, at: datetime, by: str = "staff") -> None:
    """Somebody whose data others gave us was told so (art. 14 GDPR), by letter or by telephone."""
    act = Act("informed", payload={"informed_by": _reason(how)})
    _record(workspace_id, lead_id, act, at, by, {})


def minor_until(born_on: date, age: int) -> date:
    """The first of the month after the birthday on which somebody reaches an age."""
    reached = birthday(born_on, age)
    return date(reached.year + reached.month // 12, reached.month % 12 + 1, 1)


def is_minor(workspace_id: int, lead_id: int, at: datetime) -> bool:
    """Known as one, and no guardian agreed."""
    return ConsentMark.objects.filter(
        workspace_id=workspace_id, lead_id=lead_id, minor_until__gt=at.date(), guardian_since=None
    ).exists()


def _reason(text: str) -> str:
    if not text.strip():
        raise ValueError("Nothing says why.\nhint: give the reason; it goes into the proof")
    return text.strip()


def _record_basis(workspace_id: int, lead_id: int, act: Act, at: datetime, until: datetime | None, by: str) -> Basis:
    made: list[Basis] = []

    def add(lead: int, evidence_id: int) -> None:
        basis, _ = Basis.objects.update_or_create(
            workspace_id=workspace_id, lead_id=lead, basis=act.act, purpose=act.purpose, channel=act.channel,
            defaults={"since": at, "until": until, "evidence_id": evidence_id},
        )  # fmt: skip
        made.append(basis)

    _record(workspace_id, lead_id, act, at, by, {}, then=add)
    ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=made[0].lead_id, valid_since=None).update(
        valid_since=at
    )
    return made[0]


def _record(
    workspace_id: int,
    lead_id: int,
    act: Act,
    at: datetime,
    by: str,
    marks: Json,
    circumstances: Circumstances | None = None,
    then: Callable[[int, int], None] | None = None,
) -> None:
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        recorded = record_acts(
            workspace_id=workspace_id, lead_id=lead_id, acts=[act], circumstances=circumstances or BY_STAFF, at=at
        )
        ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=lead_id).update(**marks) if marks else None
        if act.act in ("objected", "blocked"):
            Confirmation.objects.filter(
                workspace_id=workspace_id, lead_id=lead_id, confirmed_at=None, expires_at__gt=at
            ).update(expires_at=at, revoked_at=at)
        if then:
            then(lead_id, recorded[0].evidence_id)
        tell_acts(workspace_id, lead_id, recorded, at, by=by)
