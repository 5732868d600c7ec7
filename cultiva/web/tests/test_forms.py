"""Forms on staff screens: begun from a starter, written as a draft, published or refused, used, copied, archived."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.capture import drafts
from cultiva.capture.actions import RequestFacts
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormDraft, FormVersion, HeldSubmission
from cultiva.capture.tests.documents import publish_all
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.web.tests.test_screens import signed_in


@pytest.fixture(autouse=True)
def documents(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)
    publish_all(huerta.id, at)


@pytest.fixture
def client(huerta: Any, at: datetime) -> Client:
    return signed_in(huerta, Role.MARKETING, at)


def draft(client: Client, key: str) -> dict[str, Any]:
    page = client.get(f"/forms/of/{key}/edit").content.decode()
    start = page.index('<script id="builder" type="application/json">') + len(
        '<script id="builder" type="application/json">'
    )
    return dict(json.loads(page[start : page.index("</script>", start)]))


@pytest.mark.parametrize("name", drafts.STARTERS)
def test_every_starter_can_be_published_as_it_is(client: Client, huerta: Any, name: str) -> None:
    answer = client.post("/forms/new", {"name": f"Mi {name}", "template": name})
    assert answer["Location"] == f"/forms/of/mi-{name}/edit"
    assert draft(client, f"mi-{name}")["problems"] == []
    assert "<form" in client.get(f"/forms/of/mi-{name}/preview?lang=en").content.decode()
    assert client.post(f"/forms/of/mi-{name}/publish")["Location"] == f"/forms/of/mi-{name}/use"
    version = FormVersion.objects.get(workspace_id=huerta.id, key=f"mi-{name}")
    assert set(version.body["languages"]) == {"es", "en"}
    assert not FormDraft.objects.filter(workspace_id=huerta.id).exists()


def test_a_draft_says_what_is_wrong_and_keeps_what_was_written(client: Client, huerta: Any) -> None:
    client.post("/forms/new", {"name": "Alta", "template": "newsletter"})
    document = draft(client, "alta")["document"]
    document["fields"][0]["kind"] = "emial"
    answer = client.post("/forms/of/alta/edit", {"document": json.dumps(document)})
    assert "did you mean `email`?" in answer.json()["problems"][0]
    assert draft(client, "alta")["document"]["fields"][0]["kind"] == "emial"
    assert "did you mean `email`?" in client.get("/forms/of/alta/preview").content.decode()
    assert client.post("/forms/of/alta/publish")["Location"] == "/forms/of/alta/edit"
    assert not FormVersion.objects.filter(workspace_id=huerta.id, key="alta").exists()
    for wrong in ("", "[]", "{", json.dumps({**document, "form": "otra"})):
        assert client.post("/forms/of/alta/edit", {"document": wrong}).status_code == 422


def test_publishing_names_the_legal_part_that_is_missing_in_the_forms_language(client: Client, huerta: Any) -> None:
    client.post("/forms/new", {"name": "Alta", "template": "newsletter"})
    document = draft(client, "alta")["document"]
    document["policy"] = ""
    problems = client.post("/forms/of/alta/edit", {"document": json.dumps(document)}).json()["problems"]
    assert any("base jurídica" in each for each in problems)
    assert any("legal basis" in each for each in problems)
    page = client.post("/forms/of/alta/publish", follow=True).content.decode()
    assert "plazo de conservación" in page
    assert not FormVersion.objects.filter(workspace_id=huerta.id, key="alta").exists()


def test_a_question_for_sensitive_data_is_pointed_out_and_kept(client: Client) -> None:
    document = draft(client, "guia")["document"]
    document["fields"].append({"key": "x", "kind": "text", "label": {"es": "Tu DNI", "en": "Your passport"}})
    answer = client.post("/forms/of/guia/edit", {"document": json.dumps(document)}).json()
    assert answer["problems"] == []
    assert ["«x»" in hint and "identity number" in hint for hint in answer["hints"]] == [True]
    assert draft(client, "guia")["hints"] == answer["hints"]


def test_versions_tell_what_changed(client: Client) -> None:
    document = draft(client, "guia")["document"]
    document["languages"]["es"]["button"] = "Quiero la guía"
    document["fields"].append({"key": "town", "kind": "text", "label": {"es": "Municipio", "en": "Town"}})
    assert client.post("/forms/of/guia/edit", {"document": json.dumps(document)}).json()["problems"] == []
    assert "Descargar la guía" in client.get("/f/huerta/guia").content.decode()  # the draft is nobody's yet
    assert client.post("/forms/of/guia/publish")["Location"] == "/forms/of/guia"
    page = client.get("/forms/of/guia").content.decode()
    assert "languages.es.button" in page
    assert '<del class="text-secondary">Descargar la guía</del> <ins>Quiero la guía</ins>' in page
    assert "Municipio" in page
    assert "Quiero la guía" in client.get("/f/huerta/guia").content.decode()


def test_a_form_is_copied_archived_and_brought_back(client: Client, huerta: Any) -> None:
    assert client.post("/forms/of/guia/copy", {"name": "Otra guía"})["Location"] == "/forms/of/otra-guia/edit"
    assert draft(client, "otra-guia")["document"]["magnet"] == "guia-riego"
    client.post("/forms/of/guia/archive")
    assert client.get("/f/huerta/guia").status_code == 404
    assert client.get("/forms/of/guia/use").status_code == 404
    assert "La guía del riego por goteo" in client.get("/forms").content.decode()
    assert client.get("/forms/of/guia").status_code == 200
    client.post("/forms/of/guia/publish")
    assert client.get("/f/huerta/guia").status_code == 200


def test_snippets_work_as_they_are_copied(client: Client) -> None:
    page = client.get("/forms/of/guia/use").content.decode()
    for words in ("/f/huerta/guia", "embed.js", "form-token", "/submissions/v3/integration/submit/"):
        assert words in page


def test_a_personal_link_is_made_for_one_lead(client: Client, huerta: Any, at: datetime) -> None:
    save_lead(workspace_id=huerta.id, email="ana@example.com", attributes={}, source_kind="api", at=at)
    page = client.post("/forms/of/guia/personal-link", {"email": "ana@example.com"}, follow=True).content.decode()
    assert "/f/huerta/guia?for=" in page
    for wrong in ("eva@example.com", "x", ""):
        answer = client.post("/forms/of/guia/personal-link", {"email": wrong}, follow=True).content.decode()
        assert "?for=" not in answer


def test_what_was_held_is_decided_by_a_person(client: Client, huerta: Any, at: datetime) -> None:
    for email in ("ana@example.com", "bot@example.com"):
        shown = show_form(workspace_id=huerta.id, key="guia", languages=["es"], at=at)
        assert shown
        posted = {"first_name": "Ana", "email": email, "policy-accepted": "on"}
        form = CaptureForm(shown, posted)
        assert form.is_valid()
        take_submission(
            workspace_id=huerta.id, form=shown, cleaned=form.cleaned_data, request_facts=RequestFacts(),
            posted={name: [value] for name, value in posted.items()}, token=shown.token, at=at + timedelta(seconds=1),
        )  # fmt: skip
    first, second = HeldSubmission.objects.filter(workspace_id=huerta.id).order_by("id")
    assert "ana@example.com" in client.get("/forms/held").content.decode()
    client.post("/forms/held", {"held": first.id, "decision": "let_in"})
    client.post("/forms/held", {"held": second.id, "decision": "refuse"})
    assert [lead.email for lead in Lead.objects.filter(workspace_id=huerta.id)] == ["ana@example.com"]
    assert client.post("/forms/held", {"held": "999999", "decision": "let_in"}).status_code == 404


def test_who_only_looks_changes_nothing(huerta: Any, at: datetime) -> None:
    analyst = signed_in(huerta, Role.ANALYST, at)
    for path in ("/forms", "/forms/new", "/forms/of/guia", "/forms/of/guia/edit", "/forms/of/guia/use", "/forms/held"):
        assert analyst.get(path).status_code == 200, path
    for path in ("publish", "discard", "copy", "archive", "edit"):
        assert analyst.post(f"/forms/of/guia/{path}", {"name": "x"}).status_code == 403
    assert analyst.get("/forms/files/1").status_code == 404
