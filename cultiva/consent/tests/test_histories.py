"""Whatever happens in whatever order, nobody is contacted after they withdrew, but by a new tick with a new proof."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.consent.actions import can_contact, confirm, confirmation_token, suppress, withdraw
from cultiva.consent.imported import ImportedPerson, record_imported_acts, suppressions
from cultiva.consent.models import Confirmation
from cultiva.consent.sealing import seal_chains
from cultiva.consent.standing import stop_marketing
from cultiva.consent.tests.conftest import ask, prove
from cultiva.consent.told import ConsentRefused, Told, record_told_consent
from cultiva.consent.verifying import verify_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.merging import merge_leads, undo_merge
from cultiva.leads.models import Lead
from cultiva.lib.signing import ExpiredLink

HOUR = timedelta(hours=1)
ACTS = ["tick", "clear", "ask", "confirm", "withdraw", "stop", "import", "told", "told late", "merge", "part", "erase"]
_number = count(1)


def make(workspace: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=f"h{next(_number)}@example.com", attributes={}, language="es",
        source_kind="form", at=at,
    )  # fmt: skip
    return lead


def bring_in(lead: Lead, at: datetime) -> None:
    """A file says that they consented elsewhere and confirmed."""
    key = str(lead.email_key)
    person = ImportedPerson(
        lead_id=lead.id, is_new=False, email_key=key, basis="proof", basis_at=at, confirmed_at=at,
        payload={"import": 1},
    )  # fmt: skip
    record_imported_acts(
        workspace_id=lead.workspace_id, people=[person], purposes=["marketing"], at=at,
        suppressed=suppressions(workspace_id=lead.workspace_id, email_keys=[key]),
    )  # fmt: skip


def tell(lead: Lead, told_at: datetime, at: datetime) -> bool:
    told = Told(
        text="Quiero recibir consejos y ofertas por correo electrónico", version=1, box="b", told_at=told_at,
        page_url="https://h.example", ip="203.0.113.9", purpose="marketing",
    )  # fmt: skip
    try:
        record_told_consent(workspace_id=lead.workspace_id, lead_id=lead.id, told=told, at=at, by="api_key:1")
    except ConsentRefused:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(ACTS), min_size=2, max_size=9))
def test_nobody_is_contacted_after_a_withdrawal_whatever_the_order(
    huerta: Any, accept: Callable[..., Any], at: datetime, acts: list[str]
) -> None:
    lead = make(huerta, at)
    withdrawn_at = ticked_at = None  # the last withdrawal; the first tick of their own after it
    has_proof = False  # and their own proof of the address after that
    pending: list[Confirmation] = []
    merges: list[Any] = []
    for hour, act in enumerate(acts, start=1):
        now = at + 9 * hour * HOUR
        if act == "tick":
            accept(lead, now, "marketing")
            ticked_at = ticked_at or now
        elif act == "clear":
            accept(lead, now)
        elif act == "ask":
            pending += [each for each in [ask(lead, now)] if each]
        elif act == "confirm" and pending:
            try:
                confirm(token=confirmation_token(pending.pop()), at=now)
                has_proof = ticked_at is not None
            except ExpiredLink:
                pass
        elif act == "withdraw":
            withdraw(workspace_id=huerta.id, lead_id=lead.id, purpose="marketing", channel="email", at=now)
            withdrawn_at, ticked_at, has_proof = now, None, False
        elif act == "stop":
            stop_marketing(workspace_id=huerta.id, lead_id=lead.id, at=now)
            withdrawn_at, ticked_at, has_proof = now, None, False
        elif act == "import":
            bring_in(lead, now)
        elif act in ("told", "told late"):
            is_taken = tell(lead, now - HOUR if act == "told" else at, now)
            ticked_at = ticked_at or (now if is_taken else None)
        elif act == "merge":
            other = make(huerta, now)
            accept(other, now, "marketing")
            prove(other, now)
            merges.append(merge_leads(
                workspace_id=huerta.id, kept_id=lead.id, merged_id=other.id, at=now, by="user:1", force=True
            ))  # fmt: skip
        elif act == "part" and merges:
            undo_merge(workspace_id=huerta.id, merge_id=merges.pop().id, at=now, by="user:1")
        elif act == "erase":
            suppress(workspace_id=huerta.id, email=lead.email, reason="erasure", at=now)
        decision = can_contact(
            workspace_id=huerta.id, lead_ids=[lead.id], purpose="marketing", channel="email", at=now
        )[lead.id]  # fmt: skip
        if withdrawn_at and not (ticked_at and has_proof):
            assert not decision.allowed, acts[:hour]
    seal_chains(workspace_id=huerta.id, at=at, real_now=at)
    assert verify_workspace(workspace_id=huerta.id).is_whole


def test_accepting_the_policy_is_no_consent_to_marketing(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at)
    prove(ana, at)
    for purpose, channel in (("marketing", "email"), ("phone", "phone")):
        decision = can_contact(
            workspace_id=huerta.id, lead_ids=[ana.id], purpose=purpose, channel=channel, at=at
        )[ana.id]  # fmt: skip
        assert decision.reason == "no_basis"
