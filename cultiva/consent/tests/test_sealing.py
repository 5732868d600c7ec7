"""Tampering is found and named, whoever did it: row and field, and what is missing at the end of a chain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import ProgrammingError
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.accounts.models import AuditEntry
from cultiva.consent.actions import publish_policy, publish_purpose, record_consents, withdraw
from cultiva.consent.evidence import BEGINNING
from cultiva.consent.models import EvidencePayload, Seal, SealedHead
from cultiva.consent.sealing import leaf_of, merkle_path, merkle_root, seal_chains
from cultiva.consent.tests.committed import as_owner, committed_workspace
from cultiva.consent.tests.conftest import FORM
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.consent.verifying import Report, verify_workspace
from cultiva.leads.actions import save_lead
from cultiva.lib.database import execute, fetch_all, workspace_scope

REAL = datetime.fromisoformat("2026-11-22T23:00:00+00:00")
HOUR = timedelta(hours=1)


@contextmanager
def consenting(at: datetime, *, is_sealed: bool = True) -> Iterator[tuple[int, int]]:
    """(workspace, lead) of one who accepted, ticked a box and withdrew, with other leads beside; really committed."""
    with committed_workspace(at) as workspace:
        with workspace_scope(workspace.id):
            policy = publish_policy(workspace_id=workspace.id, text=POLICY, at=at)
            box = publish_purpose(workspace_id=workspace.id, text=MARKETING, at=at)
            leads = []
            for name in ("ana", "bea", "eva"):
                lead, _ = save_lead(
                    workspace_id=workspace.id, email=f"{name}@example.com", attributes={}, language="es",
                    source_kind="form", at=at,
                )  # fmt: skip
                record_consents(
                    workspace_id=workspace.id, lead_id=lead.id, policy=policy, purposes=[box], language="es",
                    circumstances=FORM, at=at,
                )  # fmt: skip
                leads.append(lead.id)
            withdraw(
                workspace_id=workspace.id, lead_id=leads[1], purpose="marketing", channel="email", at=at + HOUR,
            )  # fmt: skip
        if is_sealed:
            seal_chains(workspace_id=workspace.id, at=at + 2 * HOUR, real_now=REAL)
        yield workspace.id, leads[1]


def tamper(statement: str, *values: Any) -> None:
    with as_owner() as owner:
        assert owner.execute(statement, values).rowcount == 1


def verified(workspace_id: int) -> Report:
    return verify_workspace(workspace_id=workspace_id)


PAYLOAD_OF = "evidence_id = (SELECT id FROM consent_evidence WHERE lead_id = %s AND ordinal = 2)"
LABEL = "payload = jsonb_set(payload, '{checkbox_label_text}', '\"Quiero recibir consejos y oferta por correo\"')"


@pytest.mark.parametrize(
    ("change", "ordinal", "field", "words"),
    [
        (f"UPDATE consent_evidence_payload SET {LABEL} WHERE {PAYLOAD_OF}", 2, "payload.checkbox_label_text",
         "the payload of evidence 2 was changed"),
        (f"UPDATE consent_evidence_payload SET payload = payload || '{{\"ip\": \"203.0.113.8\"}}' WHERE {PAYLOAD_OF}",
         2, "payload.ip", "the payload of evidence 2 was changed"),
        (f"UPDATE consent_evidence_payload SET payload = payload - 'ip' WHERE {PAYLOAD_OF}", 2, "payload", "changed"),
        (f"UPDATE consent_evidence_payload SET salt = repeat('ab', 16) WHERE {PAYLOAD_OF}", 2, "salt", "changed"),
        ("UPDATE consent_evidence SET act = 'given' WHERE lead_id = %s AND ordinal = 3", 3, "act",
         "it said `withdrawn`"),
        ("UPDATE consent_evidence SET occurred_at = occurred_at - interval '2 years' WHERE lead_id = %s"
         " AND ordinal = 2", 2, "occurred_at", "it said `2026-03-10T12:00:00+00:00`"),
        ("UPDATE consent_evidence SET purpose = 'phone' WHERE lead_id = %s AND ordinal = 2", 2, "purpose",
         "it said `marketing`"),
        ("UPDATE consent_evidence SET channel = 'post' WHERE lead_id = %s AND ordinal = 2", 2, "channel",
         "it said `email`"),
        ("UPDATE consent_evidence SET payload_digest = repeat('a', 64) WHERE lead_id = %s AND ordinal = 2", 2,
         "payload_digest", "was changed"),
        ("UPDATE consent_evidence SET hash = repeat('a', 64) WHERE lead_id = %s AND ordinal = 2", 2, "hash",
         "was changed"),
        ("DELETE FROM consent_evidence WHERE lead_id = %s AND ordinal = 2", 2, "", "evidence 2 is missing"),
        ("DELETE FROM consent_evidence WHERE lead_id = %s AND ordinal = 3", 3, "",
         "evidence 3 is missing: seal 1 found it at the end of the chain"),
        ("DELETE FROM consent_evidence_payload WHERE evidence_id = (SELECT id FROM consent_evidence"
         " WHERE lead_id = %s AND ordinal = 2)", 2, "payload", "the payload of evidence 2 is missing"),
    ],
)  # fmt: skip
def test_what_a_superuser_tampers_with_is_named_with_its_row_and_field(
    django_db_setup: None, django_db_blocker: Any, at: datetime, change: str, ordinal: int, field: str, words: str
) -> None:
    with django_db_blocker.unblock(), consenting(at) as (workspace_id, lead_id):
        report = verified(workspace_id)
        assert (report.is_whole, report.chains, report.acts, report.sealed_chains) == (True, 3, 7, 3)
        tamper(change, lead_id)
        first = verified(workspace_id).findings[0]
    assert (first.lead_id, first.ordinal) == (lead_id, ordinal)
    assert words in first.problem
    if field != "payload" or "missing" in words:
        assert first.field == field
    assert f"lead {lead_id}: " in str(first)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ("UPDATE consent_state SET state = 'given' WHERE lead_id = %s", "state",
         "marketing (email) is held for given: the evidence says withdrawn"),
        ("UPDATE consent_state SET state = 'given', evidence_id = (SELECT id FROM consent_evidence e"
         " WHERE e.lead_id = consent_state.lead_id AND e.act = 'given') WHERE lead_id = %s", "state",
         "marketing (email) is held for given: the evidence says withdrawn"),
        ("UPDATE consent_mark SET confirmed_since = now() WHERE lead_id = %s", "confirmed_since",
         "confirmed is held for confirmed: there is no evidence of it"),
    ],
)  # fmt: skip
def test_a_state_or_mark_that_the_evidence_does_not_bear_out_is_named(
    django_db_setup: None, django_db_blocker: Any, at: datetime, change: str, field: str, words: str
) -> None:
    """Nobody becomes contactable by a change beside the chain."""
    with django_db_blocker.unblock(), consenting(at) as (workspace_id, lead_id):
        tamper(change, lead_id)
        findings = verified(workspace_id).findings
    assert [(each.lead_id, each.field, each.problem) for each in findings] == [(lead_id, field, words)]


def test_a_chain_computed_anew_is_found_by_its_seal(
    django_db_setup: None, django_db_blocker: Any, at: datetime
) -> None:
    """Whoever may do all to the database can make a chain that fits; not one that fits the seal."""
    from cultiva.consent.evidence import hash_evidence
    from cultiva.consent.models import Evidence

    with django_db_blocker.unblock(), consenting(at) as (workspace_id, lead_id):
        with workspace_scope(workspace_id):
            last = Evidence.objects.get(lead_id=lead_id, ordinal=3)
        last.act = "given"
        tamper("UPDATE consent_evidence SET act = 'given', hash = %s WHERE id = %s", hash_evidence(last), last.id)
        findings = verified(workspace_id).findings
    assert [(each.ordinal, each.problem) for each in findings] == [(3, "evidence 3 is not the one that seal 1 found")]


def test_a_chain_that_is_gone_is_found_by_its_seal(django_db_setup: None, django_db_blocker: Any, at: datetime) -> None:
    with django_db_blocker.unblock(), consenting(at) as (workspace_id, lead_id):
        with as_owner() as owner:
            owner.execute("DELETE FROM consent_evidence WHERE lead_id = %s", [lead_id])
        findings = verified(workspace_id).findings
    assert [(each.lead_id, each.ordinal) for each in findings] == [(lead_id, 3)]
    assert "is missing" in findings[0].problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE consent_seal SET heads = 2 WHERE workspace_id = %s", "the heads of seal 1 were changed"),
        ("UPDATE consent_seal SET sealed_at = sealed_at - interval '1 day' WHERE workspace_id = %s",
         "seal 1 was changed"),
        ("UPDATE consent_seal SET root = repeat('a', 64) WHERE workspace_id = %s", "seal 1 was changed"),
        ("DELETE FROM consent_seal WHERE workspace_id = %s", "seal 1 is missing: the audit log has it"),
        ("DELETE FROM consent_sealed_head WHERE workspace_id = %s AND ordinal = 3",
         "the heads of seal 1 were changed"),
        ("UPDATE policy_version SET body = jsonb_set(body, '{languages,es,text}', '\"Otro texto\"')"
         " WHERE workspace_id = %s", "the text of policy privacy, version 1 (es), is not the one that was shown"),
        ("UPDATE purpose_version SET body = jsonb_set(body, '{languages,es,label}', '\"Otro\"')"
         " WHERE workspace_id = %s", "the text of purpose marketing, version 1, is not the one that was shown"),
    ],
)  # fmt: skip
def test_tampering_with_seals_and_texts_is_named(
    django_db_setup: None, django_db_blocker: Any, at: datetime, change: str, words: str
) -> None:
    with django_db_blocker.unblock(), consenting(at) as (workspace_id, _):
        tamper(change, workspace_id)
        problems = [each.problem for each in verified(workspace_id).findings]
    assert words in problems


def test_chains_are_looked_at_in_pieces_without_losing_one(
    django_db_setup: None, django_db_blocker: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    with django_db_blocker.unblock(), consenting(at) as (workspace_id, lead_id):
        for chunk in (1, 2, 3):
            monkeypatch.setattr("cultiva.consent.verifying.CHUNK", chunk)
            report = verify_workspace(workspace_id=workspace_id, progress=lambda *told: seen.append(told))
            assert (report.is_whole, report.chains, report.acts, seen[-1]) == (True, 3, 7, (7, 7))
        tamper("DELETE FROM consent_evidence WHERE lead_id = %s AND ordinal = 3", lead_id)
        assert [each.ordinal for each in verify_workspace(workspace_id=workspace_id).findings] == [3]


def test_a_seal_takes_the_chains_that_grew_and_the_audit_log_has_its_root(
    huerta: Any, ana: Any, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    first = seal_chains(workspace_id=huerta.id, at=at, real_now=REAL)[0]
    assert seal_chains(workspace_id=huerta.id, at=at, real_now=REAL + HOUR) == []
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="marketing", channel="email", at=at + HOUR)
    second = seal_chains(workspace_id=huerta.id, at=at + HOUR, real_now=REAL + 2 * HOUR)[0]
    assert (first.ordinal, second.ordinal, second.previous_root) == (1, 2, first.root)
    assert list(SealedHead.objects.order_by("id").values_list("ordinal", "seal")) == [(2, 1), (3, 2)]
    audited = AuditEntry.objects.filter(workspace_id=huerta.id, action="consent.sealed").order_by("id")
    assert [entry.detail["root"] for entry in audited] == [first.root, second.root]
    assert verified(huerta.id).is_whole


def test_many_acts_are_sealed_a_part_at_a_time(huerta: Any, accept: Callable[..., Any], at: datetime) -> None:
    for number in range(5):
        lead, _ = save_lead(
            workspace_id=huerta.id, email=f"p{number}@example.com", attributes={}, language="es", source_kind="form",
            at=at,
        )  # fmt: skip
        accept(lead, at, "marketing")
    seals = seal_chains(workspace_id=huerta.id, at=at, real_now=REAL, most=4)
    assert [seal.heads for seal in seals] == [2, 2, 1]
    assert verified(huerta.id).is_whole


def test_an_erased_payload_is_no_tampering(huerta: Any, ana: Any, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing")
    EvidencePayload.objects.filter(workspace_id=huerta.id).update(salt="", payload={}, checks="")
    report = verified(huerta.id)
    assert (report.is_whole, report.emptied) == (True, 2)


@pytest.mark.parametrize("table", ["consent_evidence", "consent_seal", "consent_sealed_head"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET workspace_id = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_evidence_and_seals_are_append_only_for_the_application(huerta: Any, table: str, verb: str) -> None:
    assert fetch_all("SELECT current_user AS name") == [{"name": "cultiva_app"}]
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        execute(verb.format(table))


def test_another_workspace_sees_no_seal(
    huerta: Any, other_co: Any, ana: Any, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at)
    seal_chains(workspace_id=huerta.id, at=at, real_now=REAL)
    with workspace_scope(other_co.id):
        assert not Seal.objects.exists()
        assert not SealedHead.objects.exists()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.data())
def test_a_leaf_is_proven_by_the_path_to_the_root(size: int, data: st.DataObject) -> None:
    import hashlib

    leaves = [leaf_of(number, 1, "a" * 64) for number in range(size)]
    place = data.draw(st.integers(0, size - 1))
    found = leaves[place]
    for step in merkle_path(leaves, place):
        other = bytes.fromhex(step["hash"])
        pair = other + found if step["side"] == "left" else found + other
        found = hashlib.sha256(b"\x01" + pair).digest()
    assert found.hex() == merkle_root(leaves)
    assert merkle_root([]) == BEGINNING
