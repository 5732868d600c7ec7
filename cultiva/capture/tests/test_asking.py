"""What is asked of whom: conditions, steps, what is known already, and who may be told what is known."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.capture.actions import RequestFacts, archive_form, publish_form
from cultiva.capture.forms import (
    BY_VISITOR,
    CaptureForm,
    Person,
    Shown,
    make_personal_token,
    read_personal_token,
    read_token,
    show_form,
)
from cultiva.capture.holding import take_submission
from cultiva.capture.models import Submission
from cultiva.capture.tests.documents import publish_all
from cultiva.criteria.references import used_by
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead

LATER = timedelta(seconds=30)
FORM = """
form: presupuesto
objective: quote
policy: privacy
fields:
  - {key: email, kind: email, label: {es: Correo}, ask: unknown, prefill: true}
  - {key: phone, kind: phone, label: {es: Teléfono}}
  - {key: crop, kind: choice, label: {es: Cultivo}, choices: [olive, citrus, Otro]}
  - {key: other, kind: text, required: true, label: {es: ¿Cuál?}, when: {attribute: crop, is: otro}}
  - {key: why, kind: text, label: {es: ¿Por qué?}, when: {attribute: other, is_not_empty: true}}
  - {key: about, kind: step, label: {es: Tu empresa}}
  - {key: company, kind: text, required: true, label: {es: Empresa}, ask: unknown, prefill: true}
  - {key: employees, kind: number, required: true, label: {es: Personas}, ask: unknown}
  - {key: town, kind: text, label: {es: Municipio}, ask: unknown}
unknown_at_most: 2
languages:
  es: {title: Presupuesto, button: Enviar, thanks: Gracias}
"""


@pytest.fixture(autouse=True)
def documents(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    publish_form(workspace_id=huerta.id, text=FORM, at=at)


def show(workspace: Any, at: datetime, person: Person | None = None) -> Shown:
    shown = show_form(workspace_id=workspace.id, key="presupuesto", languages=["es"], at=at, person=person)
    assert shown
    return shown


def asked(shown: Shown) -> list[str]:
    return [question.name for question in CaptureForm(shown).questions]


def send(shown: Shown, at: datetime, **answers: str) -> Any:
    posted = {"policy-accepted": "on", **answers}
    form = CaptureForm(shown, posted)
    assert form.is_valid(), form.errors
    return take_submission(
        workspace_id=shown.form.workspace_id, form=shown, cleaned=form.cleaned_data,
        posted={name: [value] for name, value in posted.items()}, request_facts=RequestFacts(), token=shown.token,
        at=at,
    )  # fmt: skip


def known_lead(workspace: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email="ana@example.com", attributes={"company": "Sol", "employees": 12},
        source_kind="api", at=at,
    )  # fmt: skip
    return lead


def test_a_condition_that_does_not_hold_leaves_no_answer(huerta: Any, at: datetime) -> None:
    """`other` is required, but only where it is asked; who forges an answer to it has none."""
    outcome = send(
        show(huerta, at), at + LATER, email="ana@example.com", company="Sol", crop="olive", other="vid", why="x"
    )
    fields = Submission.objects.get(id=outcome.submission_id).fields
    assert fields == {"email": "ana@example.com", "company": "Sol", "crop": "olive"}


def test_conditions_go_from_answer_to_answer(huerta: Any, at: datetime) -> None:
    form = CaptureForm(
        show(huerta, at), {"policy-accepted": "on", "email": "a@example.com", "company": "S", "crop": "Otro"}
    )
    assert list(form.errors) == ["other"]
    outcome = send(
        show(huerta, at), at + LATER, email="a@example.com", company="S", crop="Otro", other="vid", why="me gusta"
    )
    fields = Submission.objects.get(id=outcome.submission_id).fields
    assert (fields["other"], fields["why"]) == ("vid", "me gusta")


def test_a_person_is_named_by_an_address_or_a_telephone(huerta: Any, at: datetime) -> None:
    form = CaptureForm(show(huerta, at), {"policy-accepted": "on", "company": "S"})
    assert list(form.errors) == ["email"]


def test_one_lead_for_a_telephone(huerta: Any, at: datetime) -> None:
    first = send(show(huerta, at), at + LATER, phone="600 000 001", company="Sol")
    second = send(show(huerta, at), at + 2 * LATER, phone="+34 600000001", company="Luna")
    assert first.lead_id == second.lead_id
    lead = Lead.objects.get(id=first.lead_id)
    assert (lead.phone_key, lead.email_key, lead.attributes["company"]) == ("+34600000001", None, "Luna")


def test_a_shared_telephone_beside_an_address_joins_nobody(huerta: Any, at: datetime) -> None:
    ids = {
        send(show(huerta, at), at + LATER, phone="600 000 001", email=f"{name}@example.com", company="Sol").lead_id
        for name in ("ana", "luis")
    }
    assert len(ids) == 2


def test_strangers_are_asked_the_first_of_what_is_not_known(huerta: Any, at: datetime) -> None:
    assert asked(show(huerta, at)) == ["email", "phone", "crop", "other", "why", "company"]


def test_a_browser_that_may_be_known_is_asked_what_is_missing_and_told_nothing(huerta: Any, at: datetime) -> None:
    lead = known_lead(huerta, at)
    shown = show(huerta, at, Person.find(workspace_id=huerta.id, lead_id=lead.id, proof=BY_VISITOR))
    assert asked(shown) == ["email", "phone", "crop", "other", "why", "town"]
    drawn = "".join(str(question) for question in CaptureForm(shown).questions)
    assert "ana@example.com" not in drawn
    assert "Sol" not in drawn
    form = CaptureForm(shown, {"policy-accepted": "on", "town": "Lorca"})
    assert list(form.errors) == ["email"]  # a browser is no proof of who sits before it


def test_who_comes_by_their_own_link_need_not_say_who_they_are(huerta: Any, at: datetime) -> None:
    lead = known_lead(huerta, at)
    token = make_personal_token(workspace_id=huerta.id, lead_id=lead.id, at=at)
    shown = show(huerta, at, read_personal_token(workspace_id=huerta.id, token=token, at=at))
    assert asked(shown) == ["phone", "crop", "other", "why", "town"]
    again = read_token(workspace="huerta", key="presupuesto", token=shown.token, at=at + LATER)
    assert send(again, at + LATER, town="Lorca").lead_id == lead.id
    assert Lead.objects.get(id=lead.id).attributes["town"] == "Lorca"


def test_a_personal_link_ends_and_belongs_to_one_workspace(huerta: Any, other_co: Any, at: datetime) -> None:
    lead = known_lead(huerta, at)
    token = make_personal_token(workspace_id=huerta.id, lead_id=lead.id, at=at)
    assert read_personal_token(workspace_id=huerta.id, token=token, at=at + timedelta(days=29))
    assert read_personal_token(workspace_id=huerta.id, token=token, at=at + timedelta(days=31)) is None
    assert read_personal_token(workspace_id=other_co.id, token=token, at=at) is None
    assert read_personal_token(workspace_id=huerta.id, token=token[:-1] + "x", at=at) is None


def test_who_writes_another_address_is_another_person(huerta: Any, at: datetime) -> None:
    """A personal link that was passed on."""
    lead = known_lead(huerta, at)
    token = make_personal_token(workspace_id=huerta.id, lead_id=lead.id, at=at)
    shown = show(huerta, at, read_personal_token(workspace_id=huerta.id, token=token, at=at))
    assert send(shown, at + LATER, email="luis@example.com").lead_id != lead.id


def test_steps_keep_the_order_and_the_boxes_come_last(huerta: Any, at: datetime) -> None:
    steps = CaptureForm(show(huerta, at)).steps
    assert [step.title for step in steps] == ["", "Tu empresa"]
    assert [part.kind for part in steps[-1].parts] == ["question", "consent"]


def test_a_form_says_what_it_uses_until_it_is_archived(huerta: Any, at: datetime) -> None:
    assert [user.key for user in used_by(workspace_id=huerta.id, kind="magnet", key="guia-riego")] == ["guia"]
    archive_form(workspace_id=huerta.id, key="guia", by="user:1", at=at)
    assert used_by(workspace_id=huerta.id, kind="magnet", key="guia-riego") == []
    assert show_form(workspace_id=huerta.id, key="guia", languages=["es"], at=at) is None
