"""Forms in other people's pages and programs: embeds, static posts, JSON, and calls written for HubSpot."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.api_keys import create_api_key
from cultiva.capture.actions import publish_form
from cultiva.capture.forms import Shown, guid_of, make_personal_token, make_static_token, show_form
from cultiva.capture.guarding import LIMITS
from cultiva.capture.models import FormUpload, HeldSubmission, Submission
from cultiva.capture.tests.documents import FORM, publish_all
from cultiva.consent.models import ConsentState, Evidence
from cultiva.events.actions import visitor_of
from cultiva.events.sources import create_source
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.models import Lead
from cultiva.magnets.models import Referral
from cultiva.magnets.referrals import referral_mark
from cultiva.magnets.tests.cast import grant, lead
from cultiva.magnets.tests.cast import publish as offer
from cultiva.public.tests.conftest import ANSWERS, Visitor, Watch

SITE, EVIL = "https://www.huerta.example", "https://evil.example"
DATA = "/f/huerta/guia/data"
MORE = f"origins: ['{SITE}']\nsubscriptions: {{999: marketing}}\n"
PHONE = "  - {key: phone, kind: phone, label: {es: Teléfono, en: Phone}}\n  - {key: company,"


@pytest.fixture(autouse=True)
def documents(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    publish_form(workspace_id=huerta.id, text=FORM.replace("  - {key: company,", PHONE) + MORE, at=at)


def post(client: Client, path: str, body: Any, origin: str = SITE, **headers: str) -> Any:
    sent = {"Origin": origin, **headers} if origin else headers
    return client.post(path, json.dumps(body), content_type="application/json", headers=sent)


def shown_now(workspace: Any, at: datetime) -> Shown:
    shown = show_form(workspace_id=workspace.id, key="guia", languages=["es"], at=at)
    assert shown
    return shown


def test_an_embed_gets_the_form_and_sends_it(client: Client, watch: Watch, huerta: Any) -> None:
    given = client.get(f"{DATA}?draw=1&lang=es", headers={"Origin": SITE})
    assert given["Access-Control-Allow-Origin"] == SITE
    assert "Origin" in given["Vary"]
    assert not given.cookies
    token = re.findall(r'"name": "form-token", "value": "([^"]+)"', given.content.decode())[0]
    watch.pass_time(seconds=20)
    page = f"{SITE}/blog?utm_source=boletin"
    answer = client.post(f"{DATA}?draw=1", {**ANSWERS, "form-token": token, "page-url": page}, headers={"Origin": SITE})
    assert answer.status_code == 200, answer.content
    assert answer.json()["ok"]
    assert "/d/" in answer.json()["download"]
    payload = Evidence.objects.get(act="policy_accepted").payload.payload
    assert (payload["page_url"], payload["action"]) == (page, "checkbox")
    assert Submission.objects.get(workspace_id=huerta.id).via == "embed"
    wrong = client.post(f"{DATA}?draw=1", {"form-token": token, "email": "x"}, headers={"Origin": SITE})
    assert wrong.status_code == 422
    assert {"email", "first_name", "policy-accepted"} <= set(wrong.json()["error"]["fields"])
    assert "tree" in wrong.json()


@pytest.mark.parametrize("door", ["embed", "program"])
def test_who_was_brought_by_a_personal_link_may_sign_up_on_the_sites_own_page(
    client: Client, watch: Watch, huerta: Any, door: str
) -> None:
    """The link may lead to a page of the company with `?ref=`: the form in it, or the site's server, says so."""
    offer(huerta, "referral", watch.now)
    given = grant(lead(huerta, watch.now, "owner@example.com"), "referral", watch.now)
    page = f"{SITE}/amigos?ref={referral_mark(given)}"
    token = shown_now(huerta, watch.now).token
    watch.pass_time(seconds=20)
    if door == "embed":
        sent = {**ANSWERS, "form-token": token, "page-url": page}
        answer = client.post(f"{DATA}?draw=1", sent, headers={"Origin": SITE})
    else:
        answer = post(client, DATA, {"token": token, "page_url": page, "fields": ANSWERS})
    assert answer.status_code == 200, answer.content
    brought = Referral.objects.get(workspace_id=huerta.id)
    assert (brought.lead.email_key, brought.grant_id) == ("ana@example.com", given.id)


@pytest.mark.parametrize("origin", [EVIL, "null", "http://www.huerta.example", SITE + ".evil.example", SITE + ":8443"])
def test_a_foreign_origin_reads_and_sends_nothing(client: Client, watch: Watch, huerta: Any, origin: str) -> None:
    token = shown_now(huerta, watch.now).token
    watch.pass_time(seconds=20)
    answers = [
        client.get(DATA, headers={"Origin": origin}),
        post(client, DATA, {"token": token, "fields": ANSWERS}, origin),
        client.options(DATA, headers={"Origin": origin}),
        client.post("/f/huerta/guia", {**ANSWERS, "form-token": token}, headers={"Origin": origin}),
        post(client, f"/submissions/v3/integration/submit/{huerta.id}/{guid_of(huerta.id, 'guia')}", {}, origin),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 204, 403, 403]
    assert not any("Access-Control-Allow-Origin" in answer for answer in answers)
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_a_preflight_names_what_may_be_sent(client: Client) -> None:
    answer = client.options(DATA, headers={"Origin": SITE})
    assert (answer["Access-Control-Allow-Methods"], answer["Access-Control-Allow-Headers"]) == (
        "GET, POST",
        "content-type",
    )
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_program_without_an_origin_shows_its_key(client: Client, watch: Watch, huerta: Any, other_co: Any) -> None:
    body = {
        "token": make_static_token(shown_now(huerta, watch.now)),
        "fields": {**ANSWERS, "crop": ["olive"], "purpose-phone": True},
        "page_url": f"{SITE}/alta", "ip": "203.0.113.9", "user_agent": "Kiosk",
    }  # fmt: skip
    assert post(client, DATA, body, "").status_code == 403
    _, foreign = create_api_key(
        workspace_id=other_co.id, name="x", scopes=["leads:write"], by="user:1", at=watch.now, expires_at=None
    )
    assert post(client, DATA, body, "", Authorization=f"Bearer {foreign}").status_code == 403
    _, secret = create_api_key(
        workspace_id=huerta.id, name="x", scopes=["leads:write"], by="user:1", at=watch.now, expires_at=None
    )
    assert post(client, DATA, body, "", Authorization=f"Bearer {secret}").status_code == 200
    payload = Evidence.objects.get(act="policy_accepted").payload.payload
    assert (payload["ip"], payload["user_agent"], payload["action"]) == ("203.0.113.9", "Kiosk", "api")
    assert ConsentState.objects.get(purpose="phone").state == "given"


def test_a_static_post_is_one_submission_for_ten_minutes(
    client: Client, watch: Watch, huerta: Any, at: datetime
) -> None:
    token = make_static_token(shown_now(huerta, watch.now))
    page = {"Origin": SITE, "Referer": f"{SITE}/contacto"}

    def send(**changes: str) -> Any:
        return client.post("/f/huerta/guia", {**ANSWERS, "form-token": token, **changes}, headers=page)

    assert [send().status_code for _ in range(2)] == [303, 303]
    watch.pass_time(minutes=9)
    assert send(email="ANA@example.com").status_code == 303
    assert Submission.objects.filter(workspace_id=huerta.id).count() == 1
    LIMITS.sent.clear()
    assert send(company="Luna").status_code == 303
    watch.pass_time(minutes=11)
    assert send().status_code == 303
    assert Submission.objects.filter(workspace_id=huerta.id, via="post").count() == 3
    assert Evidence.objects.filter(act="policy_accepted")[0].payload.payload["page_url"] == f"{SITE}/contacto"
    publish_form(workspace_id=huerta.id, text=FORM, at=at)  # the site is no longer on the list
    assert send(company="Sol 2").status_code == 403


def test_too_much_from_one_connection_is_told_when_to_come_again(visitor: Visitor, huerta: Any) -> None:
    for n in range(5):
        assert visitor.send(email=f"a{n}@example.com").status_code == 303
    answer = visitor.send(email="a6@example.com")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert 'value="a6@example.com"' in answer.content.decode()
    assert Lead.objects.filter(workspace_id=huerta.id).count() == 5


def hubspot(**changes: Any) -> dict[str, Any]:
    consent = {
        "consentToProcess": True, "text": "Acepto que Huerta trate mis datos",
        "communications": [{"value": True, "subscriptionTypeId": 999, "text": "Quiero recibir novedades"}],
    }  # fmt: skip
    return {
        "submittedAt": "1768471200000",
        "fields": [
            {"objectTypeId": "0-1", "name": "email", "value": "ana@example.com"},
            {"objectTypeId": "0-1", "name": "firstname", "value": "Ana"},
            {"name": "score", "value": "100"},
        ],
        "context": {"hutk": "60c2", "ipAddress": "203.0.113.7", "pageUri": f"{SITE}/guia?utm_source=blog"},
        "legalConsentOptions": {"consent": consent},
        "skipValidation": False,
    } | changes


def test_a_call_written_for_hubspot_makes_a_lead_with_the_words_it_showed(
    client: Client, watch: Watch, huerta: Any
) -> None:
    path = f"/submissions/v3/integration/submit/{huerta.id}/{guid_of(huerta.id, 'guia')}"
    answer = post(client, path, hubspot())
    assert (answer.status_code, answer.json()) == (200, {"inlineMessage": "¡Gracias! Tu guía está lista."})
    assert answer["Access-Control-Allow-Origin"] == SITE
    lead = Lead.objects.get(workspace_id=huerta.id)
    assert (lead.email, lead.attributes["first_name"], "score" in lead.attributes) == ("ana@example.com", "Ana", False)
    labels = {
        each.act: each.payload.payload["checkbox_label_text"] for each in Evidence.objects.filter(lead_id=lead.id)
    }
    assert labels == {"policy_accepted": "Acepto que Huerta trate mis datos", "given": "Quiero recibir novedades"}
    assert post(client, path, hubspot()).status_code == 200
    assert Submission.objects.filter(workspace_id=huerta.id, via="hubspot").count() == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"legalConsentOptions": None}, 400),
        ({"legalConsentOptions": {"consent": {"consentToProcess": True}}}, 400),
        ({"legalConsentOptions": {"legitimateInterest": {"value": True, "text": "x"}}}, 400),
        ({"fields": "x"}, 400),
        ({"fields": [{"name": "purpose-phone", "value": "on"}]}, 400),
        ({"fields": [{"name": "email", "value": "a\x00"}]}, 400),
    ],
)
def test_a_call_without_consent_or_sense_is_refused(
    client: Client, watch: Watch, huerta: Any, changes: dict[str, Any], status: int
) -> None:
    path = f"/submissions/v3/integration/submit/{huerta.id}/{guid_of(huerta.id, 'guia')}"
    assert post(client, path, hubspot(**changes)).status_code == status
    other = path[:-1] + ("1" if path.endswith("0") else "0")
    assert post(client, other, hubspot()).status_code == 404
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_a_server_calls_with_its_key(client: Client, watch: Watch, huerta: Any) -> None:
    path = f"/submissions/v3/integration/secure/submit/{huerta.id}/{guid_of(huerta.id, 'guia')}"
    assert post(client, path, hubspot(), "").status_code == 403
    _, secret = create_api_key(
        workspace_id=huerta.id, name="x", scopes=["leads:write"], by="user:1", at=watch.now, expires_at=None
    )
    assert post(client, path, hubspot(), "", Authorization=f"Bearer {secret}").status_code == 200
    assert Evidence.objects.get(act="given").payload.payload["ip"] == "203.0.113.7"


def test_a_browser_that_consented_is_asked_less_and_told_nothing(client: Client, watch: Watch, huerta: Any) -> None:
    text = FORM.replace("  - {key: company,", "  - {key: company, ask: unknown, prefill: true,") + MORE
    publish_form(workspace_id=huerta.id, text=text, at=watch.now)
    lead, _ = save_lead(
        workspace_id=huerta.id,
        email="ana@example.com",
        attributes={"company": "Soles"},
        source_kind="api",
        at=watch.now,
    )
    source, key = create_source(workspace_id=huerta.id, key="web", name="Web", at=watch.now)
    visitor = visitor_of(workspace_id=huerta.id, source_id=source.id, anonymous_id="7" * 36)
    link_visitor(workspace_id=huerta.id, visitor=visitor, lead_id=lead.id, at=watch.now)

    def asked(query: str) -> list[str]:
        answer = client.get(DATA + query, headers={"Origin": SITE})
        assert "ana@example.com" not in answer.content.decode()
        assert "Soles" not in answer.content.decode()
        return [field["key"] for field in answer.json()["fields"]]

    assert "company" in asked("")
    assert "company" in asked(f"?visitor={'8' * 36}&key={key}")
    assert "company" not in asked(f"?visitor={'7' * 36}&key={key}")


def test_a_personal_link_fills_in_what_was_said(client: Client, watch: Watch, huerta: Any) -> None:
    text = FORM.replace("  - {key: company,", "  - {key: company, prefill: true,")
    publish_form(workspace_id=huerta.id, text=text, at=watch.now)
    lead, _ = save_lead(
        workspace_id=huerta.id,
        email="ana@example.com",
        attributes={"company": "Soles"},
        source_kind="api",
        at=watch.now,
    )
    token = make_personal_token(workspace_id=huerta.id, lead_id=lead.id, at=watch.now)
    page = client.get(f"/f/huerta/guia?for={token}")
    assert 'value="Soles"' in page.content.decode()
    assert "ana@example.com" not in page.content.decode()
    assert page["X-Robots-Tag"] == "noindex"
    for wrong in (token[:-2] + "xx", "x", ""):
        assert "Soles" not in client.get(f"/f/huerta/guia?for={wrong}").content.decode()


def test_a_refused_file_keeps_the_rest_of_the_form(visitor: Visitor, huerta: Any, at: datetime) -> None:
    text = FORM.replace(
        "languages:", "  - {key: plan, kind: file, most_mb: 1, label: {es: Plano, en: Plan}}\nlanguages:", 1
    )
    publish_form(workspace_id=huerta.id, text=text, at=at)
    for content, words in (
        (b"MZ\x90\x00", "A file of this sort is not taken"),
        (b"%PDF-" + b"x" * 11 * 1024 * 1024, "The file is larger than 1 MB"),
    ):
        answer = visitor.send("?lang=en", plan=SimpleUploadedFile("plano.pdf", content), company="Camión")  # type: ignore[arg-type]
        assert answer.status_code == 422
        assert 'value="Camión"' in answer.content.decode()
        assert words in answer.content.decode()
    sent = visitor.send(plan=SimpleUploadedFile("plano.pdf", b"%PDF-1.4"))  # type: ignore[arg-type]
    assert sent.status_code == 303
    assert FormUpload.objects.get(workspace_id=huerta.id).name == "plano.pdf"


def test_a_form_may_send_people_on_and_be_framed_where_it_is_allowed(
    visitor: Visitor, huerta: Any, at: datetime
) -> None:
    text = FORM + MORE + "then: {redirect: https://shop.example/gracias?x=1}\n"
    publish_form(workspace_id=huerta.id, text=text, at=at)
    policy = visitor.open()["Content-Security-Policy"]
    assert f"frame-ancestors {SITE};" in policy + ";"
    assert "form-action 'self' https://shop.example" in policy
    assert "X-Frame-Options" not in visitor.open()
    assert visitor.send()["Location"] == "https://shop.example/gracias?x=1"
    publish_form(workspace_id=huerta.id, text=FORM + "then: download\n", at=at)
    assert visitor.send(email="b@example.com")["Location"].startswith("/d/")
    assert "frame-ancestors 'none'" in visitor.open()["Content-Security-Policy"]


def test_who_is_suspected_cannot_tell(visitor: Visitor, huerta: Any) -> None:
    visitor.open()
    fast = visitor.client.post(visitor.path, {**ANSWERS, **visitor.hidden})
    assert fast.status_code == 303
    assert HeldSubmission.objects.get(workspace_id=huerta.id).reason == "too_fast"
    believed = visitor.send()
    assert fast["Location"].rpartition("/")[0] == believed["Location"].rpartition("/")[0]
