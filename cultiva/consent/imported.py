"""What imported people consented to elsewhere, and what they refused: written as a set.

Nobody accepted our policy in a file, so no acceptance is recorded. What stands for it says what it is: a proof kept by
another tool, the declaration of a named person, a contract. A withdrawal always wins over it: those known here, those
the file brings, and the suppression list.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.consent.acts import properties_of
from cultiva.consent.deciding import address_hash
from cultiva.consent.evidence import (
    BEGINNING,
    SALT_BYTES,
    Act,
    Circumstances,
    canonical_json,
    checks_of,
    digest_text,
    hash_link,
    payload_of,
)
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import PROFILING
from cultiva.events.staged import StagedEvent
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.staging import next_ids, staged

Json = dict[str, Any]
PurposeChannel = tuple[str, str]

BASES = {"proof": "imported_with_proof", "declared": "imported_declared", "customers": "imported_contract"}
OPT_OUTS = ("unsubscribed", "hard_bounce", "objection", "complaint")
BY_IMPORT = Circumstances(action="import")
# What an import puts on the suppression list never weakens what stands there.
STRICTNESS = {"unsubscribed": 1, "hard_bounce": 2, "erasure": 3, "objection": 4, "complaint": 4, "manual": 4}
COLUMNS = """
  id bigint, lead_id bigint, ordinal int, act text, purpose text, channel text, occurred_at timestamptz,
  payload_digest text, previous_hash text, hash text, salt text, payload jsonb, checks text
"""


@dataclass(slots=True)
class ImportedPerson:
    """A lead that a file brought. `basis`: a key of BASES, or empty; `opt_out`: one of OPT_OUTS, or empty."""

    lead_id: int
    is_new: bool
    email_key: str | None
    basis: str = ""
    basis_at: datetime | None = None
    confirmed_at: datetime | None = None
    opt_out: str = ""
    payload: Json = field(default_factory=dict)
    confirmed_payload: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What is known already of the people of a file: why none of it may be raised."""

    withdrawn: set[tuple[int, str, str]]  # (lead, purpose, channel)
    given: set[tuple[int, str, str]]
    suppressed: Mapping[str, tuple[str, datetime]]  # {email_key: (reason, since)}
    stopped: set[int]  # leads who want no marketing, are restricted or erased, or are minors
    heads: Mapping[int, tuple[int, str]]  # {lead: (ordinal, hash) at the end of the chain}


def suppressions(*, workspace_id: int, email_keys: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """{email_key: (reason, since)} of those on the suppression list."""
    if not fetch_all("SELECT 1 FROM suppression WHERE workspace_id = %s LIMIT 1", [workspace_id]):
        return {}
    keys = {address_hash(key): key for key in email_keys}
    rows = fetch_all(
        "SELECT address_hash, reason, created_at FROM suppression WHERE workspace_id = %s AND address_hash = ANY (%s)",
        [workspace_id, list(keys)],
    )
    return {keys[row["address_hash"]]: (row["reason"], row["created_at"]) for row in rows}


def record_imported_acts(
    *,
    workspace_id: int,
    people: Sequence[ImportedPerson],
    purposes: Sequence[str],
    suppressed: Mapping[str, tuple[str, datetime]],
    at: datetime,
) -> list[StagedEvent]:
    """Write evidence, states, marks and suppressions of people whose leads this transaction made or locked.

    `purposes`: those that proof or declaration covers; unknown ones raise LookupError. Returns the events that tell
    of it, for the caller to record with its own.
    """
    published = {p.key: p.body["channel"] for p in PurposeVersion.currents(workspace_id)}
    if unknown := [purpose for purpose in purposes if purpose not in published]:
        problem = gettext("No purpose %(purpose)r.") % {"purpose": unknown[0]}
        hint = gettext("published: %(known)s") % {"known": ", ".join(published) or "-"}
        raise LookupError(f"{problem}\nhint: {hint}")
    standing = _read_standing(workspace_id, people, suppressed)
    acts = [
        (person, act, occurred_at)
        for person in people
        for act, occurred_at in _acts(person, [(key, published[key]) for key in purposes], published, standing, at)
    ]
    _suppress(workspace_id, people, suppressed, at)
    if not acts:
        return []
    ids = next_ids("consent_evidence_id_seq", len(acts))
    rows = list(_chain(workspace_id, acts, ids, standing.heads, at))
    with staged("staged_evidence", COLUMNS, rows):
        parameters = {"workspace": workspace_id, "at": at, "profiling": _profiling(workspace_id, purposes)}
        for name in ("add_imported_evidence", "set_imported_states", "set_imported_marks"):
            execute(load_sql("consent", name), parameters)
    return [_event(person, act, occurred_at, each) for (person, act, occurred_at), each in zip(acts, ids, strict=True)]


def _read_standing(
    workspace_id: int, people: Sequence[ImportedPerson], suppressed: Mapping[str, tuple[str, datetime]]
) -> Standing:
    known = [person.lead_id for person in people if not person.is_new]
    if not known:
        return Standing(set(), set(), suppressed, set(), {})
    parameters = {"workspace": workspace_id, "leads": known}
    states = fetch_all(
        "SELECT lead_id, purpose, channel, state FROM consent_state"
        " WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)",
        parameters,
    )
    objected = fetch_all(
        "SELECT lead_id FROM consent_mark"
        " WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s) AND objected_at IS NOT NULL",
        parameters,
    )
    stopped = fetch_all(
        "SELECT lead_id FROM consent_mark WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)"
        " AND (stopped_at IS NOT NULL OR restricted_at IS NOT NULL OR blocked_at IS NOT NULL"
        "      OR minor_until IS NOT NULL AND guardian_since IS NULL)",
        parameters,
    )
    heads = fetch_all(load_sql("consent", "ends_of_chains"), parameters)
    found: dict[str, set[tuple[int, str, str]]] = {"given": set(), "withdrawn": set()}
    for row in states:
        found[row["state"]].add((row["lead_id"], row["purpose"], row["channel"]))
    found["withdrawn"] |= {(row["lead_id"], PROFILING, "none") for row in objected}
    return Standing(
        found["withdrawn"],
        found["given"],
        suppressed,
        {row["lead_id"] for row in stopped},
        {row["lead_id"]: (row["ordinal"], row["hash"]) for row in heads},
    )


def _acts(
    person: ImportedPerson,
    purposes: Sequence[PurposeChannel],
    published: Mapping[str, str],
    standing: Standing,
    at: datetime,
) -> Iterator[tuple[Act, datetime]]:
    """The acts of one person, in the order of their chain."""
    if person.opt_out:
        if person.opt_out != "hard_bounce":
            yield from _withdrawals(person, published, standing, at)
        return
    if not person.basis:
        return
    since = person.basis_at or at
    yield Act(BASES[person.basis], payload=person.payload), since
    if person.basis == "customers" or person.lead_id in standing.stopped:
        return
    is_suppressed = person.email_key in standing.suppressed
    for purpose, channel in purposes:
        if (person.lead_id, purpose, channel) in standing.withdrawn or (is_suppressed and channel == "email"):
            continue
        yield Act("given", purpose, channel, person.payload), since
    if person.confirmed_at and not is_suppressed:
        yield Act("confirmed", payload=person.confirmed_payload or person.payload), person.confirmed_at


def _withdrawals(
    person: ImportedPerson, published: Mapping[str, str], standing: Standing, at: datetime
) -> Iterator[tuple[Act, datetime]]:
    """Who left a mailing list wants no mail; who wants no contact wants none on any channel."""
    every = person.opt_out in ("objection", "complaint")
    wanted = dict.fromkeys(
        [*published.items(), *((p, c) for lead, p, c in sorted(standing.given) if lead == person.lead_id)]
        if standing.given
        else published.items()
    )
    channels = [(p, c) for p, c in wanted if c == "email" or (every and c != "none")] or [("marketing", "email")]
    for purpose, channel in channels:
        if (person.lead_id, purpose, channel) not in standing.withdrawn:
            yield Act("withdrawn", purpose, channel, person.payload), at


def _chain(
    workspace_id: int,
    acts: Sequence[tuple[ImportedPerson, Act, datetime]],
    ids: Sequence[int],
    heads: Mapping[int, tuple[int, str]],
    at: datetime,
) -> Iterator[tuple[Any, ...]]:
    """Rows of `staged_evidence`, each with the hash of the one before in its lead's chain."""
    ends = dict(heads)
    salts = secrets.token_hex(SALT_BYTES * len(acts))
    circumstances = payload_of(Act(""), BY_IMPORT, at)
    place = 0
    said: Json | None = None
    payload = checks = ""
    for (person, act, occurred_at), evidence_id in zip(acts, ids, strict=True):
        ordinal, previous = ends.get(person.lead_id, (0, BEGINNING))
        ordinal += 1
        if act.payload is not said:  # a person's acts say the same
            said, whole = act.payload, {**circumstances, **act.payload}  # as payload_of does
            payload, checks = canonical_json(whole), checks_of(whole)
        salt = salts[place : place + 2 * SALT_BYTES]
        place += 2 * SALT_BYTES
        digest = digest_text(salt, payload)
        hashed = hash_link(
            workspace=workspace_id, lead=person.lead_id, ordinal=ordinal, act=act.act, purpose=act.purpose,
            channel=act.channel, occurred_at=occurred_at, previous=previous, digest=digest,
        )  # fmt: skip
        ends[person.lead_id] = ordinal, hashed
        yield (
            evidence_id, person.lead_id, ordinal, act.act, act.purpose, act.channel, occurred_at, digest, previous,
            hashed, salt, payload, checks,
        )  # fmt: skip


def _suppress(
    workspace_id: int,
    people: Sequence[ImportedPerson],
    suppressed: Mapping[str, tuple[str, datetime]],
    at: datetime,
) -> None:
    """Add to the list; what stands there and is as strict, or stricter, stays."""
    wanted: dict[str, str] = {}
    for person in people:
        if person.opt_out and person.email_key:
            known = suppressed.get(person.email_key, ("", at))[0]
            before = wanted.get(person.email_key, known)
            if STRICTNESS[person.opt_out] > STRICTNESS.get(before, 0) or before == person.opt_out == "unsubscribed":
                wanted[person.email_key] = person.opt_out
    if wanted:
        parameters = {
            "workspace": workspace_id,
            "hashes": [address_hash(key) for key in wanted],
            "reasons": list(wanted.values()),
            "at": at,
        }
        execute(load_sql("consent", "suppress_imported"), parameters)


def _profiling(workspace_id: int, purposes: Sequence[str]) -> str:
    if PROFILING in purposes:
        return "consented"
    policies = PolicyVersion.currents(workspace_id)
    return "interest" if any(policy.body["profiling"] == "legitimate_interest" for policy in policies) else ""


def _event(person: ImportedPerson, act: Act, occurred_at: datetime, evidence_id: int) -> StagedEvent:
    """Only a withdrawal is for `flow`: it stops mails that wait. The rest is history, and greets nobody."""
    return StagedEvent(
        kind="consent",
        name=act.act,
        occurred_at=occurred_at,
        lead_id=person.lead_id,
        properties=properties_of(act) | {"evidence": evidence_id},
        context={"import": person.payload.get("import", 0)},
        is_queued=act.act == "withdrawn",
    )
