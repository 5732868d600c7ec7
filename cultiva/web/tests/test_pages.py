"""Landing pages on staff screens: begun from a template, written as a draft, published or refused, archived."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.capture.landing import drafts
from cultiva.capture.models import Brand, PageDraft, PageVersion
from cultiva.capture.tests.documents import publish_all
from cultiva.capture.tests.pages import make_png
from cultiva.web.tests.test_forms import draft as form_builder
from cultiva.web.tests.test_screens import signed_in


@pytest.fixture
def client(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)
    publish_all(huerta.id, at)
    return signed_in(huerta, Role.MARKETING, at)


def builder(client: Client, key: str) -> dict[str, Any]:
    page = client.get(f"/pages/of/{key}/edit").content.decode()
    start = page.index('type="application/json">') + len('type="application/json">')
    return dict(json.loads(page[start : page.index("</script>", start)]))


@pytest.mark.parametrize("name", drafts.STARTERS)
def test_every_template_can_be_published_as_it_is_with_a_form_of_its_own(
    client: Client, huerta: Any, name: str
) -> None:
    answer = client.post("/pages/new", {"name": f"Mi {name}", "template": name, "form": ""})
    assert answer["Location"] == f"/pages/of/mi-{name}/edit"
    found = builder(client, f"mi-{name}")
    assert found["problems"] == []
    assert len(found["kinds"]) == 10
    assert client.post(f"/pages/of/mi-{name}/publish")["Location"] == f"/pages/of/mi-{name}"
    version = PageVersion.objects.get(workspace_id=huerta.id, key=f"mi-{name}")
    assert set(version.body["languages"]) == {"es", "en"}
    assert form_builder(client, f"mi-{name}")["problems"] == []
    shown = Client(headers={"host": "localhost"}).get(f"/p/huerta/mi-{name}?lang=es").content.decode()
    assert f'action="/f/huerta/mi-{name}?lang=es"' in shown
    assert not PageDraft.objects.filter(workspace_id=huerta.id).exists()


def test_a_draft_says_all_that_is_wrong_and_the_published_page_stays(client: Client, huerta: Any) -> None:
    client.post("/pages/new", {"name": "Guía", "template": "ebook", "form": "guia"})
    client.post("/pages/of/guia/publish")
    document = builder(client, "guia")["document"]
    document["blocks"][0] = {"kind": "heroo"}
    document["blocks"][1]["items"][0] = {"title": "x"}
    document["blocks"][2]["form"] = "nope"
    document["path"] = "//Guía"
    answer = client.post("/pages/of/guia/edit", {"document": json.dumps(document)}).json()
    told = "\n".join(answer["problems"])
    for words in ("did you mean `hero`?", "Each of them needs: title, text.", "no form `nope`", "'//Guía' is no path"):
        assert words in told
    assert client.post("/pages/of/guia/publish")["Location"] == "/pages/of/guia/edit"
    assert PageVersion.objects.get(workspace_id=huerta.id, key="guia").version == 1
    for wrong in ("", "[]", "{", json.dumps({**document, "page": "otra"})):
        assert client.post("/pages/of/guia/edit", {"document": wrong}).status_code == 422


def test_two_pages_cannot_share_an_address_and_an_archived_one_frees_it(client: Client, huerta: Any) -> None:
    for name in ("Uno", "Dos"):
        client.post("/pages/new", {"name": name, "template": "quote", "form": "guia"})
    client.post("/pages/of/uno/publish")
    document = builder(client, "dos")["document"] | {"path": "uno"}
    client.post("/pages/of/dos/edit", {"document": json.dumps(document)})
    refused = client.post("/pages/of/dos/publish", follow=True).content.decode()
    assert "the page `uno` stands at `uno`" in refused
    client.post("/pages/of/uno/archive")
    assert client.post("/pages/of/dos/publish")["Location"] == "/pages/of/dos"
    assert Client(headers={"host": "localhost"}).get("/p/huerta/uno").status_code == 200
    page = client.get("/pages").content.decode()
    assert "Archived" in page


def test_a_form_that_a_page_shows_cannot_be_archived(client: Client, huerta: Any) -> None:
    client.post("/pages/new", {"name": "Uno", "template": "quote", "form": "guia"})
    client.post("/pages/of/uno/publish")
    assert "is used by page `uno`" in client.post("/forms/of/guia/archive", follow=True).content.decode()
    client.post("/pages/of/uno/archive")
    assert "Archived" in client.post("/forms/of/guia/archive", follow=True).content.decode()


def test_the_list_says_what_to_do_and_then_how_pages_do(client: Client, huerta: Any) -> None:
    assert "No landing pages yet" in client.get("/pages").content.decode()
    client.post("/pages/new", {"name": "Uno", "template": "quote", "form": "guia"})
    client.post("/pages/of/uno/publish")
    Client(headers={"host": "localhost", "user-agent": "Mozilla/5.0 (X11) Firefox/140.0"}).get("/p/huerta/uno")
    listed, one = client.get("/pages").content.decode(), client.get("/pages/of/uno").content.decode()
    assert "http://localhost:" in listed
    assert "0 %" in listed
    assert "v1" in one
    client.post("/pages/of/uno/copy", {"name": "Otra"})
    assert builder(client, "otra")["document"]["path"] == "otra"


def test_pictures_and_the_brand_are_uploaded_by_what_they_hold(client: Client, huerta: Any, at: datetime) -> None:
    def send(content: bytes, name: str) -> Any:
        return client.post("/pages/pictures", {"picture": SimpleUploadedFile(name, content)})

    assert send(make_png(), "Mi foto.jpg").json() == {"name": "Mi-foto.png"}
    assert send(make_png(), "Mi foto.jpg").json() == {"name": "Mi-foto.png"}
    assert send(make_png(colour="red"), "Mi foto.jpg").json() == {"name": "Mi-foto-2.png"}
    for content in (b"<svg onload='alert(1)'/>", b"%PDF-1.7", make_png()[:60], b""):
        answer = send(content, "foto.png")
        assert answer.status_code == 422
        assert answer.json()["problem"]
    logo = SimpleUploadedFile("logo.png", make_png(200, 60))
    assert client.post("/settings/brand", {"colour": "#AA3311", "font": "serif", "logo": logo}).status_code == 302
    brand = Brand.objects.get(workspace_id=huerta.id)
    assert (brand.colour, brand.font, brand.logo) == ("#aa3311", "serif", "logo.png")
    assert client.post("/settings/brand", {"colour": "red", "font": "serif"}).status_code == 422
    sales = signed_in(huerta, Role.SALES, at)
    assert sales.post("/pages/pictures", {"picture": SimpleUploadedFile("a.png", make_png())}).status_code == 403


def test_another_workspace_sees_none_of_it(client: Client, other_co: Any, at: datetime) -> None:
    client.post("/pages/new", {"name": "Uno", "template": "quote", "form": "guia"})
    client.post("/pages/of/uno/publish")
    stranger = signed_in(other_co, Role.OWNER, at)
    for path in ("/pages/of/uno", "/pages/of/uno/edit"):
        assert stranger.get(path).status_code == 404
    assert stranger.post("/pages/of/uno/publish").status_code in (302, 404)
    assert Client(headers={"host": "localhost"}).get("/p/other-co/uno").status_code == 404
