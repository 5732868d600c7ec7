"""What a submission leaves beside the lead: its objective, a note to staff, files, and a proof that stays as it was."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role
from cultiva.capture.actions import Outcome, RequestFacts, publish_form
from cultiva.capture.figures import count_start, count_view, form_figures
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormUpload, Submission
from cultiva.capture.tests.documents import FORM, publish_all
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.models import Evidence
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.consent.verifying import verify_chain
from cultiva.criteria.explaining import explain
from cultiva.criteria.language import parse
from cultiva.lib.documents import DocumentError
from cultiva.magnets.tests.documents import make_pdf
from cultiva.mailing.models import Outbox

LATER = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def documents(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)


def send(workspace: Any, at: datetime, key: str = "guia", files: Any = None, **answers: str) -> Outcome:
    shown = show_form(workspace_id=workspace.id, key=key, languages=["es"], at=at - LATER)
    assert shown
    posted = {"first_name": "Ana", "email": "ana@example.com", "policy-accepted": "on", **answers}
    form = CaptureForm(shown, MultiValueDict({name: [value] for name, value in posted.items()}), files)
    assert form.is_valid(), form.errors
    return take_submission(
        workspace_id=workspace.id, form=shown, cleaned=form.cleaned_data, posted={}, request_facts=RequestFacts(),
        token=shown.token, at=at,
    )  # fmt: skip


def publish_quote(workspace: Any, at: datetime, more: str = "") -> None:
    text = FORM.replace("form: guia", "form: cita").replace("objective: content", "objective: quote") + more
    publish_form(workspace_id=workspace.id, text=text, at=at)


OBJECTIVES: list[tuple[dict[str, Any], bool]] = [
    ({"objective": "quote"}, True),
    ({"objective": "content"}, False),
    ({"objective": "content", "first": True}, True),
    ({"objective": "quote", "first": True}, False),
    ({"objective": "content", "ever": True}, True),
    ({"objective": "purchase", "ever": True}, False),
]


def test_criteria_know_the_first_and_the_latest_objective(huerta: Any, at: datetime) -> None:
    publish_quote(huerta, at)
    first = send(huerta, at)
    send(huerta, at + timedelta(days=1), "cita")
    lead = first.lead_id
    assert lead
    for document, holds in OBJECTIVES:
        now, then = (
            explain(parse(document), workspace_id=huerta.id, lead_id=lead, at=when)
            for when in (at + timedelta(days=2), at + timedelta(hours=1))
        )
        assert now.holds is holds, document
        assert then.holds is (document["objective"] == "content"), document
    assert explain(parse({"objective": "quote"}), workspace_id=huerta.id, lead_id=lead, at=at).words == {
        "es": "su último objetivo es pedir presupuesto", "en": "their latest objective is a quote",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"objective": "world"}, "no objective 'world'"),
        ({"objective": "quote", "first": True, "ever": True}, "stand together"),
        ({"objective": "quote", "ever": False}, "only true"),
    ],
)
def test_an_objective_nobody_has_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse(document)


def test_staff_who_want_to_know_get_a_mail_that_names_nobody(huerta: Any, at: datetime) -> None:
    user = create_user(email="luis@huerta.example", full_name="Luis", password="a long one 77", at=at)
    grant_role(workspace_id=huerta.id, user=user, role=Role.MARKETING, at=at)
    publish_quote(huerta, at, "notify: [luis@huerta.example]\n")
    outcome = send(huerta, at, "cita")
    note = Outbox.objects.get(workspace_id=huerta.id, cause_kind="form_notice")
    assert (note.user_id, note.lead_id) == (user.id, None)
    assert "ana" not in str(note.variables)
    assert note.variables["lead_url"].endswith(f"/leads/{outcome.lead_id}")
    with pytest.raises(DocumentError, match="nobody in the workspace signs in"):
        publish_quote(huerta, at, "notify: [eva@huerta.example]\n")


def test_a_file_is_kept_with_the_lead_and_is_no_attribute(huerta: Any, at: datetime) -> None:
    text = FORM.replace("languages:", "  - {key: plan, kind: file, label: {es: Plano, en: Plan}}\nlanguages:", 1)
    publish_form(workspace_id=huerta.id, text=text, at=at)
    files = MultiValueDict({"plan": [SimpleUploadedFile("plano.pdf", make_pdf())]})
    outcome = send(huerta, at, files=files)
    assert outcome.lead_id
    assert outcome.submission_id
    upload = FormUpload.objects.get(workspace_id=huerta.id, lead_id=outcome.lead_id)
    assert (upload.field, upload.name, bytes(upload.content)) == ("plan", "plano.pdf", make_pdf())
    submission = Submission.objects.select_related("lead").get(id=outcome.submission_id)
    assert submission.fields["plan"] == {"file": "plano.pdf", "bytes": len(make_pdf())}
    assert "plan" not in submission.lead.attributes


def test_the_old_proof_stays_as_it_was_when_every_text_changes(huerta: Any, at: datetime) -> None:
    outcome = send(huerta, at, **{"purpose-marketing": "on"})
    assert outcome.lead_id
    before = proofs(outcome.lead_id)
    assert before["policy_accepted"]["boxes_shown"] == ["policy-accepted", "purpose-marketing", "purpose-phone"]
    assert before["policy_accepted"]["boxes_ticked"] == ["policy-accepted", "purpose-marketing"]
    publish_policy(workspace_id=huerta.id, text=POLICY.replace("Tres años", "Diez años"), at=at)
    publish_purpose(workspace_id=huerta.id, text=MARKETING.replace("label: ", "label: Nuevo "), at=at)
    one_box = FORM.replace("purposes: [marketing, phone]", "purposes: [marketing]")
    publish_form(workspace_id=huerta.id, text=one_box, at=at)
    assert proofs(outcome.lead_id) == before
    assert verify_chain(workspace_id=huerta.id, lead_id=outcome.lead_id).is_whole
    again = send(huerta, at + timedelta(days=1), email="luis@example.com", **{"purpose-marketing": "on"})
    assert again.lead_id
    after = proofs(again.lead_id)
    assert after["policy_accepted"]["policy_version"] == before["policy_accepted"]["policy_version"] + 1
    assert after["policy_accepted"]["form_version"] == 2
    assert after["policy_accepted"]["boxes_shown"] == ["policy-accepted", "purpose-marketing"]
    assert after["given"]["checkbox_label_text"] != before["given"]["checkbox_label_text"]


def proofs(lead_id: int) -> dict[str, Any]:
    return {each.act: each.payload.payload for each in Evidence.objects.filter(lead_id=lead_id).order_by("ordinal")}


def test_figures_count_what_was_opened_begun_and_sent(huerta: Any, other_co: Any, at: datetime) -> None:
    for _time in range(4):
        count_view(workspace_id=huerta.id, key="guia", at=at)
    count_start(workspace_id=huerta.id, key="guia", at=at)
    count_view(workspace_id=huerta.id, key="guia", at=at - timedelta(days=40))
    send(huerta, at)
    figures = form_figures(workspace_id=huerta.id, at=at)["guia"]
    assert (figures.views, figures.starts, figures.sent, figures.rate) == (4, 1, 1, 0.25)
    assert [(str(day), views, sent) for day, views, sent in figures.days] == [("2026-03-10", 4, 1)]
    assert form_figures(workspace_id=other_co.id, at=at) == {}
