"""Who is suspected of being a program gets the same answer; what they sent waits for a person to decide."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from altcha import Challenge, Payload, solve_challenge

from cultiva.capture.actions import Outcome, RequestFacts, publish_form
from cultiva.capture.forms import CaptureForm, Shown, show_form
from cultiva.capture.guarding import Limits, is_solved, make_sum
from cultiva.capture.holding import CannotLetIn, forget_held, let_in, refuse_held, take_submission
from cultiva.capture.models import FormVersion, HeldSubmission
from cultiva.capture.tests.documents import FORM, publish_all
from cultiva.consent.actions import withdraw
from cultiva.consent.models import ConsentState, Evidence
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope

ANSWERS = {"first_name": "Ana", "email": "ana@example.com", "policy-accepted": "on", "purpose-marketing": "on"}
FACTS = RequestFacts(page_url="https://huerta.example/f/huerta/guia", ip="203.0.113.9", rendered_html_sha256="7" * 64)


@pytest.fixture(autouse=True)
def form(huerta: Any, at: datetime) -> FormVersion:
    return publish_all(huerta.id, at)


def show(workspace: Any, at: datetime) -> Shown:
    shown = show_form(workspace_id=workspace.id, key="guia", languages=["es"], at=at)
    assert shown
    return shown


def send(shown: Shown, at: datetime, extra: Mapping[str, str] | None = None) -> Outcome:
    posted = ANSWERS | dict(extra or {})
    form = CaptureForm(shown, posted)
    assert form.is_valid(), form.errors
    return take_submission(
        workspace_id=shown.form.workspace_id, form=shown, cleaned=form.cleaned_data,
        posted={name: [value] for name, value in posted.items()}, request_facts=FACTS, token=shown.token, at=at,
    )  # fmt: skip


def held(workspace: Any) -> HeldSubmission:
    return HeldSubmission.objects.get(workspace_id=workspace.id)


def test_what_was_held_is_let_in_as_it_was_sent(huerta: Any, at: datetime) -> None:
    assert send(show(huerta, at), at + timedelta(seconds=1)) == Outcome()
    assert held(huerta).reason == "too_fast"
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    outcome = let_in(workspace_id=huerta.id, held_id=held(huerta).id, at=at + timedelta(days=2))
    assert outcome.lead_id
    assert Lead.objects.get(id=outcome.lead_id).email == "ana@example.com"
    payload = Evidence.objects.get(act="given").payload.payload
    assert (payload["ip"], payload["sent_at"]) == ("203.0.113.9", "2026-03-10T12:00:01.000+00:00")
    assert let_in(workspace_id=huerta.id, held_id=held(huerta).id, at=at + timedelta(days=2)) == Outcome()


def test_what_was_withdrawn_since_stays_withdrawn(huerta: Any, at: datetime) -> None:
    first = send(show(huerta, at), at + timedelta(minutes=1))
    send(show(huerta, at), at + timedelta(seconds=1))
    assert first.lead_id
    withdraw(
        workspace_id=huerta.id, lead_id=first.lead_id, purpose="marketing", channel="email", at=at + timedelta(hours=1)
    )
    let_in(workspace_id=huerta.id, held_id=held(huerta).id, at=at + timedelta(hours=2))
    assert ConsentState.objects.get(lead_id=first.lead_id).state == "withdrawn"


def test_what_is_refused_is_forgotten_and_what_nobody_decides_too(huerta: Any, other_co: Any, at: datetime) -> None:
    send(show(huerta, at), at)
    with workspace_scope(other_co.id):
        assert refuse_held(workspace_id=other_co.id, held_ids=[held_id(huerta)]) == 0
    assert refuse_held(workspace_id=huerta.id, held_ids=[held(huerta).id]) == 1
    assert (held(huerta).posted, held(huerta).token) == ({}, "")
    assert forget_held(workspace_id=huerta.id, at=at + timedelta(days=29)) == 0
    assert forget_held(workspace_id=huerta.id, at=at + timedelta(days=31)) == 1


def held_id(workspace: Any) -> int:
    with workspace_scope(workspace.id):
        return held(workspace).id


def test_it_says_why_something_cannot_be_let_in(huerta: Any, at: datetime) -> None:
    send(show(huerta, at), at)
    waiting = held(huerta)
    waiting.posted = {**waiting.posted, "email": ["ana"]}
    waiting.save()
    with pytest.raises(CannotLetIn, match="email"):
        let_in(workspace_id=huerta.id, held_id=waiting.id, at=at)


def solved(challenge: dict[str, Any]) -> str:
    found = Challenge.from_dict(challenge)
    solution = solve_challenge(found)
    assert solution
    return Payload(found, solution).to_base64()


def test_a_sum_that_a_browser_did_lets_in_and_any_other_does_not(huerta: Any, at: datetime) -> None:
    publish_form(workspace_id=huerta.id, text=FORM + "proof_of_work: true\n", at=at)
    later = at + timedelta(minutes=1)
    shown, another = show(huerta, at), show(huerta, at)
    answer = solved(make_sum(shown.token))
    assert is_solved(shown.token, answer)
    assert not is_solved(another.token, answer)
    forged = json.loads(base64.b64decode(answer))
    forged["challenge"]["parameters"]["cost"] = 1
    for wrong in ("", "x", answer[:-8], base64.b64encode(json.dumps(forged).encode()).decode(), "e30=", "A" * 5_000):
        assert not is_solved(shown.token, wrong)
    assert send(another, later) == Outcome()
    assert held(huerta).reason == "no_proof"
    assert send(shown, later, {"form-proof": answer}).lead_id


def test_a_sender_may_send_five_a_minute_and_twenty_of_a_form_an_hour() -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    assert [limits.take("a", "f") for _ in range(6)] == [0, 0, 0, 0, 0, 60]
    assert limits.take("b", "f") == 0
    for minute in (1, 2, 3):
        now[0] = minute * 61.0
        assert [limits.take("a", "f") for _ in range(5)] == [0] * 5
    now[0] = 4 * 61.0
    assert limits.take("a", "f") == 3_600 - 244
    assert limits.take("a", "g") == 0
    now[0] = 3_601.0
    assert limits.take("a", "f") == 0
