"""Offers: published, granted once, downloaded through links that expire."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.signing import BadLink, sign_until
from cultiva.magnets.actions import ExpiredDownload, download_link, grant_magnet, publish_magnet, take_download
from cultiva.magnets.kinds import Delivery
from cultiva.magnets.models import Grant, MagnetFile, MagnetVersion
from cultiva.magnets.tests.documents import EBOOK, make_pdf


@pytest.fixture
def ebook(huerta: Any, at: datetime) -> MagnetVersion:
    return publish_magnet(workspace_id=huerta.id, text=EBOOK, files={"guia-riego.pdf": make_pdf()}, at=at)


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    return save_lead(
        workspace_id=huerta.id, email="ana@example.com", attributes={}, language="es", source_kind="form", at=at
    )[0]


def grant_to(lead: Lead, at: datetime) -> Grant:
    return grant_magnet(workspace_id=lead.workspace_id, lead_id=lead.id, magnet="guia-riego", at=at)


def token_of(path: str) -> str:
    assert path.startswith("/d/")
    return path.removeprefix("/d/")


def test_a_magnet_keeps_its_file_by_its_hash(huerta: Any, ebook: MagnetVersion) -> None:
    file = MagnetFile.objects.get(workspace_id=huerta.id)
    assert ebook.body["settings"] == {"file": file.sha256}
    assert (file.name, file.content_type, bytes(file.content)) == ("guia-riego.pdf", "application/pdf", make_pdf())


def test_publishing_again_needs_no_file_and_makes_no_version(huerta: Any, ebook: MagnetVersion, at: datetime) -> None:
    again = publish_magnet(workspace_id=huerta.id, text=EBOOK, files={}, at=at)
    changed = publish_magnet(workspace_id=huerta.id, text=EBOOK, files={"guia-riego.pdf": make_pdf("Otra")}, at=at)
    assert (again.id, changed.version) == (ebook.id, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not a pdf</html>",
        b"%PDF-1.4\nnothing else",
        make_pdf()[:-30],
        make_pdf().replace(b"startxref\n", b"startxref\n9"),
        b"MZ\x90\x00" + b"\x00" * 2000 + make_pdf(),
    ],
)
def test_it_refuses_what_only_calls_itself_a_pdf(huerta: Any, at: datetime, content: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_magnet(workspace_id=huerta.id, text=EBOOK, files={"guia-riego.pdf": content}, at=at)
    assert refused.value.place == "guia-riego, settings.file"
    assert not MagnetFile.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("kind: ebook", "kind: ebok"), "did you mean `ebook`?"),
        (("objective: content", "objective: fame"), "accepted: content, subscription"),
        (("settings: {file: guia-riego.pdf}", "settings: {fil: guia-riego.pdf}"), "did you mean `file`?"),
        (("settings: {file: guia-riego.pdf}", "settings: {file: otra.pdf}"), "there is no file 'otra.pdf'"),
        (("settings: {file: guia-riego.pdf}", "settings: {}"), "settings.file"),
        (("en: The drip", "fr: The drip"), "unknown key `fr`"),
    ],
)
def test_it_says_what_is_wrong_with_a_magnet(huerta: Any, at: datetime, change: tuple[str, str], words: str) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_magnet(workspace_id=huerta.id, text=EBOOK.replace(*change), files={"guia-riego.pdf": make_pdf()}, at=at)
    assert words in str(refused.value)


def test_a_magnet_is_granted_once(huerta: Any, ana: Lead, at: datetime) -> None:
    first = grant_to(ana, at)
    again = grant_to(ana, at + timedelta(days=1))
    assert (again.id, again.granted_at) == (first.id, at)
    event = Event.objects.get(workspace_id=huerta.id, name="magnet_granted")
    assert (event.kind, event.by, event.lead_id) == ("track", "system", ana.id)
    assert event.properties == {"magnet": "guia-riego", "grant": first.id}


def test_a_link_gives_the_file_for_fourteen_days_and_says_so(
    huerta: Any, ebook: MagnetVersion, ana: Lead, at: datetime
) -> None:
    link = token_of(download_link(grant_to(ana, at), at))
    delivery = take_download(token=link, at=at + timedelta(days=14), actor="human")
    assert isinstance(delivery, Delivery)
    assert (delivery.name, delivery.content_type) == ("guia-riego.pdf", "application/pdf")
    assert delivery.content == make_pdf()
    event = Event.objects.get(workspace_id=huerta.id, name="download")
    assert (event.by, event.actor, event.lead_id) == ("lead", "human", ana.id)
    assert event.properties == {"magnet": "guia-riego", "asset": "guia-riego"}


def test_an_expired_link_says_what_it_gave(huerta: Any, ebook: MagnetVersion, ana: Lead, at: datetime) -> None:
    link = token_of(download_link(grant_to(ana, at), at))
    with pytest.raises(ExpiredDownload) as expired:
        take_download(token=link, at=at + timedelta(days=14, seconds=1), actor="human")
    assert (expired.value.workspace_id, expired.value.magnet) == (huerta.id, "guia-riego")
    assert not Event.objects.filter(name="download").exists()


def test_a_forged_link_gives_nothing(huerta: Any, other_co: Any, ebook: MagnetVersion, ana: Lead, at: datetime) -> None:
    grant = grant_to(ana, at)
    link = token_of(download_link(grant, at))
    later = at + timedelta(days=1)
    moved = sign_until("download", later, other_co.id, grant.id)
    nobodys = sign_until("download", later, huerta.id, 0)
    of_another_kind = sign_until("thanks", later, huerta.id, grant.id)
    for forged in (link[:-2], link + "0", "x", moved, nobodys, of_another_kind):
        with pytest.raises(BadLink):
            take_download(token=forged, at=at, actor="human")


def test_another_workspace_sees_no_magnet(huerta: Any, other_co: Any, ebook: MagnetVersion) -> None:
    with workspace_scope(other_co.id):
        assert not MagnetVersion.objects.exists()
        assert not MagnetFile.objects.exists()
        assert MagnetVersion.current(huerta.id, "guia-riego") is None
