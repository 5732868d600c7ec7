"""Whether somebody may be contacted: one rule for every sender, list and task, decided as a set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.consent.jurisdictions import months_before
from cultiva.consent.models import PurposeVersion
from cultiva.consent.notices import INTEREST, TRANSACTIONAL, bases_of
from cultiva.consent.rules import Rules, rules_of
from cultiva.leads.aliases import current_lead_ids
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.signing import hmac_pads, keyed_hash

Json = dict[str, Any]

LONG_AGO = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
DEFERRED = ("outside_hours", "paused", "capped")  # not now; every other reason is a no


@dataclass(frozen=True)
class Decision:
    """Whether a lead may be contacted.

    `basis`: consent, contract, soft_opt_in, legitimate_interest, transactional, or nothing. `reason`, where not
    allowed, in the order of asking: unknown, erased, objected, undeliverable, minor, restricted, not_valid, no_basis,
    expired, unconfirmed, register_unchecked, excluded_register, outside_hours, paused, capped. `evidence_id`: what
    allows it.
    `not_before`: when the hours of the law begin again, or the pause ends.
    """

    allowed: bool
    basis: str
    reason: str
    evidence_id: int | None
    not_before: datetime | None = None


def can_contact(
    *,
    workspace_id: int,
    lead_ids: Sequence[int],
    purpose: str,
    channel: str,
    at: datetime,
    capped: Collection[int] = (),
) -> dict[int, Decision]:
    """{lead: decision} for every lead asked about. `transactional` asks for no consent, only for no objection.

    A merged lead is asked about as the lead they are now, but for transactional mail: that is about their own address.
    `capped`: leads who got as much as they should for now, which the sender knows.
    """
    now = {} if purpose == TRANSACTIONAL else current_lead_ids(workspace_id, lead_ids)
    asked = sorted({now.get(lead_id, lead_id) for lead_id in lead_ids})
    parameters = _parameters(workspace_id, purpose, channel, at)
    rows = fetch_all(load_sql("consent", "can_contact"), parameters | {"leads": asked, "capped": list(capped)})
    decisions = {row["lead_id"]: _decide(row, parameters["opens_at"]) for row in rows}
    unknown = Decision(allowed=False, basis="", reason="unknown", evidence_id=None)
    return {lead_id: decisions.get(now.get(lead_id, lead_id), unknown) for lead_id in lead_ids}


def decide_everybody(*, workspace_id: int, purpose: str, channel: str, at: datetime) -> dict[tuple[str, str], int]:
    """{(reason, basis): how many leads}; the reason is empty where they may be contacted, the basis where not."""
    decided = load_sql("consent", "can_contact")
    counted = (
        "SELECT reason, CASE reason WHEN '' THEN basis ELSE '' END AS basis, count(*) AS leads"  # noqa: S608
        f" FROM ({decided}) everybody GROUP BY 1, 2 ORDER BY 1, 2"
    )
    execute("SELECT set_config('work_mem', '128MB', true)")  # marks and states of a million leads, in memory
    rows = fetch_all(counted, _parameters(workspace_id, purpose, channel, at) | {"is_everybody": True})
    return {(row["reason"], row["basis"]): row["leads"] for row in rows}


def address_hash(email_key: str) -> str:
    """How the suppression list names an address; `email_key` as in `leads.read_address`."""
    return keyed_hash("suppression", email_key)


def _parameters(workspace_id: int, purpose: str, channel: str, at: datetime) -> Json:
    rules = rules_of(workspace_id)
    is_transactional = purpose == TRANSACTIONAL
    opens_at = None if is_transactional else rules.opens_at(channel, at)
    months = rules.expires_after_months.get(channel)
    bases = set() if is_transactional else _bases(workspace_id, rules, purpose, channel)
    inner, outer = hmac_pads("suppression")
    list_inner, list_outer = hmac_pads("exclusion")
    return _lists(workspace_id, rules, channel, at) | {
        "workspace": workspace_id,
        "leads": [],
        "is_everybody": False,
        "purpose": purpose,
        "channel": channel,
        "at": at,
        "is_transactional": is_transactional,
        "needs_proof": channel in rules.jurisdiction.double_opt_in or channel == "none",
        "expired_before": months_before(at, months) if months else LONG_AGO,
        "bases": sorted(bases - {INTEREST}),
        "has_interest": INTEREST in bases,
        "is_closed": opens_at is not None,
        "opens_at": opens_at,
        "capped": [],
        "address_column": "email_key" if channel == "email" else "phone_key",
        "inner": inner,
        "outer": outer,
        "list_inner": list_inner,
        "list_outer": list_outer,
    }


def _bases(workspace_id: int, rules: Rules, purpose: str, channel: str) -> set[str]:
    """What may stand for a consent: what the purpose names, as far as the law of the workspace allows it."""
    version = PurposeVersion.current(workspace_id, purpose)
    wanted = set(bases_of(version.body)) if version else set()
    if channel not in rules.jurisdiction.soft_opt_in:
        wanted.discard("soft_opt_in")
    if channel not in rules.jurisdiction.legitimate_interest:
        wanted.discard(INTEREST)
    return wanted - {"consent"}


def _lists(workspace_id: int, rules: Rules, channel: str, at: datetime) -> Json:
    """What there is to look addresses up in, and whether each register was read lately enough."""
    found = fetch_all(load_sql("consent", "lists_of_addresses"), {"workspace": workspace_id})[0]
    lists: list[Json] = found["lists"]
    registers = rules.jurisdiction.registers_for(channel)
    read = {each["key"]: each for each in lists if each["kind"] == "register"}
    fresh = [
        register.key in read
        and datetime.fromisoformat(read[register.key]["imported_at"]) >= at - timedelta(days=register.fresh_days)
        for register in registers
    ]
    return {
        "has_suppressions": found["has_suppressions"],
        "has_exclusions": bool(lists),
        "registers": [read[register.key]["id"] for register in registers if register.key in read],
        "is_register_stale": not all(fresh),
    }


def _decide(row: Json, opens_at: datetime | None) -> Decision:
    if row["reason"]:
        later = {"outside_hours": opens_at, "paused": row["paused_until"]}.get(row["reason"])
        return Decision(allowed=False, basis="", reason=row["reason"], evidence_id=None, not_before=later)
    return Decision(allowed=True, basis=row["basis"], reason="", evidence_id=row["evidence_id"])
