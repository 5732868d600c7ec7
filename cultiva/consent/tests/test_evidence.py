"""The proof: what it holds, and that nobody can change it unseen."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from cultiva.consent.actions import withdraw
from cultiva.consent.evidence import Act, Circumstances, canonical_json, record_acts
from cultiva.consent.models import Evidence, EvidencePayload, PolicyVersion
from cultiva.consent.tests.committed import as_owner, committed_workspace
from cultiva.consent.verifying import verify_chain
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope


def test_each_act_keeps_what_was_shown_and_how_it_reached_us(
    huerta: Any, ana: Lead, policy: PolicyVersion, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    accepted, given = Evidence.objects.filter(workspace_id=huerta.id, lead_id=ana.id).order_by("ordinal")
    text = canonical_json(policy.body["languages"]["es"])
    assert (accepted.act, given.act, given.purpose, given.channel) == ("policy_accepted", "given", "marketing", "email")
    assert accepted.payload.payload == {
        "action": "checkbox",
        "form": "guia",
        "form_version": 3,
        "page_url": "https://huerta.example/f/huerta/guia",
        "referrer": "https://search.example/",
        "ip": "203.0.113.9",
        "user_agent": "Mozilla/5.0",
        "session_sha256": "5" * 64,
        "rendered_html_sha256": "7" * 64,
        "checkbox_id": "policy-accepted",
        "checkbox_label_text": "He leído y acepto la política de protección de datos",
        "checkbox_label_sha256": hashlib.sha256(
            "He leído y acepto la política de protección de datos".encode()
        ).hexdigest(),
        "checkbox_default": False,
        "proof_level": "single",
        "policy": "privacy",
        "policy_version": 1,
        "policy_language": "es",
        "policy_text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "received_at": "2026-03-10T12:00:00.000+00:00",
    }
    box = given.payload.payload
    assert box["checkbox_label_text"] == "Quiero recibir consejos y ofertas por correo electrónico"
    assert (box["checkbox_id"], box["purpose_version"]) == ("purpose-marketing", 1)
    assert len(given.payload.salt) == 32


def test_the_chain_of_a_lead_is_whole(huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing", "phone")
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="phone", channel="phone", at=at + timedelta(days=1))
    report = verify_chain(workspace_id=huerta.id, lead_id=ana.id)
    assert (report.is_whole, report.length) == (True, 4)


def test_two_leads_have_two_chains(huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    bea, _ = save_lead(
        workspace_id=huerta.id, email="bea@example.com", attributes={}, language="es", source_kind="form", at=at
    )
    accept(ana, at)
    accept(bea, at)
    ordinals = Evidence.objects.filter(workspace_id=huerta.id).values_list("lead_id", "ordinal").order_by("lead_id")
    assert list(ordinals) == [(ana.id, 1), (bea.id, 1)]


def test_a_changed_payload_is_named(huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing", "phone")
    payload = EvidencePayload.objects.select_related("evidence").get(workspace_id=huerta.id, evidence__ordinal=2)
    payload.payload["ip"] = "198.51.100.1"
    payload.save()
    report = verify_chain(workspace_id=huerta.id, lead_id=ana.id)
    assert (report.broken_at, report.problem) == (2, "the payload of evidence 2 was changed")


def test_an_emptied_payload_leaves_the_chain_whole(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    EvidencePayload.objects.filter(workspace_id=huerta.id).update(salt="", payload={})
    assert verify_chain(workspace_id=huerta.id, lead_id=ana.id).is_whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_evidence SET act = 'given'",
        "DELETE FROM consent_evidence",
        "TRUNCATE consent_evidence",
        "DELETE FROM consent_evidence_payload",
        "UPDATE policy_version SET name = 'x'",
        "DELETE FROM policy_version",
        "UPDATE purpose_version SET name = 'x'",
    ],
)
def test_the_application_cannot_change_or_delete_evidence(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime, statement: str
) -> None:
    accept(ana, at, "marketing")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("change", "broken_at", "problem"),
    [
        ("UPDATE consent_evidence SET purpose = 'phone' WHERE lead_id = %s AND ordinal = 2", 2, "was changed"),
        ("UPDATE consent_evidence SET occurred_at = occurred_at - interval '1 day' WHERE lead_id = %s AND ordinal = 3",
         3, "was changed"),
        ("UPDATE consent_evidence SET act = 'given' WHERE lead_id = %s AND ordinal = 1", 1, "was changed"),
        ("DELETE FROM consent_evidence WHERE lead_id = %s AND ordinal = 2", 2, "is missing"),
        ("DELETE FROM consent_evidence_payload WHERE evidence_id = (SELECT id FROM consent_evidence"
         " WHERE lead_id = %s AND ordinal = 3)", 3, "is missing"),
        ("UPDATE consent_evidence SET previous_hash = repeat('f', 64) WHERE lead_id = %s AND ordinal = 3",
         3, "does not follow"),
    ],
)  # fmt: skip
def test_what_the_owner_tampers_with_is_named(
    django_db_setup: None, django_db_blocker: Any, at: datetime, change: str, broken_at: int, problem: str
) -> None:
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        with workspace_scope(workspace.id):
            lead, _ = save_lead(
                workspace_id=workspace.id,
                email="a@example.com",
                attributes={},
                language="es",
                source_kind="form",
                at=at,
            )
            acts = [Act("policy_accepted"), Act("given", "marketing", "email"), Act("withdrawn", "marketing", "email")]
            record_acts(
                workspace_id=workspace.id,
                lead_id=lead.id,
                acts=acts,
                circumstances=Circumstances(ip="192.0.2.1"),
                at=at,
            )
            assert verify_chain(workspace_id=workspace.id, lead_id=lead.id).is_whole
        with as_owner() as owner:
            if change.startswith("DELETE FROM consent_evidence W"):
                owner.execute(
                    "DELETE FROM consent_evidence_payload WHERE evidence_id ="
                    " (SELECT id FROM consent_evidence WHERE lead_id = %s AND ordinal = 2)", [lead.id],
                )  # fmt: skip
            assert owner.execute(change, [lead.id]).rowcount == 1
        with workspace_scope(workspace.id):
            report = verify_chain(workspace_id=workspace.id, lead_id=lead.id)
        assert report.broken_at == broken_at
        assert problem in report.problem


def test_another_workspace_sees_no_evidence(
    huerta: Any, other_co: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    with workspace_scope(other_co.id):
        assert not Evidence.objects.exists()
        assert not EvidencePayload.objects.exists()
        assert verify_chain(workspace_id=huerta.id, lead_id=ana.id).length == 0
