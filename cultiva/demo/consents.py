"""What the demo's people agreed to, written as a set: evidence in valid chains, marks, and states per purpose."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from cultiva.capture.models import FormVersion
from cultiva.consent import evidence
from cultiva.consent.actions import CONFIRMATION_LIFE
from cultiva.consent.acts import act_of_accepting, act_of_giving, properties_of
from cultiva.consent.evidence import Act, Circumstances
from cultiva.consent.models import Evidence, PolicyVersion, PurposeVersion
from cultiva.demo.history import Newcomer
from cultiva.events.actions import NewEvent
from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.signing import hash_token

Json = dict[str, Any]

MAIL, CALLS = "marketing", "phone"  # the purposes of `documents/purposes/`
PROFILING = ("profiling", "none")  # what an objection withdraws: no box, no channel
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@dataclass(frozen=True)
class Texts:
    """What people had before them."""

    form: FormVersion
    policy: PolicyVersion
    purposes: Mapping[str, PurposeVersion]
    page_url: str


@dataclass(frozen=True)
class Deed:
    """An act at its time, before it has its place in the chain."""

    at: datetime
    act: Act
    circumstances: Circumstances


def add_consents(
    *, workspace_id: int, leads: Sequence[tuple[int, Newcomer]], texts: Texts
) -> tuple[list[NewEvent], dict[int, int]]:
    """Write them; returns the events that tell of them and {lead: evidence of their consent to mail}."""
    deeds = {lead_id: _deeds(newcomer, texts) for lead_id, newcomer in leads}
    rows = [row for lead_id, newcomer in leads for row in _chain(workspace_id, lead_id, newcomer, deeds[lead_id])]
    added = fetch_all(load_sql("demo", "add_evidence"), {"workspace": workspace_id, "rows": json.dumps(rows)})
    ids = {(row["lead_id"], row["ordinal"]): row["id"] for row in added}
    given = _given_ids(deeds, ids)
    _add_marks(workspace_id, leads, deeds, ids)
    events = [
        _event(lead_id, deed, ids[lead_id, ordinal])
        for lead_id, of_lead in deeds.items()
        for ordinal, deed in enumerate(of_lead, start=1)
    ]
    return events, given


def form_token(newcomer: Newcomer) -> str:
    """The hash that a showing of the form left, the same in the submission and in the evidence."""
    return hash_token(f"demo:{newcomer.person.email}")


def _deeds(newcomer: Newcomer, texts: Texts) -> list[Deed]:
    """Oldest first; the acts of one instant in the order of the form."""
    if not newcomer.is_valid:
        return []
    language = newcomer.person.language
    wanted = [key for key, is_ticked in ((MAIL, newcomer.wants_mail), (CALLS, newcomer.wants_calls)) if is_ticked]
    acts = [act_of_accepting(texts.policy, language)]
    acts += [act_of_giving(texts.purposes[key], texts.policy, language) for key in wanted]
    deeds = [Deed(newcomer.born, act, _circumstances(newcomer, texts)) for act in acts]
    by_button = Circumstances(action="button", ip=_ip(newcomer), user_agent=BROWSER)
    if newcomer.confirmed_at:
        deeds.append(Deed(newcomer.confirmed_at, _confirmed(newcomer), by_button))
    if newcomer.withdrawn_at:
        deeds.append(Deed(newcomer.withdrawn_at, Act("withdrawn", MAIL, "email"), by_button))
    if newcomer.objected_at:
        deeds.append(Deed(newcomer.objected_at, Act("withdrawn", *PROFILING), by_button))
    return sorted(deeds, key=lambda deed: deed.at)


def _circumstances(newcomer: Newcomer, texts: Texts) -> Circumstances:
    if newcomer.source_kind != "form":
        return Circumstances(action={"import": "import", "manual": "verbal"}[newcomer.source_kind])
    return Circumstances(
        form=texts.form.key,
        form_version=texts.form.version,
        page_url=texts.page_url,
        ip=_ip(newcomer),
        user_agent=BROWSER,
        session_sha256=form_token(newcomer),
    )


def _confirmed(newcomer: Newcomer) -> Act:
    proof = {
        "proof_level": "doi",
        "doi_token_sha256": _confirmation_hash(newcomer),
        "doi_requested_at": newcomer.born.isoformat(timespec="milliseconds"),
        "doi_ip": _ip(newcomer),
        "doi_user_agent": BROWSER,
    }
    return Act("confirmed", payload=proof)


def _ip(newcomer: Newcomer) -> str:
    """Addresses of RFC 5737, which belong to nobody."""
    net = ("192.0.2", "198.51.100", "203.0.113")[newcomer.number % 3]
    return f"{net}.{1 + newcomer.number // 3 % 254}"


def _confirmation_hash(newcomer: Newcomer) -> str:
    return hash_token(f"demo:confirm:{newcomer.person.email}")


def _chain(workspace_id: int, lead_id: int, newcomer: Newcomer, deeds: Sequence[Deed]) -> Iterator[Json]:
    """Rows of add_evidence.sql, each with the hash of the one before."""
    previous = evidence.BEGINNING
    for ordinal, deed in enumerate(deeds, start=1):
        payload = evidence.payload_of(deed.act, deed.circumstances, deed.at)
        salt = hashlib.sha256(f"{newcomer.person.email}:{ordinal}".encode()).hexdigest()[: 2 * evidence.SALT_BYTES]
        row = Evidence(
            workspace_id=workspace_id, lead_id=lead_id, ordinal=ordinal, act=deed.act.act, purpose=deed.act.purpose,
            channel=deed.act.channel, occurred_at=deed.at, payload_digest=evidence.digest_payload(salt, payload),
            previous_hash=previous,
        )  # fmt: skip
        row.hash = previous = evidence.hash_evidence(row)
        stored = {name: getattr(row, name) for name in evidence.STORED}
        when = {"lead_id": lead_id, "occurred_at": deed.at.isoformat()}
        yield stored | when | {"salt": salt, "payload": payload, "checks": evidence.checks_of(payload)}


def _given_ids(deeds: Mapping[int, Sequence[Deed]], ids: Mapping[tuple[int, int], int]) -> dict[int, int]:
    return {
        lead_id: ids[lead_id, ordinal]
        for lead_id, of_lead in deeds.items()
        for ordinal, deed in enumerate(of_lead, start=1)
        if deed.act.act == "given" and deed.act.purpose == MAIL
    }


def _add_marks(
    workspace_id: int,
    leads: Sequence[tuple[int, Newcomer]],
    deeds: Mapping[int, Sequence[Deed]],
    ids: Mapping[tuple[int, int], int],
) -> None:
    valid = [(lead_id, newcomer) for lead_id, newcomer in leads if newcomer.is_valid]
    confirmed = [(lead_id, newcomer) for lead_id, newcomer in valid if newcomer.confirmed_at]
    fetch_all(
        load_sql("demo", "add_marks"),
        {
            "workspace": workspace_id,
            "marks": json.dumps([_mark(lead_id, newcomer) for lead_id, newcomer in valid]),
            "states": json.dumps([state for lead_id, _ in valid for state in _states(lead_id, deeds[lead_id], ids)]),
            "confirmations": json.dumps([_confirmation(lead_id, newcomer) for lead_id, newcomer in confirmed]),
        },
    )


def _mark(lead_id: int, newcomer: Newcomer) -> Json:
    return {
        "lead_id": lead_id,
        "valid_since": _text(newcomer.born),
        "confirmed_since": _text(newcomer.confirmed_at),
        "profiled_since": None if newcomer.objected_at else _text(newcomer.born),
        "objected_at": _text(newcomer.objected_at),
    }


def _states(lead_id: int, deeds: Sequence[Deed], ids: Mapping[tuple[int, int], int]) -> Iterator[Json]:
    """The last will expressed for each purpose."""
    numbered = [(n, deed) for n, deed in enumerate(deeds, start=1) if deed.act.act in ("given", "withdrawn")]
    numbered.sort(key=lambda each: (each[1].act.purpose, each[0]))
    for purpose, of_purpose in groupby(numbered, key=lambda each: each[1].act.purpose):
        ordinal, deed = list(of_purpose)[-1]
        yield {
            "lead_id": lead_id, "purpose": purpose, "channel": deed.act.channel, "state": deed.act.act,
            "since": _text(deed.at), "evidence_id": ids[lead_id, ordinal],
        }  # fmt: skip


def _confirmation(lead_id: int, newcomer: Newcomer) -> Json:
    return {
        "lead_id": lead_id,
        "token_hash": hash_token(f"{lead_id}:{_confirmation_hash(newcomer)}"),
        "requested_at": _text(newcomer.born),
        "expires_at": _text(newcomer.born + CONFIRMATION_LIFE),
        "confirmed_at": _text(newcomer.confirmed_at),
    }


def _event(lead_id: int, deed: Deed, evidence_id: int) -> NewEvent:
    return NewEvent(
        kind="consent",
        name=deed.act.act,
        message_id=f"evidence:{evidence_id}",
        occurred_at=deed.at,
        lead_id=lead_id,
        actor="human",
        properties=properties_of(deed.act) | {"evidence": evidence_id},
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
