"""Screens of lead magnets: made of any kind, looked at, counted, their codes and dates, and what is still to write."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.capture.tests.documents import publish_all
from cultiva.consent.models import ConsentMark
from cultiva.flow import process_workspace
from cultiva.insights.magnets import figures_of, wilson
from cultiva.lib.plugins import plugins
from cultiva.magnets.actions import download_link, take_download
from cultiva.magnets.codes import codes_of
from cultiva.magnets.models import DiscountCode, MagnetDraft, MagnetVersion, Registration, WebinarSession
from cultiva.magnets.referrals import attribute_referral, referral_mark
from cultiva.magnets.tests.cast import grant, lead, publish
from cultiva.magnets.tests.documents import make_pdf
from cultiva.magnets.webinars import register
from cultiva.segments.personas.actions import save_persona
from cultiva.web.tests.test_screens import signed_in

COMMON = {"title_es": "Cosa útil", "intro_en": "Something", "objective": "content"}
LINK = "https://a.example/b"
SETTINGS: dict[str, dict[str, Any]] = {
    "ebook": {"link": LINK}, "whitepaper": {"link": LINK}, "case_study": {"link": LINK}, "template": {"link": LINK},
    "discount": {"percent": "15", "codes": "made", "until": "2026-04-01"}, "video": {"link": LINK, "gate_seconds": 10},
    "webinar": {"time_zone": "Europe/Madrid", "minutes": 60}, "trial": {"link": LINK}, "referral": {"form": "guia"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def now(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)


@pytest.fixture
def client(huerta: Any, at: datetime) -> Client:
    return signed_in(huerta, Role.MARKETING, at)


def filled(kind: str, **more: Any) -> dict[str, Any]:
    return COMMON | {f"settings-{name}": value for name, value in SETTINGS[kind].items()} | more


def test_the_list_begins_empty_and_says_what_to_do(client: Client) -> None:
    page = client.get("/magnets").content.decode()
    assert 'class="empty"' in page
    assert "/magnets/new" in page
    assert all(f"/magnets/new/{kind}" in client.get("/magnets/new").content.decode() for kind in plugins("kinds"))


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_a_magnet_of_every_kind_is_made_on_its_screen(client: Client, huerta: Any, at: datetime, kind: str) -> None:
    publish_all(huerta.id, at)
    assert "<form" in client.get(f"/magnets/new/{kind}").content.decode()
    answer = client.post(f"/magnets/new/{kind}", filled(kind, then="publish"))
    assert answer["Location"] == "/magnets/of/cosa-util"
    version = MagnetVersion.current(huerta.id, "cosa-util")
    assert version is not None
    assert (version.body["kind"], version.body["title"]) == (kind, {"es": "Cosa útil"})
    assert "Cosa útil" in client.get("/magnets/of/cosa-util").content.decode()
    assert "Cosa útil" in client.get("/magnets").content.decode()


def test_a_draft_keeps_its_file_until_another_or_none_is_given(client: Client, huerta: Any) -> None:
    file = SimpleUploadedFile("guía.pdf", make_pdf())
    answer = client.post("/magnets/new/ebook", COMMON | {"settings-file": file, "then": "keep"})
    assert answer["Location"] == "/magnets/of/cosa-util/edit"
    assert not MagnetVersion.objects.exists()
    assert "guía.pdf" in client.get("/magnets/of/cosa-util/edit").content.decode()
    client.post("/magnets/of/cosa-util/edit", COMMON | {"title_en": "Useful", "then": "publish"})
    assert not MagnetDraft.objects.exists()
    version = MagnetVersion.current(huerta.id, "cosa-util")
    assert version is not None
    assert set(version.body["settings"]) == {"file"}
    refused = client.post("/magnets/of/cosa-util/edit", COMMON | {"settings-file-out": "on", "then": "publish"})
    assert refused.status_code == 422
    assert "Give the file" in refused.content.decode()


def test_what_is_wrong_is_said_beside_its_field_and_analysts_only_look(
    client: Client, huerta: Any, at: datetime
) -> None:
    bad = client.post("/magnets/new/discount", {"objective": "content", "settings-codes": "made"})
    assert bad.status_code == 422
    assert "Give it a title" in bad.content.decode()
    assert "Give the percent or the amount" in bad.content.decode()
    assert client.get("/magnets/new/nothing").status_code == 404
    analyst = signed_in(huerta, Role.ANALYST, at)
    assert analyst.post("/magnets/new/ebook", filled("ebook", then="publish")).status_code == 403


def test_the_funnel_counts_each_step_and_what_one_of_it_costs(client: Client, huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    granted = [grant(lead(huerta, at, f"{n}@example.com"), "guia-riego", at) for n in range(4)]
    for each in granted[:3]:
        ConsentMark.objects.create(workspace=huerta, lead=each.lead, valid_since=at)
    for each, actor in ((granted[0], "human"), (granted[1], "machine")):
        take_download(token=download_link(each, at).removeprefix("/d/"), at=at, actor=actor)
    process_workspace(workspace_id=huerta.id, at=at)
    client.post("/magnets/of/guia-riego/costs", {"amount": "120.50", "what": "Diseño", "spent_on": "2026-03-01"})
    client.post("/magnets/of/guia-riego/costs", {"amount": "no", "what": "", "spent_on": ""})
    figures = figures_of(workspace_id=huerta.id, magnet="guia-riego")
    assert figures.steps == [("seen", 0), ("asked", 4), ("valid", 3), ("opened", 1), ("qualified", 0)]
    assert (figures.cost_of("asked"), figures.cost_of("qualified")) == (Decimal("30.125"), None)
    page = client.get("/magnets/of/guia-riego").content.decode()
    assert "chart-funnel" in page
    assert "40.17" in page  # of each valid lead


def test_a_magnet_that_a_form_gives_is_not_archived(client: Client, huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    publish(huerta, "trial", at)
    page = client.post("/magnets/of/guia-riego/archive", follow=True).content.decode()
    assert "is used by form `guia`" in page
    client.post("/magnets/of/trial/archive")
    assert MagnetVersion.current(huerta.id, "trial") is None
    assert "Thing" in client.get("/magnets").content.decode()


def test_staff_redeem_a_code_by_hand_and_fill_the_list_of_a_shop(client: Client, huerta: Any, at: datetime) -> None:
    publish(huerta, "discount", at, settings="settings: {percent: 5, codes: pool}")
    added = client.post("/magnets/of/discount/codes/add", {"codes": "UNO-1\nDOS-2"}, follow=True)
    assert "2 codes were added" in added.content.decode()
    code = codes_of(grant(lead(huerta, at), "discount", at))[0][1]
    for words in ("The code is good", "cannot be redeemed"):
        page = client.post("/magnets/of/discount/codes/redeem", {"code": code, "purchase": "T-1"}, follow=True)
        assert words in page.content.decode()
    assert DiscountCode.objects.exclude(redeemed_at=None).get().redeemed_by.startswith("user:")


def test_a_date_is_made_in_the_webinars_time_zone_and_attendance_comes_from_a_file(
    client: Client, huerta: Any, at: datetime
) -> None:
    publish(huerta, "webinar", at)
    starts = (at + timedelta(days=9)).strftime("%Y-%m-%dT18:00")
    client.post("/magnets/of/webinar/dates", {"starts": starts, "minutes": 60, "seats": 1})
    session = WebinarSession.objects.get(workspace_id=huerta.id)
    assert session.starts_at.hour == 17  # Madrid is an hour ahead in March
    register(grant=grant(lead(huerta, at), "webinar", at), session_id=session.id, at=at)
    assert "has a seat" in client.get(f"/magnets/of/webinar/dates/{session.id}").content.decode()
    file = SimpleUploadedFile("came.csv", b"email,minutes\nana@example.com,44\nx@example.com,1\n")
    page = client.post(f"/magnets/of/webinar/dates/{session.id}/attendance", {"file": file}, follow=True)
    assert "x@example.com" in page.content.decode()
    assert Registration.objects.get(session=session).attended_minutes == 44
    assert client.get("/magnets/of/webinar/dates").status_code == 200
    client.post(f"/magnets/of/webinar/dates/{session.id}/call-off")
    session.refresh_from_db()
    assert session.cancelled_at == at


def test_a_referral_shows_who_brought_most(client: Client, huerta: Any, at: datetime) -> None:
    publish(huerta, "referral", at)
    link = grant(lead(huerta, at, first_name="Berta"), "referral", at)
    friend = lead(huerta, at, "friend@example.com")
    attribute_referral(workspace_id=huerta.id, token=referral_mark(link), lead_id=friend.id, at=at, events=[])
    page = client.get("/magnets/of/referral").content.decode()
    assert "Who brought most" in page
    assert page.count("Berta") == 2  # there, and among those who got it


def test_what_to_write_next_shows_takers_and_leads_to_the_empty_places(
    client: Client, huerta: Any, at: datetime
) -> None:
    assert "No personas yet" in client.get("/magnets/next").content.decode()
    save_persona(
        workspace_id=huerta.id, name="Técnico", by="user:1", at=at,
        criteria=[{"when": {"event": "page", "within_days": 30}, "weight": 1}],
    )  # fmt: skip
    publish(huerta, "trial", at, more="persona: tecnico\nstage: lead\n")
    grant(lead(huerta, at), "trial", at)
    page = client.get("/magnets/next").content.decode()
    assert "1 taker" in page
    assert "/magnets/new?persona=tecnico&amp;stage=marketing_qualified" in page
    begun = client.get("/magnets/new/ebook?persona=tecnico&stage=marketing_qualified").content.decode()
    assert '<option value="tecnico" selected>' in begun


def test_the_interval_is_wilsons() -> None:
    """Against the tables of R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    table = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for counts, interval in table.items():
        assert wilson(*counts) == pytest.approx(interval, abs=5e-5)
