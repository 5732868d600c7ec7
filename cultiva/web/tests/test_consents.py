"""Screens of consent: the proof of one lead, the workspace's picture, policies and boxes, the suppression list."""

import hashlib
import io
import json
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role
from cultiva.consent import check_proof
from cultiva.consent.actions import (
    can_contact,
    confirm,
    confirmation_token,
    publish_policy,
    publish_purpose,
    record_consents,
    request_confirmation,
    withdraw,
)
from cultiva.consent.evidence import Circumstances
from cultiva.consent.keys import published_keys
from cultiva.consent.models import PolicyVersion, PurposeVersion, Suppression
from cultiva.consent.rules import publish_rules, rules_of
from cultiva.consent.tests.conftest import prove
from cultiva.consent.tests.documents import MARKETING, PHONE, POLICY
from cultiva.events.sources import create_source
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lifecycle.models import StageChange
from cultiva.sales.models import HandOver

HOUR = timedelta(hours=1)


@pytest.fixture
def staff(huerta: Any, client: Client, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """staff(role): a signed-in colleague of that role."""
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at + 5 * HOUR)

    def sign_in(role: str = Role.OWNER) -> Client:
        user = create_user(email=f"{role}@huerta.example", full_name=role, language="en", at=at)
        grant_role(workspace_id=huerta.id, user=user, role=role, at=at)
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    policy = publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    boxes = [publish_purpose(workspace_id=huerta.id, text=text, at=at) for text in (MARKETING, PHONE)]
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@example.com", attributes={"first_name": "Ana"}, language="es",
        source_kind="form", at=at,
    )  # fmt: skip
    record_consents(
        workspace_id=huerta.id, lead_id=lead.id, policy=policy, purposes=boxes, language="es", at=at,
        circumstances=Circumstances(form="guia", form_version=1, ip="203.0.113.9", page_url="https://h.example/guia"),
    )  # fmt: skip
    asked = request_confirmation(workspace_id=huerta.id, lead_id=lead.id, at=at)
    assert asked
    confirm(token=confirmation_token(asked), at=at + HOUR)
    withdraw(workspace_id=huerta.id, lead_id=lead.id, purpose="phone", channel="phone", at=at + 2 * HOUR)
    return lead


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:2000]
    return str(answer.content.decode())


def test_the_proof_of_a_lead_shows_the_exact_text_version_hash_time_ip_and_page(staff: Any, ana: Lead) -> None:
    page = text_of(staff().get(f"/leads/{ana.id}/consent"))
    for words in (
        "Quiero recibir consejos y ofertas por correo electrónico", "He leído y acepto", "203.0.113.9",
        "https://h.example/guia", "withdrew consent", "The chain is whole", "Tres años desde tu último contacto",
        "not sealed yet",
    ):  # fmt: skip
        assert words in page, words
    assert f"/leads/{ana.id}/consent" in text_of(staff("marketing").get(f"/leads/{ana.id}"))


def test_an_analyst_sees_no_personal_data_in_the_proof_and_takes_no_bundle(staff: Any, ana: Lead) -> None:
    client = staff("analyst")
    page = text_of(client.get(f"/leads/{ana.id}/consent"))
    assert "203.0.113.9" not in page
    assert "Ana" not in page
    assert client.get(f"/leads/{ana.id}/consent.zip").status_code == 403


def test_staff_exports_the_proof_and_verifies_it_offline(staff: Any, huerta: Any, ana: Lead) -> None:
    answer = staff("privacy").get(f"/leads/{ana.id}/consent.zip")
    assert answer["Content-Disposition"] == f'attachment; filename="consent-{ana.id}.zip"'
    facts, problems = check_proof.check(io.BytesIO(answer.content), json.dumps(published_keys(huerta)))
    assert (facts["acts"], problems) == (5, [])


def test_who_is_to_call_sees_the_consent_to_calls_with_its_date_and_age_and_when_to_ask_first(
    staff: Any, huerta: Any, ana: Lead, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rules(workspace_id=huerta.id, text="consent_rules: workspace\njurisdiction: ES", at=at)
    change = StageChange.objects.create(
        workspace_id=huerta.id, lead_id=ana.id, ordinal=1, from_stage="lead", to_stage="sql", cycle=1, at=at, by="guard"
    )  # fmt: skip
    HandOver.objects.create(
        workspace_id=huerta.id, lead_id=ana.id, stage_change_id=change.id, created_at=at, due_at=at + HOUR
    )  # fmt: skip
    client = staff(Role.SALES)

    def shown() -> str:
        page = text_of(client.get(f"/leads/{ana.id}"))
        task = page[page.index("Hand-over to sales") : page.index('class="row row-cards"')]
        found = re.search(r"Podéis llamarme.*?</p>|You may call me.*?</p>", task, re.DOTALL)
        assert found, task
        return unescape(found[0])

    assert "withdrew it" in shown()
    record_consents(
        workspace_id=huerta.id, lead_id=ana.id, policy=PolicyVersion.currents(huerta.id).get(),
        purposes=[PurposeVersion.currents(huerta.id).get(key="phone")], language="es", at=at + 3 * HOUR,
        circumstances=Circumstances(form="guia"),
    )  # fmt: skip
    prove(ana, at + 4 * HOUR)
    assert re.search(r"consent given on .*, 2\sh ago", shown())
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at + timedelta(days=25 * 31))
    assert re.search(r"agreed too long ago: ask again · consent given on .*, 774\sd 21\sh ago", shown())


def test_the_person_gets_their_receipt_and_the_keys_are_published(staff: Any, huerta: Any, ana: Lead) -> None:
    page = text_of(staff().get(f"/leads/{ana.id}/consent"))
    link = page.partition('href="/c/receipt/')[2].partition('"')[0]
    visitor = Client()
    answer = visitor.get(f"/c/receipt/{link}")
    assert answer["Content-Type"] == "application/ld+json"
    receipt = answer.json()
    keys = visitor.get("/.well-known/consent-keys/huerta.json").json()["keys"]
    assert receipt["proof"]["kid"] in {each["kid"] for each in keys}
    assert "d" not in keys[0]  # the private part
    assert visitor.get(f"/c/receipt/{link[:-1]}").status_code == 404
    assert visitor.get("/.well-known/consent-keys/nobody.json").status_code == 404


def test_the_picture_of_the_workspace_counts_by_source_and_over_time(staff: Any, ana: Lead) -> None:
    client = staff("analyst")
    page = text_of(client.get("/consents"))
    assert "Waiting for the confirmation" in page
    assert page.count('<svg class="chart chart-axis') == 3
    assert "Form" in page
    assert 'aria-current="true"' in text_of(client.get("/consents?source=form"))
    decided = text_of(client.get("/consents/decisions"))
    assert "a ticked box: 1" in decided
    assert "withdrew it: 1" in decided


def test_who_was_brought_by_others_is_told_within_a_month_or_staff_see_it(
    staff: Any, huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    eva, _ = save_lead(
        workspace_id=huerta.id, email="eva@example.com", attributes={"first_name": "Eva"}, language="es",
        source_kind="import", at=at,
    )  # fmt: skip
    client = staff()
    proof = f"/leads/{eva.id}/consent"
    page = text_of(client.get(proof))
    assert "To be told by 10 Apr 2026" in page
    assert "where their data come from" not in text_of(client.get("/consents/decisions"))
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at + timedelta(days=32))
    assert "They had to be told by 10 Apr 2026" in text_of(client.get(proof))
    assert f'href="{proof}">Eva</a>' in text_of(client.get("/consents/decisions"))
    page = text_of(client.post(f"{proof}/change", {"what": "informed", "how": " "}, follow=True))
    assert "Nothing says why" in page
    page = text_of(client.post(f"{proof}/change", {"what": "informed", "how": "By letter"}, follow=True))
    assert "Told by staff, on 11 Apr 2026" in page
    assert "was told where their data come from" in page
    assert "where their data come from" not in text_of(client.get("/consents/decisions"))


def test_a_policy_is_begun_from_a_starter_previewed_and_published(staff: Any, huerta: Any) -> None:
    client = staff()
    draft = text_of(client.post("/settings/policies/starter", {
        "jurisdiction": "ES", "name": "Huerta, S.L.", "address": "Calle 1, Valencia", "email": "p@huerta.example",
    }))  # fmt: skip
    assert "Huerta, S.L." in draft
    assert not PolicyVersion.objects.exists()
    form = client.post("/settings/policies/starter", {
        "jurisdiction": "ES", "name": "Huerta, S.L.", "address": "Calle 1, Valencia", "email": "p@huerta.example",
    }).context["form"]  # fmt: skip
    sent = {name: form[name].value() or "" for name in form.fields}
    preview = text_of(client.post("/settings/policies/new", sent | {"what": "preview"}))
    assert "Nothing is published yet." in preview
    assert not PolicyVersion.objects.exists()
    assert client.post("/settings/policies/new", sent | {"what": "publish"}).status_code == 302
    version = PolicyVersion.current(huerta.id, "privacy")
    assert version
    assert set(version.body["languages"]) == {"es", "en"}
    again = sent | {"label_es": "He leído y acepto la nueva política", "what": "publish"}
    assert client.post("/settings/policies/of/privacy/edit", again).status_code == 302
    page = text_of(client.get("/settings/policies/of/privacy"))
    assert "<ins>" in page
    assert "He leído y acepto la nueva política" in page
    missing = sent | {"first_layer_es": "Responsable: Huerta", "what": "publish"}
    refused = client.post("/settings/policies/of/privacy/edit", missing)
    assert refused.status_code == 422
    assert "«Finalidad»" in refused.content.decode()


def test_a_box_is_put_in_force_or_written_with_its_legal_bases(staff: Any, huerta: Any) -> None:
    client = staff("marketing")
    assert client.post("/settings/purposes/starter", {"key": "marketing"}).status_code == 302
    assert client.post("/settings/purposes/starter", {"key": "nonsense"}).status_code == 404
    sent = {
        "key": "news", "channel": "email", "position": "2", "bases": ["consent", "soft_opt_in"],
        "label_es": "Quiero novedades", "label_en": "I want news",
    }  # fmt: skip
    assert "Nothing is published yet." in text_of(client.post("/settings/purposes/new", sent | {"what": "preview"}))
    assert client.post("/settings/purposes/new", sent | {"what": "publish"}).status_code == 302
    found = PurposeVersion.current(huerta.id, "news")
    assert found
    assert found.body["bases"] == ["consent", "soft_opt_in"]
    refused = client.post("/settings/purposes/new", sent | {"bases": ["legitimate_interest"], "what": "publish"})
    assert refused.status_code == 422
    assert "Quiero novedades" in text_of(client.get("/settings/purposes/of/news"))
    assert "news" in text_of(client.get("/settings/policies"))


def test_the_law_of_the_workspace_is_chosen(staff: Any, huerta: Any) -> None:
    client = staff()
    assert rules_of(huerta.id).jurisdiction.code == "EU"
    assert client.post("/settings/policies", {"jurisdiction": "MX"}).status_code == 302
    assert rules_of(huerta.id).jurisdiction.code == "MX"
    assert client.post("/settings/policies", {"jurisdiction": "XX"}).status_code == 422


@pytest.mark.parametrize("role", ["sales", "analyst", "client"])
def test_other_roles_look_and_change_nothing(staff: Any, ana: Lead, role: str) -> None:
    client = staff(role)
    for path in ("/settings/policies", "/settings/policies/of/privacy", "/settings/suppressions", "/consents"):
        text_of(client.get(path))
    for path in (
        "/settings/policies", "/settings/policies/new", "/settings/policies/starter", "/settings/purposes/new",
        "/settings/suppressions",
    ):  # fmt: skip
        assert client.post(path, {}).status_code == 403, path
    assert client.get("/settings/suppressions.csv").status_code == 403


def test_addresses_are_suppressed_at_once_one_by_one_and_from_files_plain_or_hashed(
    staff: Any, huerta: Any, ana: Lead, at: datetime
) -> None:
    def reason(email: str) -> str:
        lead, _ = save_lead(workspace_id=huerta.id, email=email, attributes={}, language="es", source_kind="api", at=at)
        found = can_contact(
            workspace_id=huerta.id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at + 5 * HOUR
        )
        return found[lead.id].reason

    client = staff()
    assert client.post("/settings/suppressions", {"what": "one", "email": "one@example.com"}).status_code == 302
    hashed = hashlib.sha256(b"two@example.com").hexdigest()
    content = f"email\nTHREE@example.com\n{hashed.upper()}\nnonsense\n".encode()
    file = SimpleUploadedFile("list.csv", content)
    sent = client.post("/settings/suppressions", {"what": "many", "file": file, "reason": "objection"}, follow=True)
    page = text_of(sent)
    assert "2 lines are in force" in page
    assert "4: nonsense" in page
    assert [reason(f"{name}@example.com") for name in ("one", "two", "three", "four")] == [
        "objected", "objected", "objected", "not_valid",
    ]  # fmt: skip
    assert reason("ana@example.com") == ""
    exported = client.get("/settings/suppressions.csv").content.decode()
    assert exported.splitlines()[0] == "address_hash,reason,created_at"
    assert "example.com" not in exported
    own = Suppression.objects.get(reason="manual")
    client.post(f"/settings/suppressions/{own.id}/lift")
    assert reason("one@example.com") == "not_valid"
    theirs = Suppression.objects.get(reason="objection")
    client.post(f"/settings/suppressions/{theirs.id}/lift")  # what they said themselves stays
    assert reason("three@example.com") == "objected"


def test_an_exclusion_register_is_read_from_its_hashed_file_and_taken_away(staff: Any, huerta: Any) -> None:
    client = staff()
    client.post("/settings/policies", {"jurisdiction": "ES"})
    assert "robinson" in text_of(client.get("/settings/suppressions"))
    file = SimpleUploadedFile("robinson.csv", hashlib.sha256(b"a@example.com").hexdigest().encode() + b"\n")
    page = text_of(client.post("/settings/suppressions", {"what": "register", "key": "robinson", "register": file},
                               follow=True))  # fmt: skip
    assert "1 lines are in force" in page
    assert client.post("/settings/suppressions/lists/robinson/drop").status_code == 302
    assert "Until its file is read" in text_of(client.get("/settings/suppressions"))
    broken = SimpleUploadedFile("x.csv", b"\xff\xfe\x00a")
    refused = client.post("/settings/suppressions", {"what": "register", "key": "robinson", "register": broken})
    assert refused.status_code == 422


def test_what_staff_are_told_is_recorded_with_its_proof(staff: Any, huerta: Any, ana: Lead, at: datetime) -> None:
    def decision(purpose: str) -> Any:
        found = can_contact(
            workspace_id=huerta.id, lead_ids=[ana.id], purpose=purpose, channel="email", at=at + 5 * HOUR
        )
        return found[ana.id]

    client = staff("sales")
    news = "purpose: news\nchannel: email\nbases: [consent, soft_opt_in]\nlanguages:\n  es: {label: Novedades}"
    publish_purpose(workspace_id=huerta.id, text=news, at=at)
    path = f"/leads/{ana.id}/consent/change"
    conditions = {name: "x" for name in (
        "sale", "sold_by", "products", "obtained_by", "opt_out_at_collection", "opt_out_in_messages",
    )}  # fmt: skip
    short = conditions | {"sale": " "}
    page = text_of(client.post(path, {"what": "purchase", "purpose": "news"} | short, follow=True))
    assert "soft opt-in needs" in page
    assert decision("news").reason == "no_basis"
    page = text_of(client.post(path, {"what": "purchase", "purpose": "news"} | conditions, follow=True))
    assert "Recorded, with its proof." in page
    assert decision("news").basis == "soft_opt_in"
    client.post(path, {"what": "contract", "contract": "C-9"})
    assert "has a contract" in text_of(client.get(f"/leads/{ana.id}/consent"))
    client.post(path, {"what": "restrict", "reason": "discute los datos"})
    assert decision("marketing").reason == "restricted"
    client.post(path, {"what": "release", "reason": "aclarado"})
    assert decision("marketing").allowed
    client.post(path, {"what": "withdraw", "purpose": "marketing"})
    assert decision("marketing").reason == "objected"
    client.post(path, {"what": "stop"})
    assert decision("news").reason == "objected"
    assert client.post(path, {"what": "nonsense"}).status_code == 404
    assert client.post(path, {"what": "withdraw", "purpose": "nonsense"}).status_code == 404
    assert staff("analyst").post(path, {"what": "stop"}).status_code == 403


def test_the_cookie_notice_is_seen_before_it_is_published_and_joins_the_snippets(
    staff: Any, huerta: Any, at: datetime
) -> None:
    source, _key = create_source(workspace_id=huerta.id, key="web", name="Web", at=at)
    client = staff()
    page = text_of(client.get("/settings/cookie-notice"))
    assert "Nothing is published yet" in page
    given = {"position": "bottom", "theme": "dark", "colour": "#ffd400", "ask_again_after_months": "6", "reopens": "on"}
    words = {"title": "¿Cookies?", "text": "¿Podemos?", "reject": "No", "accept": "Sí", "reopen": "Cookies"}
    given |= {f"{part}_es": text for part, text in words.items()}
    seen = text_of(client.post("/settings/cookie-notice/preview", given))
    assert "Podemos?" in seen
    assert "sandbox=" in seen
    unsound = text_of(client.post("/settings/cookie-notice/preview", given | {"reject_es": ""}))
    assert "languages.es.reject" in unsound
    assert "data-banner" not in text_of(client.get(f"/settings/sources/{source.id}/connect"))

    refused = client.post("/settings/cookie-notice", given | {"policy_label_es": "Más"})
    assert refused.status_code == 422
    assert "policy_url" in refused.content.decode()
    assert client.post("/settings/cookie-notice", given).status_code == 302
    assert "version 1" in text_of(client.get("/settings/cookie-notice"))
    assert "data-banner" in text_of(client.get(f"/settings/sources/{source.id}/connect"))


def test_only_some_roles_publish_the_cookie_notice(staff: Any) -> None:
    assert staff(Role.SALES).post("/settings/cookie-notice", {"position": "bottom"}).status_code == 403
