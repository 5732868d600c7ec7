"""Magnets as visitors see them. A GET changes nothing, whatever it opens."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.capture.actions import publish_form
from cultiva.capture.tests.documents import FORM
from cultiva.events.models import Event
from cultiva.flow import process_workspace
from cultiva.lib.database import workspace_scope
from cultiva.magnets.actions import download_link, publish_magnet
from cultiva.magnets.models import DiscountCode, Grant, Referral, Registration
from cultiva.magnets.referrals import referral_path
from cultiva.magnets.tests.cast import grant, lead, publish
from cultiva.magnets.tests.documents import make_pdf
from cultiva.magnets.webinars import cancel, register, save_session
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import send_due
from cultiva.public.tests.conftest import Visitor

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 200


def give(visitor: Visitor, workspace: Any, kind: str, **more: Any) -> str:
    """The path of a new lead's link."""
    at = visitor.watch.now
    publish(workspace, kind, at, **more)
    return download_link(grant(lead(workspace, at), kind, at), at)


def test_the_code_of_a_discount_is_used_up_by_a_post_and_by_no_get(huerta: Any, visitor: Visitor) -> None:
    path = give(visitor, huerta, "discount")
    page = visitor.client.get(path)
    code = re.findall(r'class="code-text">([^<]+)<', page.content.decode())[0]
    number = re.findall(r'name="code" value="(\d+)"', page.content.decode())[0]
    for _try in range(3):
        visitor.client.get(path, {"act": "redeem", "code": number})
    assert DiscountCode.objects.get(workspace_id=huerta.id).redeemed_at is None
    pressed = visitor.client.post(path, {"act": "redeem", "code": number})
    assert (pressed.status_code, pressed["Location"]) == (303, path)
    assert DiscountCode.objects.get(workspace_id=huerta.id).redeemed_at == visitor.watch.now
    again = visitor.client.post(path, {"act": "redeem", "code": number})
    assert again.status_code == 409
    assert code in again.content.decode()
    assert (page["X-Robots-Tag"], page["Referrer-Policy"], page["Cache-Control"]) == (
        "noindex", "no-referrer", "no-store",
    )  # fmt: skip


def test_a_seat_is_taken_on_the_page_which_then_has_the_calendar_file(huerta: Any, visitor: Visitor) -> None:
    path, starts = give(visitor, huerta, "webinar"), visitor.watch.now + timedelta(days=3)
    date = save_session(
        workspace_id=huerta.id, magnet="webinar", at=visitor.watch.now,
        given={"starts_at": starts, "minutes": 45, "time_zone": "Europe/Madrid", "seats": 5},
    )  # fmt: skip
    assert f"{path}/{date.id}.ics" not in visitor.client.get(path).content.decode()
    page = visitor.client.post(path, {"act": "register", "session": date.id}, follow=True).content.decode()
    assert Registration.objects.get(workspace_id=huerta.id).state == "seated"
    assert "You have a seat" in page
    assert "13:00" in page  # in the session's own time zone
    entry = visitor.client.get(f"{path}/{date.id}.ics")
    assert entry["Content-Type"].startswith("text/calendar")
    assert b"BEGIN:VEVENT" in entry.content
    assert visitor.client.get(f"{path}/{date.id + 1}.ics").status_code == 404


def test_whoever_gets_a_seat_is_told_by_mail_once_each_time(huerta: Any, at: datetime) -> None:
    publish(huerta, "webinar", at)
    first, second = (grant(lead(huerta, at, f"{n}@example.com"), "webinar", at) for n in (1, 2))
    date = save_session(
        workspace_id=huerta.id, magnet="webinar", at=at,
        given={"starts_at": at + timedelta(days=3), "minutes": 45, "time_zone": "Europe/Madrid", "seats": 1},
    )  # fmt: skip
    register(grant=first, session_id=date.id, at=at)
    register(grant=second, session_id=date.id, at=at)
    cancel(grant=first, session_id=date.id, at=at + timedelta(hours=1))
    process_workspace(workspace_id=huerta.id, at=at + timedelta(hours=1))
    told = Outbox.objects.filter(workspace_id=huerta.id, cause_kind="seat").order_by("id")
    assert [mail.lead_id for mail in told] == [first.lead_id, second.lead_id]
    send_due(workspace_id=huerta.id, at=at + timedelta(hours=1))
    assert {mail.lead_id: mail.state for mail in told.all()} == {first.lead_id: "failed", second.lead_id: "accepted"}


def test_a_video_tells_its_quarters_and_may_be_played_from_where_it_lies(huerta: Any, visitor: Visitor) -> None:
    path = give(visitor, huerta, "video")
    page = visitor.client.get(path)
    assert "https://videos.example" in page["Content-Security-Policy"]
    told = visitor.client.post(path, {"act": "progress", "percent": "25", "quietly": "1"})
    assert told.status_code == 204
    assert Event.objects.get(workspace_id=huerta.id, name="video_progress").properties["percent"] == 25


def test_a_video_begins_before_its_form_comes(huerta: Any, visitor: Visitor) -> None:
    publish(huerta, "video", visitor.watch.now)
    assert visitor.client.get("/m/huerta/video").status_code == 404  # no form gives it
    publish_form(
        workspace_id=huerta.id, at=visitor.watch.now,
        text=FORM.replace("form: guia", "form: ver").replace("magnet: guia-riego", "magnet: video"),
    )  # fmt: skip
    page = visitor.client.get("/m/huerta/video").content.decode()
    assert 'data-gate="30"' in page
    assert "/f/huerta/ver?lang=" in page


def test_the_library_shows_what_forms_give_in_both_languages_within_fifty_kilobytes(
    huerta: Any, other_co: Any, visitor: Visitor
) -> None:
    text = (
        "magnet: guia-riego\nkind: ebook\nobjective: content\ntitle: {es: Guía del riego, en: Drip guide}\n"
        "library: true\nintro: {es: Ocho páginas, en: Eight pages}\nsettings: {file: guia-riego.pdf, cover: c.png}\n"
    )
    files = {"guia-riego.pdf": make_pdf(), "c.png": PNG}
    publish_magnet(workspace_id=huerta.id, text=text, files=files, at=visitor.watch.now)
    publish(huerta, "trial", visitor.watch.now, more="library: true\n")  # no form gives it
    english, spanish = (visitor.client.get("/g/huerta", {"lang": code}).content.decode() for code in ("en", "es"))
    assert ("Drip guide" in english, "Guía del riego" in spanish) == (True, True)
    assert "Thing" not in english
    assert len(english.encode()) < 20_000
    cover = visitor.client.get(re.findall(r'src="(/m/[^"]+)"', english)[0])
    assert (cover["Content-Type"], cover.content) == ("image/png", PNG)
    assert "Drip guide" not in visitor.client.get("/g/other-co").content.decode()
    assert visitor.client.get("/g/nobody").status_code == 404


def test_whoever_follows_a_personal_link_and_signs_up_was_brought_by_its_owner(huerta: Any, visitor: Visitor) -> None:
    at = visitor.watch.now
    publish(huerta, "referral", at)
    link = grant(lead(huerta, at, "owner@example.com"), "referral", at)
    followed = visitor.client.get(referral_path(link))
    visitor.path, _, query = followed["Location"].partition("?")
    assert (followed.status_code, visitor.path) == (302, "/f/huerta/guia")
    visitor.send(f"?{query}")
    with workspace_scope(huerta.id):
        brought = Referral.objects.get(workspace_id=huerta.id)
        given = Grant.objects.get(workspace_id=huerta.id, magnet="guia-riego")
    assert (brought.lead.email_key, brought.grant_id) == ("ana@example.com", link.id)
    assert given.origin["campaign"] == {"source": "referral", "medium": "referral"}
    assert given.origin["form"] == "guia"


@pytest.mark.parametrize(
    "path", ["/r/x", "/r/1.1.abc", "/d/x/1.ics", "/m/huerta/nothing", "/m/huerta/guia-riego/x.cover"]
)
def test_what_is_not_there_says_so(visitor: Visitor, path: str) -> None:
    assert visitor.client.get(path).status_code == 404
    assert visitor.client.post("/d/x", {"act": "redeem"}).status_code == 404
