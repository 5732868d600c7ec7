"""Landing pages as visitors meet them: on a host of their own, light, and without a trace of anybody."""

import gzip
import re
from datetime import datetime
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role
from cultiva.capture.landing import drafts
from cultiva.capture.landing.actions import publish_page, save_brand
from cultiva.capture.landing.figures import page_figures
from cultiva.capture.landing.pictures import add_picture
from cultiva.capture.landing.previews import make_preview
from cultiva.capture.models import FormVersion, PageVersion, Submission
from cultiva.capture.tests.pages import PAGE, make_png
from cultiva.consent.models import EvidencePayload
from cultiva.events.models import Event
from cultiva.public.tests.conftest import ANSWERS, BROWSER, Watch, hidden_fields

PATH = "/p/huerta/guias/riego"


@pytest.fixture
def page(huerta: Any, form: FormVersion, at: datetime) -> PageVersion:
    add_picture(workspace_id=huerta.id, name="huerto.png", content=make_png(), at=at)
    return publish_page(workspace_id=huerta.id, text=PAGE, at=at)


@pytest.fixture
def visitor(watch: Watch, page: PageVersion) -> Client:
    return Client(headers={"user-agent": BROWSER, "host": settings.PAGES_HOST})


def signed_in(workspace: Any, at: datetime) -> Client:
    user = create_user(email="olga@huerta.example", full_name="Olga Ruiz", language="en", at=at)
    grant_role(workspace_id=workspace.id, user=user, role=Role.OWNER, at=at)
    client = Client()
    client.force_login(user, backend="cultiva.accounts.signing_in.PasswordBackend")
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def test_pages_stand_on_their_own_host_and_screens_do_not(visitor: Client, huerta: Any, at: datetime) -> None:
    assert settings.PAGES_HOST == "localhost"
    assert visitor.get(PATH).status_code == 200
    staff = signed_in(huerta, at)
    for path in (PATH, "/p/huerta/~pictures/huerto.png", "/p/huerta/sitemap.xml", "/p/~preview/x"):
        assert staff.get(path).status_code == 404, path
        assert staff.get(path, headers={"host": "127.0.0.1:8000"}).status_code == 404, path
    for path in ("/leads", "/sign-in", "/settings"):
        answer = staff.get(path, headers={"host": "localhost:9999"})
        assert (answer.status_code, answer["Location"]) == (302, settings.PUBLIC_URL + path)
    for path in ("/sign-in", "/leads/1/consent/change", "/api/v1/leads"):
        assert staff.post(path, headers={"host": "localhost"}).status_code == 404, path
    assert staff.get("/api/v1/leads", headers={"host": "localhost"}).status_code == 404


def test_no_cookie_is_read_or_set_there_and_nothing_foreign_runs(visitor: Client, huerta: Any, at: datetime) -> None:
    signed = signed_in(huerta, at)
    answer = signed.get(PATH, headers={"host": "localhost", "user-agent": BROWSER})
    assert not answer.cookies
    assert "cookie" not in answer.get("Vary", "").lower()
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";") if part.strip())
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["media-src"] == "https://films.example"
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]{44}'", policy["style-src"])
    html = text(answer)
    assert "<script>alert" not in html
    assert 'href="javascript' not in html
    assert "Riega &lt;b&gt;menos&lt;/b&gt;" in html
    assert not re.findall(r"\son\w+=|\sstyle=", html)


def test_a_page_weighs_little_and_waits_for_nothing(visitor: Client) -> None:
    """Less than 50 KB beside its pictures, scripts included; no stylesheet or script stands in the way."""
    html = text(visitor.get(PATH))
    static = Path(settings.STATICFILES_DIRS[0]) / "cultiva"
    scripts = re.findall(r'<script src="/static/cultiva/([^"]+)" defer></script>', html)
    assert scripts == ["form.js", "countdown.js"]
    assert html.count("<script") == len(scripts)
    assert 'rel="stylesheet"' not in html
    assert ".field :is(input,select,textarea){" in html
    loaded = [html.encode(), *((static / name).read_bytes() for name in [*scripts, "favicon.svg"])]
    assert sum(len(gzip.compress(each)) for each in loaded) < 50 * 1024


def test_it_says_who_it_is_to_search_engines_and_networks(visitor: Client, huerta: Any, at: datetime) -> None:
    spanish, english = text(visitor.get(PATH)), text(visitor.get(PATH + "?lang=en"))
    own = f"{settings.PAGES_URL}{PATH}"
    assert f'<link rel="canonical" href="{own}">' in spanish
    assert f'<link rel="canonical" href="{own}?lang=en">' in english
    assert '<meta name="description" content="Riega menos &amp; cosecha más.">' in spanish
    assert '<meta property="og:title" content="The irrigation guide">' in english
    assert f'<meta property="og:image" content="{settings.PAGES_URL}/p/huerta/~pictures/huerto.png">' in spanish
    assert '<html lang="en">' in english
    assert f"<loc>{own}</loc><lastmod>2026-03-10</lastmod>" in text(visitor.get("/p/huerta/sitemap.xml"))
    publish_page(workspace_id=huerta.id, text=PAGE.replace("theme: sea", "noindex: true"), at=at)
    hidden = visitor.get(PATH)
    assert '<meta name="robots" content="noindex">' in text(hidden)
    assert hidden["X-Robots-Tag"] == "noindex"
    assert "<loc>" not in text(visitor.get("/p/huerta/sitemap.xml"))


def test_every_block_shows_what_it_says_in_the_language_asked_for(visitor: Client) -> None:
    html = text(visitor.get(PATH + "?lang=en"))
    for words in (
        "<h1>Water less</h1>", "<strong>20 pages</strong>", "<h2>Why</h2>", 'alt="An orchard"', "riego.mp4",
        "<h3>Savings</h3>", "It works", "<summary>How much?</summary>", 'datetime="2026-04-01T18:00:00+02:00"',
        'name="email"', "Data protection", "https://huerta.example/legal",
    ):  # fmt: skip
        assert words in html, words
    assert html.count('fetchpriority="high"') == 1
    assert html.count("<h1>") == 1


def test_a_visit_and_a_form_sent_from_it_count_for_the_page(visitor: Client, watch: Watch, huerta: Any) -> None:
    html = text(visitor.get(PATH + "?utm_source=feria"))
    visitor.get(PATH, headers={"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
    action = unescape(re.findall(r'<form class="card capture" method="post" action="([^"]+)"', html)[0])
    watch.pass_time(seconds=30)
    url = f"http://localhost{PATH}?utm_source=feria"
    sent = visitor.post(
        action, {**hidden_fields(html), **ANSWERS}, headers={"origin": "http://localhost", "referer": url}
    )
    assert sent.status_code == 303
    assert visitor.get(sent["Location"]).status_code == 200
    submission = Submission.objects.get(workspace_id=huerta.id)
    assert submission.landing_page == "guia-riego"
    assert EvidencePayload.objects.get(workspace_id=huerta.id).payload["page_url"] == url
    submitted = Event.objects.get(workspace_id=huerta.id, name="form_submitted")
    assert submitted.properties["landing_page"] == "guia-riego"
    assert submitted.context["campaign"] == {"source": "feria"}
    views = Event.objects.filter(workspace_id=huerta.id, kind="page").order_by("id")
    assert [(each.visitor, each.lead_id, each.actor, each.properties["landing_page"]) for each in views] == [
        (None, None, "human", "guia-riego"), (None, None, "machine", "guia-riego"),
    ]  # fmt: skip
    figures = page_figures(workspace_id=huerta.id, at=watch.now)["guia-riego"]
    assert (figures.views, figures.sent, figures.rate) == (1, 1, 1.0)


def test_a_form_cannot_claim_a_page_that_is_not_there(visitor: Client, watch: Watch, huerta: Any) -> None:
    html = text(visitor.get(PATH))
    watch.pass_time(seconds=30)
    for claimed in ("nowhere", "x" * 200, "<b>"):
        visitor.post("/f/huerta/guia", {**hidden_fields(html), **ANSWERS, "landing-page": claimed})
    assert Submission.objects.get(workspace_id=huerta.id).landing_page == ""


def test_pictures_are_drawn_anew_without_what_they_tell_of_their_author(
    visitor: Client, huerta: Any, at: datetime
) -> None:
    out = BytesIO()
    told = Image.Exif()
    told[0x010F] = "SECRET-CAMERA"
    Image.new("RGB", (2400, 1200), "red").save(out, "JPEG", exif=told)
    add_picture(workspace_id=huerta.id, name="../a b.svg.jpg", content=out.getvalue(), at=at)
    large, small = (visitor.get(f"/p/huerta/~pictures/a-b.svg.jpg{query}") for query in ("", "?size=small"))
    assert large["Content-Type"] == "image/webp"
    assert [Image.open(BytesIO(each.content)).width for each in (large, small)] == [1600, 800]
    assert b"SECRET" not in large.content
    assert large["Cache-Control"].endswith("immutable")
    assert large["X-Content-Type-Options"] == "nosniff"


def test_a_preview_is_framed_by_the_builder_alone_and_sends_nothing(
    visitor: Client, huerta: Any, other_co: Any, at: datetime
) -> None:
    document = drafts.draft_document(huerta.id, "guia-riego") or {}
    document["blocks"][0]["title"] = {"es": "Borrador", "en": "Draft"}
    drafts.save_draft(workspace_id=huerta.id, key="guia-riego", document=document, by="x", at=at)
    address = f"/p/~preview/{make_preview(workspace_id=huerta.id, key='guia-riego', at=at)}"
    answer = visitor.get(address)
    assert "<h1>Borrador</h1>" in text(answer)
    assert "Borrador" not in text(visitor.get(PATH))
    assert f"frame-ancestors {settings.PUBLIC_URL}" in answer["Content-Security-Policy"]
    assert "form-action 'none'" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    document["blocks"][0]["picture"] = "nope.png"
    drafts.save_draft(workspace_id=huerta.id, key="guia-riego", document=document, by="x", at=at)
    assert "nope.png" in text(visitor.get(address))
    assert visitor.get(address[:-2] + "AA").status_code == 404
    assert not Event.objects.filter(workspace_id=huerta.id, kind="page", properties__title="Draft").exists()


def test_the_brand_is_on_every_page(visitor: Client, huerta: Any) -> None:
    save_brand(workspace_id=huerta.id, colour="#ffd800", font="serif", logo="huerto.png")
    html = text(visitor.get(PATH))
    assert "Charter" in html
    assert 'alt="Huerta"' in html
    assert "--accent:#ffd800" not in html  # nobody could read yellow on white
