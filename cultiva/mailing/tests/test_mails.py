"""Whole mails, as the reader's program gets them."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.actions import create_user
from cultiva.accounts.models import Workspace
from cultiva.consent.actions import confirm, confirmation_token, find_confirmation, withdraw
from cultiva.consent.models import Confirmation
from cultiva.consent.renewing import remind_pending
from cultiva.events.actions import NewEvent, claim_new_events
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.signing import unsign
from cultiva.magnets.actions import grant_magnet, publish_magnet, take_download
from cultiva.magnets.kinds import Delivery
from cultiva.magnets.tests.documents import EBOOK, make_pdf
from cultiva.mailing.actions import answer, send_sign_in_link
from cultiva.mailing.informing import informings_of, late_to_be_told
from cultiva.mailing.mailbox import newest, parts
from cultiva.mailing.message import AddressError, Content, address, build_message
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import send_due
from cultiva.mailing.tests.cast import ask_for_news, mails_of, make_reader, parse, text_of

MINUTE = timedelta(minutes=1)


def answer_new_events(workspace: Workspace, at: datetime) -> None:
    events = claim_new_events(workspace_id=workspace.id, limit=500)
    answer(Batch(workspace_id=workspace.id, at=at, events=events))


def test_a_newsletter_is_a_whole_mail(huerta_mails: Workspace, at: datetime, settings: Any) -> None:
    ana = make_reader(huerta_mails, at, first_name="Ana", last_name="Ruiz", company="Olivar & Hijos")
    ask_for_news(huerta_mails, [ana], at)
    send_due(workspace_id=huerta_mails.id, at=at)
    mail = mails_of(huerta_mails)[0]
    assert mail.defects == []
    assert all(part.defects == [] for part in mail.walk())
    assert all(header.defects == () for header in mail.values())
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    unsubscribe = mail["List-Unsubscribe"]
    token = unsubscribe.removeprefix(f"<{settings.PUBLIC_URL}/u/").removesuffix(">")
    assert unsign("unsubscribe", token) == (huerta_mails.id, ana.id, 0)
    own = ("List-Unsubscribe", "Message-ID", "Content-Type")
    assert {name: value for name, value in mail.items() if name not in own} == {
        "From": "Huerta <privacidad@huerta.example>",
        "To": "Ana Ruiz <ana@example.com>",
        "Subject": "Ana, novedades de riego",
        "Date": "Tue, 10 Mar 2026 12:00:00 +0000",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<marketing.huerta.huerta.example>",
        "Feedback-ID": f"novedades:marketing:huerta:cultiva{huerta_mails.id}",
        "Precedence": "bulk",
        "MIME-Version": "1.0",
    }
    assert re.sub(r"/(l|u|c/my)/[\w.-]+", r"/\1/…", text_of(mail)) == NEWSLETTER.replace("PUBLIC", settings.PUBLIC_URL)


NEWSLETTER = """\
Hola Ana

Para Olivar & Hijos.

Lee la guía (PUBLIC/l/…) y los precios (PUBLIC/l/…), o escribe a Marta (mailto:marta@huerta.example).

Pedir presupuesto:
PUBLIC/l/…

--\x20
Huerta
Recibes este correo porque el 10 de marzo de 2026 aceptaste: «Quiero recibir consejos y ofertas por correo electrónico»
Huerta Riego S.L. · Calle del Agua 3, 46001 Valencia

Darme de baja: PUBLIC/u/…
Mis preferencias: PUBLIC/c/my/…
Privacidad: PUBLIC/p/huerta/privacy/v1
"""


def test_the_first_mail_says_where_the_data_come_from_that_others_gave(huerta_mails: Workspace, at: datetime) -> None:
    ana, eva = make_reader(huerta_mails, at), make_reader(huerta_mails, at, "eva@example.com")
    Lead.objects.filter(id=ana.id).update(source_kind="import")
    told = informings_of(workspace_id=huerta_mails.id, lead_ids=[ana.id, eva.id])
    assert {lead: each.told_at for lead, each in told.items()} == {ana.id: None}
    for number in ("1", "2"):
        ask_for_news(huerta_mails, [ana, eva], at, number)
        send_due(workspace_id=huerta_mails.id, at=at + timedelta(hours=int(number)))
    said = ["Tus datos nos llegaron el 10 de marzo de 2026 en un fichero" in text_of(m) for m in mails_of(huerta_mails)]
    assert said == [True, False, False, False]
    informing = informings_of(workspace_id=huerta_mails.id, lead_ids=[ana.id])[ana.id]
    assert (informing.told_at, informing.by_mail) == (at + timedelta(hours=1), True)
    assert late_to_be_told(workspace_id=huerta_mails.id, at=at + timedelta(days=40)).count == 0


def test_readers_get_their_language(huerta_mails: Workspace, at: datetime) -> None:
    readers = [
        make_reader(huerta_mails, at, f"{language}@example.com", language=language, last_name="X")
        for language in ("es", "en")
    ]
    ask_for_news(huerta_mails, readers, at)
    send_due(workspace_id=huerta_mails.id, at=at)
    spanish, english = mails_of(huerta_mails)
    assert (spanish["Subject"], english["Subject"]) == ("Hola, novedades de riego", "Hello, irrigation news")
    assert "because on 10 March 2026 you agreed: “I want to receive advice" in text_of(english)
    assert '<html lang="en"' in text_of(english, "html")


def test_only_the_links_of_the_profiled_are_tracked(huerta_mails: Workspace, at: datetime, settings: Any) -> None:
    ana, eva = make_reader(huerta_mails, at), make_reader(huerta_mails, at, "eva@example.com")
    withdraw(workspace_id=huerta_mails.id, lead_id=eva.id, purpose="profiling", channel="none", at=at)
    ask_for_news(huerta_mails, [ana, eva], at)
    send_due(workspace_id=huerta_mails.id, at=at)
    tracked, plain = mails_of(huerta_mails)
    row = Outbox.objects.get(workspace_id=huerta_mails.id, lead_id=ana.id)
    for subtype in ("plain", "html"):
        tokens = re.findall(rf"{settings.PUBLIC_URL}/l/([\w.-]+)", text_of(tracked, subtype))
        assert [unsign("click", token) for token in tokens] == [(huerta_mails.id, row.id, n) for n in (0, 1, 3)]
        assert "huerta.example/precios" not in text_of(tracked, subtype)
        assert "/l/" not in text_of(plain, subtype)
        assert "https://huerta.example/precios" in text_of(plain, subtype)
        assert "mailto:marta@huerta.example" in text_of(tracked, subtype)
    assert row.links[1] == "https://huerta.example/precios"
    assert Outbox.objects.get(workspace_id=huerta_mails.id, lead_id=eva.id).links == []


def test_a_confirmation_asks_and_nothing_else(huerta_mails: Workspace, at: datetime, settings: Any) -> None:
    make_reader(huerta_mails, at, first_name="Gana dinero https://evil.test")
    answer_new_events(huerta_mails, at)
    answer_new_events(huerta_mails, at)
    send_due(workspace_id=huerta_mails.id, at=at)
    (mail,) = mails_of(huerta_mails)
    links = re.findall(r'href="([^"]+)"', text_of(mail, "html"))
    assert len(links) == 1
    token = links[0].removeprefix(f"{settings.PUBLIC_URL}/c/confirm/")
    assert find_confirmation(token=token, at=at)
    assert not any(name.startswith("List-") or name in ("Feedback-ID", "Precedence") for name in mail)
    assert mail["To"] == "ana@example.com"
    assert "evil.test" not in str(mail) + text_of(mail) + text_of(mail, "html")
    assert "<img" not in text_of(mail, "html")
    assert text_of(mail).endswith(
        "--\x20\nHuerta\nRecibes este correo porque el 10 de marzo de 2026 se pidió con esta dirección.\n"
        "Huerta Riego S.L. · Calle del Agua 3, 46001 Valencia\n"
    )


def test_a_newsletter_waits_for_the_confirmation(huerta_mails: Workspace, at: datetime) -> None:
    ana, eva = (make_reader(huerta_mails, at, f"{name}@example.com", confirms=False) for name in ("ana", "eva"))
    ask_for_news(huerta_mails, [ana, eva], at)
    assert send_due(workspace_id=huerta_mails.id, at=at) == 2
    assert send_due(workspace_id=huerta_mails.id, at=at) == 0
    confirmation = Confirmation.objects.get(workspace_id=huerta_mails.id, lead_id=ana.id)
    confirm(token=confirmation_token(confirmation), at=at + MINUTE)
    answer_new_events(huerta_mails, at + MINUTE)
    while send_due(workspace_id=huerta_mails.id, at=at + MINUTE):
        pass
    news = [mail["To"] for mail in mails_of(huerta_mails) if mail["List-Id"]]
    assert news == ["Ana <ana@example.com>"]
    for hours in range(1, 74):
        send_due(workspace_id=huerta_mails.id, at=at + MINUTE + timedelta(hours=hours))
    waited = Outbox.objects.get(workspace_id=huerta_mails.id, lead_id=eva.id, cause_kind="workflow")
    assert (waited.state, waited.reason) == ("refused", "unconfirmed")
    told = Event.objects.filter(workspace_id=huerta_mails.id, name="email_refused").order_by("id")
    assert [(event.lead_id, event.occurred_at) for event in told] == [(eva.id, at + MINUTE + timedelta(hours=72))]


def test_a_magnet_arrives_with_its_signed_link(huerta_mails: Workspace, at: datetime, settings: Any) -> None:
    publish_magnet(workspace_id=huerta_mails.id, text=EBOOK, files={"guia-riego.pdf": make_pdf()}, at=at)
    ana = make_reader(huerta_mails, at, consents=False)
    for _again in range(2):
        grant_magnet(workspace_id=huerta_mails.id, lead_id=ana.id, magnet="guia-riego", at=at)
        answer_new_events(huerta_mails, at)
    send_due(workspace_id=huerta_mails.id, at=at)
    (mail,) = mails_of(huerta_mails)
    assert mail["Subject"] == "Aquí tienes: Guía del riego por goteo"
    token = re.findall(rf"{settings.PUBLIC_URL}/d/([\w.-]+)", text_of(mail))[0]
    given = take_download(token=token, at=at, actor="human")
    assert isinstance(given, Delivery)
    assert given.name == "guia-riego.pdf"


def test_a_grant_that_is_gone_fails_by_name(huerta_mails: Workspace, at: datetime) -> None:
    ana = make_reader(huerta_mails, at, consents=False)
    event = NewEvent(kind="track", name="magnet_granted", message_id="1", occurred_at=at, lead_id=ana.id,
                     properties={"magnet": "x", "grant": 999_999_999})  # fmt: skip
    batch = Batch(workspace_id=huerta_mails.id, at=at)
    batch.record([event])
    answer(batch)
    assert send_due(workspace_id=huerta_mails.id, at=at) == 1
    row = Outbox.objects.get(workspace_id=huerta_mails.id)
    assert (row.state, row.reason) == ("failed", "its grant is gone")


def test_mail_from_is_the_sender_and_answers_go_to_the_company(
    huerta_mails: Workspace, at: datetime, settings: Any
) -> None:
    settings.MAIL_FROM = "hola@correo.example"
    ask_for_news(huerta_mails, [make_reader(huerta_mails, at)], at)
    send_due(workspace_id=huerta_mails.id, at=at)
    (mail,) = mails_of(huerta_mails)
    assert (mail["From"], mail["Reply-To"]) == (
        "Huerta <hola@correo.example>",
        "Huerta <privacidad@huerta.example>",
    )
    assert mail["Message-ID"].endswith("@correo.example>")


INJECTIONS = [
    "Ana\r\nBcc: x@evil.test",
    "Ana\nBcc: x@evil.test",
    "Ana\rBcc: x@evil.test",
    "Ana\r\n\r\n<html>mal</html>",
    "Ana\u2028Bcc: x@evil.test",
    "Ana\x00\x0b\x0cBcc: x@evil.test",
    "=?utf-8?q?Ana=0D=0ABcc:_x@evil.test?=",
    'Ana" <x@evil.test>, "',
]


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_value_becomes_a_header(huerta_mails: Workspace, at: datetime, name: str, caplog: Any) -> None:
    ana = make_reader(huerta_mails, at)
    ana.attributes = {"first_name": name}
    if "\x00" in name:  # which PostgreSQL does not store
        ana.attributes = {"first_name": name.replace("\x00", "")}
    ana.save(update_fields=["attributes"])
    ask_for_news(huerta_mails, [ana], at)
    send_due(workspace_id=huerta_mails.id, at=at)
    (mail,) = mails_of(huerta_mails)
    assert mail.defects == []
    assert mail["Bcc"] is None
    assert [each.addr_spec for each in mail["To"].addresses] == ["ana@example.com"]
    assert len(mail.keys()) == 13
    if "<x@" not in name:
        assert "event=mail.value_collapsed" in caplog.text


NO_ADDRESSES = ["", "ana", "@example.com", "ana@", "ana@b..example", "ñandú@example.com", "a b@c.example"]
TWO_ADDRESSES = ["a@b.example>\r\nBcc: x@evil.test", "a@b.example,c@d.example"]


@pytest.mark.parametrize("text", NO_ADDRESSES + TWO_ADDRESSES)
def test_no_mail_goes_to_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        address("Ana", text)


@pytest.mark.parametrize(
    "words", ["", "Ñandú áéíóú 日本語 🌱", "x" * 5_000, ".\r\n..\nFrom x\n=20 \t\n" * 50, "ñ" * 5_000]
)
def test_any_text_survives_the_journey(words: str, at: datetime) -> None:
    huerta, ana = address("Huerta, S.L. «riego»", "hola@ñandú.example"), address("ñ" * 300, "ana@example.com")
    source = build_message(Content(huerta, None, ana, words[:900], words, words, "<1@x.example>", at))
    assert all(len(line) <= 998 and line.isascii() for line in source.split(b"\r\n"))
    assert b"\n" not in source.replace(b"\r\n", b"")
    mail = parse(source)
    assert mail.defects == []
    assert text_of(mail).rstrip("\n") == words.replace("\r\n", "\n").rstrip("\n")
    assert mail["Subject"] == " ".join(words[:900].split()).replace("=?", "= ?")
    assert mail["From"].addresses[0].display_name == "Huerta, S.L. «riego»"


def test_the_mailbox_takes_a_mail_apart(huerta_mails: Workspace, at: datetime) -> None:
    for number in range(2):
        ask_for_news(huerta_mails, [make_reader(huerta_mails, at, f"r{number}@example.com")], at, cause=str(number))
        send_due(workspace_id=huerta_mails.id, at=at)
    assert [each.recipient for each in newest(workspace_id=huerta_mails.id)] == [
        "r1@example.com",
        "r0@example.com",
    ]
    (message,) = newest(workspace_id=huerta_mails.id, recipient="R0@")
    found = parts(message)
    assert ("Subject", "Ana, novedades de riego") in found.headers
    assert found.text.startswith("Hola Ana\n")
    assert found.html.startswith("<!doctype html>")
    assert found.source.startswith("From: Huerta <privacidad@huerta.example>\r\n")


def test_a_person_who_left_gets_no_link(huerta_mails: Workspace, at: datetime) -> None:
    marta = create_user(email="marta@example.com", full_name="Marta", at=at)
    send_sign_in_link(workspace_id=huerta_mails.id, user=marta, at=at)
    send_sign_in_link(workspace_id=huerta_mails.id, user=marta, at=at)
    marta.is_active = False
    marta.save()
    assert send_due(workspace_id=huerta_mails.id, at=at) == 1
    assert mails_of(huerta_mails) == []


def test_a_confirmation_not_followed_is_asked_for_once_more_with_the_same_link(
    huerta_mails: Workspace, at: datetime
) -> None:
    make_reader(huerta_mails, at, confirms=False)
    later = at + timedelta(hours=25)
    answer_new_events(huerta_mails, at)
    send_due(workspace_id=huerta_mails.id, at=at)
    assert remind_pending(workspace_id=huerta_mails.id, at=later) == 1
    answer_new_events(huerta_mails, later)
    send_due(workspace_id=huerta_mails.id, at=later)
    links = [re.findall(r"http\S+/c/confirm/\S+", text_of(mail)) for mail in mails_of(huerta_mails)]
    assert len(links) == 2
    assert links[0] == links[1]


@pytest.mark.parametrize(
    ("language", "heading", "words"),
    [
        ("es", "Tu derecho de oposición", "a que usemos tus datos para publicidad"),
        ("en", "Your right to object", "to our using your data for advertising"),
    ],
)
def test_the_first_mail_tells_of_the_right_to_object_apart_from_the_rest(
    huerta_mails: Workspace, at: datetime, language: str, heading: str, words: str
) -> None:
    make_reader(huerta_mails, at, confirms=False, language=language)
    answer_new_events(huerta_mails, at)
    send_due(workspace_id=huerta_mails.id, at=at)
    text = " ".join(text_of(mails_of(huerta_mails)[0]).split())
    assert heading in text
    assert words in text.partition(heading)[2]
