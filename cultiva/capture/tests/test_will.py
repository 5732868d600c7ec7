"""What a form may not make of a person's will."""

from datetime import datetime, timedelta
from typing import Any

from cultiva.capture.actions import RequestFacts, submit_form
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.tests.documents import publish_all
from cultiva.consent.models import ConsentState, Evidence
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
