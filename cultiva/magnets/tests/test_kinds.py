"""What each kind takes, and what it gives."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cultiva.events.models import Event
from cultiva.lib.documents import DocumentError
from cultiva.magnets.actions import act_on, publish_magnet, take_download
from cultiva.magnets.kinds import CannotAct, Delivery, Redirect
from cultiva.magnets.kinds.trial import secret_of
from cultiva.magnets.tests.cast import grant, lead, publish, token
from cultiva.magnets.tests.documents import make_pdf


@pytest.mark.parametrize("kind", ["ebook", "whitepaper", "case_study", "template"])
def test_file_kinds_give_a_file_or_send_to_where_it_lies(huerta: Any, at: datetime, kind: str) -> None:
    for key, settings in (("a", "{file: a.pdf}"), ("b", "{link: 'https://a.example/b'}")):
        text = f"magnet: {key}\nkind: {kind}\nobjective: content\ntitle: {{es: Cosa}}\nsettings: {settings}\n"
        publish_magnet(workspace_id=huerta.id, text=text, files={"a.pdf": make_pdf()}, at=at)
    ana = lead(huerta, at)
    given = [take_download(token=token(grant(ana, key, at), at), at=at, actor="human") for key in ("a", "b")]
    assert given == [Delivery("a.pdf", "application/pdf", make_pdf()), Redirect("https://a.example/b")]
    assert Event.objects.filter(name="download", lead_id=ana.id).count() == 2


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("ebook", "{}", "settings.file: Give the file"),
        ("ebook", "{link: 'http://a.example'}", "must begin with https://"),
        ("template", "{file: evil.csv}", "A file of this sort is not taken"),
        ("discount", "{codes: made}", "Give the percent or the amount"),
        ("discount", "{codes: made, percent: 200}", "settings.percent"),
        ("discount", "{codes: some, percent: 10}", "settings.codes"),
        ("webinar", "{time_zone: Marte, minutes: 60}", "no such time zone"),
        ("video", "{}", "settings.link"),
        ("trial", "{link: 'javascript:alert(1)'}", "settings.link"),
        ("referral", "{form: guia, reward: nada}", "there is no magnet `nada`"),
    ],
)
def test_it_says_what_is_wrong_with_the_settings(
    huerta: Any, at: datetime, kind: str, settings: str, words: str
) -> None:
    text = f"magnet: x\nkind: {kind}\nobjective: content\ntitle: {{es: Cosa}}\nsettings: {settings}\n"
    with pytest.raises(DocumentError) as refused:
        publish_magnet(workspace_id=huerta.id, text=text, files={"evil.csv": b"<script>alert(1)</script>"}, at=at)
    assert words in str(refused.value)


def test_it_tells_all_that_is_wrong_at_once(huerta: Any, at: datetime) -> None:
    with pytest.raises(DocumentError) as refused:
        publish(huerta, "video", at, settings="settings: {}", more="persona: nobody\nlibrary: maybe\n")
    assert [error.place for error in refused.value.errors] == [
        "video, persona",
        "video, library",
        "video, settings.link",
    ]


def test_the_link_of_a_trial_is_signed_for_its_lead_and_ends(huerta: Any, at: datetime) -> None:
    publish(huerta, "trial", at)
    granted = grant(lead(huerta, at), "trial", at)
    given = take_download(token=token(granted, at), at=at, actor="human")
    assert isinstance(given, Redirect)
    query = {name: values[0] for name, values in parse_qs(urlsplit(given.address).query).items()}
    until = str(int((at + timedelta(days=14)).timestamp()))
    proof = hmac.new(secret_of(huerta.id, "trial").encode(), f"{granted.id}.{until}".encode(), hashlib.sha256)
    assert query == {
        "plan": "pro", "cultiva_grant": str(granted.id), "cultiva_until": until, "cultiva_signature": proof.hexdigest(),
    }  # fmt: skip
    assert Event.objects.filter(name="magnet_opened").count() == 1


def test_each_quarter_of_a_video_counts_once(huerta: Any, at: datetime) -> None:
    publish(huerta, "video", at)
    link = token(grant(lead(huerta, at), "video", at), at)
    for percent in ("25", "25", "50"):
        act_on(token=link, act="progress", fields={"percent": percent}, at=at)
    with pytest.raises(CannotAct):
        act_on(token=link, act="progress", fields={"percent": "33"}, at=at)
    seen = Event.objects.filter(name="video_progress").order_by("id")
    assert [event.properties for event in seen] == [
        {"magnet": "video", "percent": 25}, {"magnet": "video", "percent": 50},
    ]  # fmt: skip
