"""What a form may not make of a person's will."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from cultiva.capture.actions import RequestFacts, publish_form, submit_form
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.models import Submission
from cultiva.capture.tests.documents import FORM, publish_all
from cultiva.consent.models import ConsentMark, ConsentState, Evidence, EvidencePayload
from cultiva.consent.rules import publish_rules
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.magnets.models import Grant


def test_with_every_box_left_clear_the_magnet_still_comes_and_nothing_is_consented_to(
    huerta: Any, at: datetime
) -> None:
    publish_all(huerta.id, at)
    shown = show_form(workspace_id=huerta.id, key="guia", languages=["es"], at=at)
    assert shown
    sent = {"first_name": "Ana", "email": "ana@example.com", "company": "Sol", "crop": "olive", "policy-accepted": "on"}
    bound = CaptureForm(shown, sent)
    assert bound.is_valid(), bound.errors
    outcome = submit_form(
        workspace_id=huerta.id, form=shown, cleaned=bound.cleaned_data, request_facts=RequestFacts(),
        token=shown.token, at=at + timedelta(seconds=30),
    )  # fmt: skip
    assert outcome.grant == Grant.objects.get()
    assert not ConsentState.objects.exists()
    assert list(Evidence.objects.values_list("act", flat=True)) == ["policy_accepted"]


@pytest.mark.parametrize(("born_on", "is_minor"), [("2013-05-17", True), ("1990-05-17", False), ("", False)])
def test_a_minor_is_told_by_the_date_of_birth_which_nobody_keeps(
    huerta: Any, at: datetime, born_on: str, is_minor: bool
) -> None:
    publish_all(huerta.id, at)
    publish_rules(workspace_id=huerta.id, text="consent_rules: workspace\njurisdiction: ES", at=at)
    asked = "  - {key: born_on, kind: birth_date, label: {es: Nacimiento, en: Birth}}\nlanguages:"
    publish_form(workspace_id=huerta.id, text=FORM.replace("languages:", asked, 1), at=at)
    shown = show_form(workspace_id=huerta.id, key="guia", languages=["es"], at=at)
    assert shown
    sent = {"first_name": "Ana", "email": "ana@example.com", "policy-accepted": "on", "purpose-marketing": "on"}
    bound = CaptureForm(shown, sent | {"born_on": born_on})
    assert bound.is_valid(), bound.errors
    outcome = submit_form(
        workspace_id=huerta.id, form=shown, cleaned=bound.cleaned_data, request_facts=RequestFacts(),
        token=shown.token, at=at,
    )  # fmt: skip
    assert outcome.lead_id
    mark = ConsentMark.objects.get(lead_id=outcome.lead_id)
    assert mark.minor_until == (date(2027, 6, 1) if is_minor else None)
    assert ConsentState.objects.exists() is not is_minor
    everywhere = [
        *Submission.objects.values_list("fields", flat=True), *Lead.objects.values_list("attributes", flat=True),
        *EvidencePayload.objects.values_list("payload", flat=True),
        *Event.objects.values_list("properties", flat=True),
    ]  # fmt: skip
    assert len(everywhere) > 4
    assert not born_on or born_on not in json.dumps(everywhere)
