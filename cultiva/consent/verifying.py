"""Whether the proof is as it was written: every chain from its beginning, against its seals and the audit log.

A row that was changed is named with its field. Which one it was is found by trying what the field can have said: the
one value with which the hash fits again is what it said.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
from django.db import connection

from cultiva.accounts.models import AuditEntry
from cultiva.consent.evidence import (
    BEGINNING,
    canonical_json,
    checks_of,
    digest_payload,
    hash_link,
    sha256,
)
from cultiva.consent.models import PolicyVersion, PurposeVersion, Seal, SealedHead
from cultiva.consent.notices import CHANNELS
from cultiva.consent.sealing import SEALED, leaf_of, merkle_root, root_of
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

Json = dict[str, Any]
Heads = Mapping[int, tuple[str, int]]  # {ordinal: (hash, seal)}
Progress = Callable[[int, int], None]

CHUNK = 20_000  # rows; about 30 MB
MOST_ORDINALS = 1000  # tried where a row's place was changed
ACTS = (
    "policy_accepted", "given", "withdrawn", "confirmed", "objected", "contract", "soft_opt_in", "restricted",
    "released", "blocked", "minor", "guardian_consented", "informed", "imported_with_proof", "imported_declared",
    "imported_contract",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What does not hold. `field`: a column, `payload.ip` for a part of the payload, or nothing where a whole row is
    missing. `lead_id` is None for seals and texts; `ordinal` is then the seal's number or the text's version, and 0 for
    what is held of a lead as a whole."""

    what: str  # evidence | state | seal | policy | purpose
    lead_id: int | None
    ordinal: int
    problem: str
    field: str = ""
    evidence_id: int | None = None

    def __str__(self) -> str:
        where = f"lead {self.lead_id}: " if self.lead_id is not None else ""
        return where + self.problem + (f" ({self.field})" if self.field else "")


@dataclass(frozen=True)
class ChainReport:
    """`broken_at` is the ordinal of the first evidence that does not hold; None where the chain is whole."""

    length: int
    findings: Sequence[Finding] = ()

    @property
    def is_whole(self) -> bool:
        return not self.findings

    @property
    def broken_at(self) -> int | None:
        return self.findings[0].ordinal if self.findings else None

    @property
    def problem(self) -> str:
        return self.findings[0].problem if self.findings else ""

    @property
    def field(self) -> str:
        return self.findings[0].field if self.findings else ""


@dataclass
class Report:
    """What a workspace was found to have. `emptied`: payloads that an erasure took, which a chain allows."""

    chains: int = 0
    acts: int = 0
    emptied: int = 0
    seals: int = 0
    sealed_chains: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.findings


@dataclass(frozen=True)
class Link:
    """One evidence as the database has it, its payload beside it."""

    id: int
    lead_id: int
    ordinal: int
    act: str
    purpose: str
    channel: str
    occurred_at: datetime
    payload_digest: str
    previous_hash: str
    hash: str
    salt: str | None  # None: there is no payload row
    payload: Json
    checks: str

    @property
    def is_emptied(self) -> bool:
        return self.salt == "" and not self.payload

    def hash_in(self, workspace_id: int) -> str:
        return hash_link(
            workspace=workspace_id, lead=self.lead_id, ordinal=self.ordinal, act=self.act, purpose=self.purpose,
            channel=self.channel, occurred_at=self.occurred_at, previous=self.previous_hash, digest=self.payload_digest,
        )  # fmt: skip


def verify_chain(*, workspace_id: int, lead_id: int) -> ChainReport:
    """Recompute a lead's chain from its beginning and name what was tampered with."""
    rows = _fetch(workspace_id, "one_chain", {"lead": lead_id})
    heads = _heads(workspace_id, lead_id - 1, lead_id).get(lead_id, {})
    return ChainReport(len(rows), list(examine(workspace_id, lead_id, rows, heads)))


def verify_workspace(*, workspace_id: int, progress: Progress | None = None) -> Report:
    """Every chain, seal and text of a workspace, some thousands of rows at a time, each in a transaction of its own.

    `progress(done, of)` is told of acts after each.
    """
    report = Report()
    with workspace_scope(workspace_id):
        total = _count(workspace_id) if progress else 0
        report.findings += verify_seals(workspace_id, report)
        texts = Texts(workspace_id)
    after = 0
    rest: list[Link] = []
    while True:
        with workspace_scope(workspace_id):
            last = rest[-1] if rest else None
            place = {"lead": last.lead_id if last else after, "ordinal": last.ordinal if last else 2**31 - 1}
            found = _fetch(workspace_id, "chains", place | {"limit": CHUNK})
            is_over = len(found) < CHUNK
            rows = rest + found
            until = None if is_over else rows[-1].lead_id  # the last chain may go on in the next chunk
            rest = [row for row in rows if row.lead_id == until]
            whole = rows[: len(rows) - len(rest)]
            upto = 2**63 - 1 if until is None else until - 1
            broken = _examine_all(workspace_id, whole, _heads(workspace_id, after, upto), report)
            report.findings += broken
            report.findings += _unproven(workspace_id, after, upto, {finding.lead_id for finding in broken})
            for row in whole:
                report.findings += texts.examine(row)
            after = upto
        if progress:
            progress(report.acts, total)
        if is_over:
            return report


def _unproven(workspace_id: int, after: int, upto: int, broken: Container[int | None]) -> Iterator[Finding]:
    """States and marks that a whole chain does not bear out; of a broken one the chain says enough."""
    parameters = {"workspace": workspace_id, "after": after, "upto": upto}
    for row in fetch_all(load_sql("consent", "unproven"), parameters):
        if row["lead_id"] not in broken:
            proven = f"the evidence says {row['proven']}" if row["proven"] else "there is no evidence of it"
            problem = f"{row['about']} is held for {row['said']}: {proven}"
            yield Finding("state", row["lead_id"], 0, problem, row["field"])


def _examine_all(workspace_id: int, rows: Sequence[Link], heads: Mapping[int, Heads], report: Report) -> list[Finding]:
    chains = {lead_id: list(chain) for lead_id, chain in groupby(rows, key=lambda row: row.lead_id)}
    report.chains += len(chains)
    report.acts += len(rows)
    report.emptied += sum(row.is_emptied for row in rows)
    report.sealed_chains += len(heads)
    return [
        finding
        for lead_id in sorted(chains.keys() | heads.keys())
        for finding in examine(workspace_id, lead_id, chains.get(lead_id, []), heads.get(lead_id, {}))
    ]


def examine(workspace_id: int, lead_id: int, chain: Sequence[Link], heads: Heads) -> Iterator[Finding]:
    """What is wrong with one chain, oldest first. `heads`: what seals say of it."""
    previous, expected = BEGINNING, 1
    for place, row in enumerate(chain):
        if row.ordinal != expected:
            for missing in range(expected, row.ordinal):
                yield Finding("evidence", lead_id, missing, f"evidence {missing} is missing")
        elif row.previous_hash != previous:
            problem = f"evidence {expected} does not follow the one before it"
            yield Finding("evidence", lead_id, expected, problem, "previous_hash", row.id)
        after = chain[place + 1] if place + 1 < len(chain) else None
        if row.hash != row.hash_in(workspace_id):
            yield from _changed(workspace_id, row, previous, after, heads)
        if row.ordinal in heads and heads[row.ordinal][0] != row.hash:
            seal = heads[row.ordinal][1]
            problem = f"evidence {row.ordinal} is not the one that seal {seal} found"
            yield Finding("evidence", lead_id, row.ordinal, problem, "hash", row.id)
        yield from _examine_payload(row)
        previous, expected = row.hash, row.ordinal + 1
    for ordinal, (_hash, seal) in sorted(heads.items()):
        if ordinal >= expected:
            problem = f"evidence {ordinal} is missing: seal {seal} found it at the end of the chain"
            yield Finding("evidence", lead_id, ordinal, problem)


def _changed(workspace_id: int, row: Link, previous: str, after: Link | None, heads: Heads) -> Iterator[Finding]:
    said = f"evidence {row.ordinal} was changed"
    computed = row.hash_in(workspace_id)
    sealed = heads.get(row.ordinal, ("", 0))[0]
    if computed in (sealed, after.previous_hash if after else ""):
        yield Finding("evidence", row.lead_id, row.ordinal, said, "hash", row.id)
        return
    if row.previous_hash != previous and replace(row, previous_hash=previous).hash_in(workspace_id) == row.hash:
        return  # told already: it does not follow
    for name, value in _guesses(workspace_id, row):
        if replace(row, **{name: value}).hash_in(workspace_id) == row.hash:
            shown = "" if name == "payload_digest" else f": it said {_shown(value)}"
            yield Finding("evidence", row.lead_id, row.ordinal, said + shown, name, row.id)
            return
    yield Finding("evidence", row.lead_id, row.ordinal, said, "", row.id)


def _guesses(workspace_id: int, row: Link) -> Iterator[tuple[str, Any]]:
    """(column, what it can have said)"""
    if row.salt:
        yield "payload_digest", digest_payload(row.salt, row.payload)
    purposes = set(PurposeVersion.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    yield from (("act", act) for act in ACTS)
    yield from (("purpose", purpose) for purpose in sorted(purposes | {"", "marketing", "profiling"}))
    yield from (("channel", channel) for channel in ("", *CHANNELS))
    yield from (("ordinal", ordinal) for ordinal in range(1, min(row.ordinal + 3, MOST_ORDINALS)))
    yield from (("occurred_at", instant) for instant in _instants(workspace_id, row))


def _instants(workspace_id: int, row: Link) -> Iterator[datetime]:
    """When an act can have been: what the payload says, the ledger, the states, the acts beside it."""
    if received := row.payload.get("received_at"):
        yield datetime.fromisoformat(received)
    found = fetch_all(load_sql("consent", "instants_of"), {
        "workspace": workspace_id, "lead": row.lead_id, "evidence": row.id,
    })  # fmt: skip
    yield from (each["instant"] for each in found)


def _shown(value: Any) -> str:
    return f"`{value.isoformat() if isinstance(value, datetime) else value}`"


def _examine_payload(row: Link) -> Iterator[Finding]:
    if row.salt is None:
        problem = f"the payload of evidence {row.ordinal} is missing"
        yield Finding("evidence", row.lead_id, row.ordinal, problem, "payload", row.id)
    elif not row.is_emptied and digest_payload(row.salt, row.payload) != row.payload_digest:
        problem = f"the payload of evidence {row.ordinal} was changed"
        yield Finding("evidence", row.lead_id, row.ordinal, problem, _field_of(row), row.id)


def _field_of(row: Link) -> str:
    names = sorted(row.payload)
    checks = checks_of(row.payload)
    if len(row.checks) == len(checks):
        parts = [names[n] for n in range(len(names)) if row.checks[4 * n : 4 * n + 4] != checks[4 * n : 4 * n + 4]]
        return ", ".join(f"payload.{name}" for name in parts) or "salt"
    label = row.payload.get("checkbox_label_text")
    if label is not None and sha256(label) != row.payload.get("checkbox_label_sha256"):
        return "payload.checkbox_label_text"
    return "payload"


class Texts:
    """Whether published texts are still those that people saw; each is told once."""

    def __init__(self, workspace_id: int) -> None:
        policies = PolicyVersion.objects.filter(workspace_id=workspace_id).order_by("id")
        self.policies: dict[tuple[Any, ...], str] = {
            (each.key, each.version, language): sha256(canonical_json(content))
            for each in policies
            for language, content in each.body["languages"].items()
        }
        purposes = PurposeVersion.objects.filter(workspace_id=workspace_id).order_by("id")
        self.labels = {
            (each.key, each.version): {content["label"] for content in each.body["languages"].values()}
            for each in purposes
        }
        self.told: set[tuple[Any, ...]] = set()

    def examine(self, row: Link) -> Iterator[Finding]:
        said = row.payload
        if "policy_text_sha256" in said:
            key = (said.get("policy"), said.get("policy_version"), said.get("policy_language"))
            if self.policies.get(key, "") != said["policy_text_sha256"] and self._is_news("policy", key, row):
                problem = f"the text of policy {key[0]}, version {key[1]} ({key[2]}), is not the one that was shown"
                yield Finding("policy", None, key[1] or 0, problem, "body")
        if "purpose_version" in said:
            version = (row.purpose, said["purpose_version"])
            if said.get("checkbox_label_text") not in self.labels.get(version, ()) and self._is_news(*version, row):
                problem = f"the text of purpose {version[0]}, version {version[1]}, is not the one that was shown"
                yield Finding("purpose", None, version[1], problem, "body")

    def _is_news(self, what: str, key: Any, row: Link) -> bool:
        """A payload that does not fit its digest proves nothing about a text."""
        if (what, key) in self.told or row.salt is None or digest_payload(row.salt, row.payload) != row.payload_digest:
            return False
        self.told.add((what, key))
        return True


def verify_seals(workspace_id: int, report: Report) -> Iterator[Finding]:
    """Seals are chained, each holds the heads it says, and the audit log has its root."""
    audited = {
        entry.target: entry.detail.get("root")
        for entry in AuditEntry.objects.filter(workspace_id=workspace_id, action=SEALED).order_by("id")
    }
    previous, expected = BEGINNING, 1
    for seal in Seal.objects.filter(workspace_id=workspace_id).order_by("ordinal"):
        report.seals += 1
        for missing in range(expected, seal.ordinal):
            yield Finding("seal", None, missing, f"seal {missing} is missing")
        heads = SealedHead.objects.filter(workspace_id=workspace_id, seal=seal.ordinal).order_by("lead_id")
        leaves = [leaf_of(*head) for head in heads.values_list("lead_id", "ordinal", "hash")]
        yield from _examine_seal(seal, previous if seal.ordinal == expected else seal.previous_root, leaves)
        if audited.pop(f"seal:{seal.ordinal}", None) != seal.root:
            problem = f"seal {seal.ordinal} is not the one that the audit log has"
            yield Finding("seal", None, seal.ordinal, problem, "root")
        previous, expected = seal.root, seal.ordinal + 1
    for target in audited:
        number = int(target.removeprefix("seal:"))
        if number >= expected:
            yield Finding("seal", None, number, f"seal {number} is missing: the audit log has it")


def _examine_seal(seal: Seal, previous: str, leaves: Sequence[bytes]) -> Iterator[Finding]:
    said = f"seal {seal.ordinal} was changed"
    if len(leaves) != seal.heads or merkle_root(leaves) != seal.heads_root:
        yield Finding("seal", None, seal.ordinal, f"the heads of seal {seal.ordinal} were changed", "heads_root")
    if seal.previous_root != previous:
        yield Finding("seal", None, seal.ordinal, said, "previous_root")
    elif root_of(seal) != seal.root:
        yield Finding("seal", None, seal.ordinal, said, "root")


def _count(workspace_id: int) -> int:
    rows = fetch_all("SELECT count(*) AS n FROM consent_evidence WHERE workspace_id = %s", [workspace_id])
    return int(rows[0]["n"])


def _heads(workspace_id: int, after: int, upto: int) -> dict[int, dict[int, tuple[str, int]]]:
    """{lead: {ordinal: (hash, seal)}} of what was sealed."""
    found = SealedHead.objects.filter(workspace_id=workspace_id, lead_id__gt=after, lead_id__lte=upto)
    heads: dict[int, dict[int, tuple[str, int]]] = {}
    for lead_id, ordinal, hashed, seal in found.order_by("lead_id", "ordinal").values_list(
        "lead_id", "ordinal", "hash", "seal"
    ):
        heads.setdefault(lead_id, {})[ordinal] = (hashed, seal)
    return heads


def _fetch(workspace_id: int, name: str, parameters: Json) -> list[Link]:
    with connection.cursor() as cursor:
        cursor.execute(load_sql("consent", name), {"workspace": workspace_id} | parameters)
        return _links(cursor.fetchall())


def _links(rows: Iterable[tuple[Any, ...]]) -> list[Link]:
    return [Link(*[*row[:11], orjson.loads(row[11]) if row[11] else {}, row[12] or ""]) for row in rows]
