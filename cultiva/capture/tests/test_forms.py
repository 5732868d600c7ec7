"""Publishing forms, and taking what is sent through them in one transaction."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.capture.actions import Outcome, RequestFacts, publish_form
from cultiva.capture.forms import CaptureForm, Shown, read_token, show_form
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormVersion, Submission
from cultiva.capture.tests.documents import FORM, publish_all
from cultiva.consent.actions import publish_policy
from cultiva.consent.models import Confirmation, ConsentMark, ConsentState, Evidence
from cultiva.consent.tests.committed import committed_workspace
from cultiva.consent.tests.documents import POLICY
from cultiva.consent.verifying import verify_chain
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.signing import BadLink, ExpiredLink, sign, unsign
from cultiva.magnets.models import Grant

LATER = timedelta(seconds=30)
ANSWERS = {
    "first_name": "Ana",
    "email": "ana@example.com",
    "company": "Sol",
    "crop": "olive",
    "policy-accepted": "on",
    "purpose-marketing": "on",
}
FACTS = RequestFacts(
    page_url="https://huerta.example/f/huerta/guia?utm_source=news",
    referrer="https://search.example/",
    ip="203.0.113.9",
    user_agent="Mozilla/5.0",
    campaign={"source": "news"},
    rendered_html_sha256="7" * 64,
)


@pytest.fixture
def form(huerta: Any, at: datetime) -> FormVersion:
    return publish_all(huerta.id, at)


def show(workspace: Any, at: datetime, language: str = "es") -> Shown:
    shown = show_form(workspace_id=workspace.id, key="guia", languages=[language], at=at)
    assert shown
    return shown


def send(shown: Shown, at: datetime, **answers: str) -> Outcome:
    bound = CaptureForm(shown, ANSWERS | answers)
    assert bound.is_valid(), bound.errors
    return take_submission(
        workspace_id=shown.form.workspace_id,
        form=shown,
        cleaned=bound.cleaned_data,
        posted={name: [value] for name, value in (ANSWERS | answers).items()},
        request_facts=FACTS,
        token=shown.token,
        at=at,
    )


def test_a_submission_leaves_lead_consent_magnet_and_events(huerta: Any, form: FormVersion, at: datetime) -> None:
    outcome = send(show(huerta, at), at + LATER)
    lead = Lead.objects.get(workspace_id=huerta.id)
    assert lead.attributes == {"first_name": "Ana", "company": "Sol", "crop": "olive", "email": "ana@example.com"}
    assert (lead.source_kind, lead.language) == ("form", "es")
    mark = ConsentMark.objects.get(lead_id=lead.id)
    assert (mark.valid_since, mark.confirmed_since, mark.profiled_since) == (at + LATER, None, at + LATER)
    assert list(ConsentState.objects.values_list("purpose", "state")) == [("marketing", "given")]
    assert verify_chain(workspace_id=huerta.id, lead_id=lead.id).length == 2
    assert outcome.grant == Grant.objects.get(lead_id=lead.id)
    submission = Submission.objects.get(lead_id=lead.id)
    assert (submission.form_id, submission.fields["first_name"]) == (form.id, "Ana")
    confirmation = Confirmation.objects.get(lead_id=lead.id)
    events = {event.name: event for event in Event.objects.filter(workspace_id=huerta.id, lead_id=lead.id)}
    assert {name: event.kind for name, event in events.items()} == {
        "identify": "identify",
        "policy_accepted": "consent",
        "given": "consent",
        "confirmation_requested": "consent",
        "magnet_granted": "track",
        "form_submitted": "track",
    }
    assert events["confirmation_requested"].properties == {"confirmation": confirmation.id, "form": "guia"}
    submitted = events["form_submitted"]
    assert submitted.properties == {
        "form": "guia", "objective": "content", "magnet": "guia-riego", "submission": submission.id,
    }  # fmt: skip
    assert (submitted.by, submitted.actor) == ("lead", "human")
    assert submitted.context == {
        "campaign": {"source": "news"},
        "page": {"url": FACTS.page_url, "referrer": FACTS.referrer},
    }


def test_the_same_token_again_answers_as_the_first_time(huerta: Any, form: FormVersion, at: datetime) -> None:
    shown = show(huerta, at)
    first = send(shown, at + LATER)
    again = send(shown, at + 2 * LATER, email="other@example.com")
    assert again == first
    assert Lead.objects.filter(workspace_id=huerta.id).count() == 1
    assert Confirmation.objects.filter(workspace_id=huerta.id).count() == 1
    assert Event.objects.filter(name="form_submitted").count() == 1


def test_a_second_form_of_a_known_lead_asks_for_no_second_magnet(huerta: Any, form: FormVersion, at: datetime) -> None:
    first = send(show(huerta, at), at + LATER)
    second = send(show(huerta, at), at + 2 * LATER, company="", first_name="Ana María")
    assert second.lead_id == first.lead_id
    assert second.grant == first.grant
    lead = Lead.objects.get(workspace_id=huerta.id)
    assert lead.id == first.lead_id
    assert (lead.attributes["company"], lead.attributes["first_name"]) == ("Sol", "Ana María")
    assert Event.objects.filter(name="magnet_granted").count() == 1
    assert Evidence.objects.filter(lead_id=lead.id, act="policy_accepted").count() == 2


@pytest.mark.parametrize(
    ("answers", "wait"),
    [({"company-website": "http://spam.example"}, LATER), ({}, timedelta(milliseconds=1900))],
)
def test_a_suspected_program_leaves_nothing(
    huerta: Any, form: FormVersion, at: datetime, answers: dict[str, str], wait: timedelta,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with caplog.at_level("INFO", logger="cultiva"):
        assert send(show(huerta, at), at + wait, **answers) == Outcome()
    assert "event=form.suspected" in caplog.text
    assert "ana@example.com" not in caplog.text
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    assert not Event.objects.filter(workspace_id=huerta.id).exists()


def test_without_evidence_there_is_no_lead(
    huerta: Any, form: FormVersion, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("cultiva.consent.actions.record_acts", fail)
    with pytest.raises(RuntimeError, match="disk"):
        send(show(huerta, at), at + LATER)
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    assert not Event.objects.filter(workspace_id=huerta.id).exists()


def test_the_token_names_what_was_shown_and_not_what_came_after(huerta: Any, form: FormVersion, at: datetime) -> None:
    shown = show(huerta, at)
    publish_policy(workspace_id=huerta.id, text=POLICY.replace("Tres años", "Diez años"), at=at)
    publish_form(workspace_id=huerta.id, text=FORM.replace("Descargar la guía", "Enviar"), at=at)
    read = read_token(workspace="huerta", key="guia", token=shown.token, at=at + LATER)
    assert (read.form.version, read.policy.version, read.language) == (1, 1, "es")
    assert [purpose.key for purpose in read.purposes] == ["marketing", "phone"]
    send(read, at + LATER)
    assert Evidence.objects.get(act="policy_accepted").payload.payload["policy_version"] == 1
    assert show(huerta, at).policy.version == 2


def test_a_token_lives_a_day_and_belongs_to_one_form_and_workspace(
    huerta: Any, other_co: Any, form: FormVersion, at: datetime
) -> None:
    token = show(huerta, at).token
    assert show(huerta, at).token != token
    assert read_token(workspace="huerta", key="guia", token=token, at=at + timedelta(hours=24))
    with pytest.raises(ExpiredLink):
        read_token(workspace="huerta", key="guia", token=token, at=at + timedelta(hours=24, seconds=1))
    foreign = [("huerta", "otra", token), ("other-co", "guia", token)]
    forged = [("huerta", "guia", token + "x"), ("huerta", "guia", "")]
    _, _, place, _, _, _, *versions = unsign("form", token)
    moved = [("other-co", "guia", sign("form", int(at.timestamp() * 1000), 1, place, 0, 0, other_co.id, *versions))]
    for workspace, key, given in foreign + forged + moved:
        with pytest.raises(BadLink):
            read_token(workspace=workspace, key=key, token=given, at=at)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("policy: privacy", "policy: missing"), "there is no policy `missing`"),
        (("purposes: [marketing, phone]", "purposes: [marketing, fax]"), "there is no purpose `fax`"),
        (("magnet: guia-riego", "magnet: otra"), "there is no magnet `otra`"),
        (("objective: content", "objective: world"), "accepted: content"),
        (("kind: choice", "kind: choise"), "did you mean `choice`?"),
        (("kind: email", "kind: text"), "a person's address"),
        (("key: company", "key: email"), "given twice"),
        (("key: company", "key: purpose-marketing"), "has a hyphen"),
        (("key: company, kind: text", "key: company, kind: text, requird: true"), "did you mean `required`?"),
        (("{es: Empresa, en: Company}", "{es: Empresa}"), "no text in `en`"),
        (("{value: citrus", "{value: olive"), "given twice"),
        (("    button: Descargar la guía\n", ""), "`button` is missing"),
    ],
)
def test_it_says_what_is_wrong_with_a_form(
    huerta: Any, form: FormVersion, at: datetime, change: tuple[str, str], words: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_form(workspace_id=huerta.id, text=FORM.replace(*change), at=at)
    assert words in str(refused.value)


def test_a_form_speaks_no_language_that_its_policy_does_not(huerta: Any, form: FormVersion, at: datetime) -> None:
    only_spanish = POLICY[: POLICY.index("  en:\n")].replace("policy: privacy", "policy: solo-es")
    publish_policy(workspace_id=huerta.id, text=only_spanish, at=at)
    with pytest.raises(DocumentError, match="no text in `en`"):
        publish_form(workspace_id=huerta.id, text=FORM.replace("policy: privacy", "policy: solo-es"), at=at)


def test_another_workspace_sees_no_form(huerta: Any, other_co: Any, form: FormVersion, at: datetime) -> None:
    send(show(huerta, at), at + LATER)
    with workspace_scope(other_co.id):
        assert show_form(workspace_id=other_co.id, key="guia", languages=["es"], at=at) is None
        assert show_form(workspace_id=huerta.id, key="guia", languages=["es"], at=at) is None
        assert not Submission.objects.exists()


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Any]:
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        with workspace_scope(workspace.id):
            publish_all(workspace.id, at)
        yield workspace


def at_once(*calls: Any) -> list[Any]:
    """Run the calls in threads that start together, each with its own connection."""
    start = threading.Barrier(len(calls))

    def run(call: Any) -> Any:
        try:
            start.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_double_click_is_one_submission(committed: Any, at: datetime) -> None:
    with workspace_scope(committed.id):
        shown = show(committed, at)
    outcomes = at_once(*[lambda: send(shown, at + LATER)] * 6)
    assert len({outcome.submission_id for outcome in outcomes}) == 1
    with workspace_scope(committed.id):
        assert Submission.objects.count() == Lead.objects.count() == Confirmation.objects.count() == 1
        assert Event.objects.filter(workspace_id=committed.id).count() == 6


def test_one_person_in_several_tabs_is_one_lead_with_one_whole_chain(committed: Any, at: datetime) -> None:
    with workspace_scope(committed.id):
        tabs = [show(committed, at) for _ in range(6)]
    outcomes = at_once(*(lambda tab=tab: send(tab, at + LATER) for tab in tabs))
    assert len({outcome.lead_id for outcome in outcomes}) == 1
    assert len({outcome.submission_id for outcome in outcomes}) == 6
    with workspace_scope(committed.id):
        assert Grant.objects.count() == 1
        assert Confirmation.objects.count() == 3  # a day's limit
        report = verify_chain(workspace_id=committed.id, lead_id=outcomes[0].lead_id)
        assert (report.is_whole, report.length) == (True, 12)
