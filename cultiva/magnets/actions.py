"""Publishing lead magnets, granting them, and handing them out through links that expire."""

import hashlib
import mimetypes
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.utils.translation import gettext

from cultiva.consent.notices import read_choice, read_key, read_languages, read_text
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import tell
from cultiva.lib.database import load_sql, workspace_scope
from cultiva.lib.documents import DocumentError, SeveralErrors, check_keys, errors_of, nearest, read_document
from cultiva.lib.plugins import plugin, plugins
from cultiva.lib.signing import BadLink, ExpiredLink, sign_until, unsign, unsign_until
from cultiva.magnets.kinds import Delivery, MagnetKind
from cultiva.magnets.models import Grant, MagnetFile, MagnetVersion

OBJECTIVES = ("content", "subscription", "quote", "purchase", "service")
DOWNLOAD_LIFE = timedelta(days=14)


class ExpiredDownload(ExpiredLink):
    """The link was good once; `magnet` is what it gave, to be asked for again."""

    def __init__(self, workspace_id: int, magnet: str) -> None:
        super().__init__("download")
        self.workspace_id, self.magnet = workspace_id, magnet


def publish_magnet(*, workspace_id: int, text: str, files: Mapping[str, bytes], at: datetime) -> MagnetVersion:
    """A new version of an offer. `files`: {name as in the document: content}. Raises DocumentError."""
    keys = ("magnet", "kind", "objective", "title", "settings")
    found = check_keys(read_document(text, name="magnet"), allowed=keys, required=keys, place="magnet")
    key = read_key(found["magnet"], "magnet")
    titles = {
        language: read_text(title, f"{key}, title.{language}")
        for language, title in read_languages(found["title"], place=f"{key}, title").items()
    }
    with workspace_scope(workspace_id):
        body = {
            "kind": found["kind"],
            "objective": read_choice(found["objective"], OBJECTIVES, f"{key}, objective"),
            "title": titles,
            "settings": _read_settings(workspace_id, key, found["kind"], found["settings"], files),
        }
        return MagnetVersion.publish(
            workspace_id=workspace_id,
            key=key,
            name=next(iter(titles.values()))[:160],
            body=body,
            source_text=text,
            at=at,
        )


def grant_magnet(
    *, workspace_id: int, lead_id: int, magnet: str, at: datetime, events: list[NewEvent] | None = None
) -> Grant:
    """The lead gets a magnet, once however often they ask; `mailing` answers the event with the delivery mail.

    The event goes into `events` where that is given, for a caller that records several at once.
    """
    parameters = {"workspace": workspace_id, "lead": lead_id, "magnet": magnet, "at": at}
    added = Grant.objects.raw(load_sql("magnets", "grant_magnet"), parameters)
    grant = next(iter(added), None)
    if grant is None:
        return Grant.objects.get(workspace_id=workspace_id, lead_id=lead_id, magnet=magnet)
    granted = NewEvent(
        kind="track",
        name="magnet_granted",
        message_id=f"grant:{grant.id}",
        occurred_at=at,
        lead_id=lead_id,
        by="system",
        actor="machine",  # not an act of the person: no rule counts it
        properties={"magnet": magnet, "grant": grant.id},
    )
    tell([granted], workspace_id=workspace_id, at=at, into=events)
    return grant


def download_link(grant: Grant, at: datetime) -> str:
    """The path that gives the magnet to whoever follows it within 14 days. It tells nothing about the lead."""
    return f"/d/{sign_until('download', at + DOWNLOAD_LIFE, grant.workspace_id, grant.id)}"


def take_download(*, token: str, at: datetime, actor: str) -> Delivery:
    """The content of a download link, and the event that says so. Raises BadLink or ExpiredDownload.

    `actor`: human, machine or unknown, as far as the door can tell.
    """
    _, workspace_id, grant_id = unsign("download", token)
    with workspace_scope(workspace_id):
        grant = Grant.objects.filter(workspace_id=workspace_id, id=grant_id).first()
        if grant is None:
            raise BadLink("download")
        try:
            unsign_until("download", token, at)
        except ExpiredLink as error:
            raise ExpiredDownload(workspace_id, grant.magnet) from error
        delivery = deliver(grant)
        taken = NewEvent(
            kind="track",
            name="download",
            message_id=f"download:{grant.id}:{at.isoformat()}",
            occurred_at=at,
            lead_id=grant.lead_id,
            actor=actor,
            properties={"magnet": grant.magnet, "asset": grant.magnet},
        )
        record_events(workspace_id=workspace_id, events=[taken], received_at=at)
    return delivery


def deliver(grant: Grant) -> Delivery:
    """What the grant gives, by the magnet's version now in force. Raises BadLink where the magnet is gone."""
    version = MagnetVersion.current(grant.workspace_id, grant.magnet)
    if version is None:
        raise BadLink("download")
    kind: MagnetKind = plugin("kinds", version.body["kind"])(version.body["settings"])
    return kind.deliver(grant)


def _read_settings(workspace_id: int, key: str, kind: str, settings: Any, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The kind's settings as stored: checked by its own form, files replaced by their SHA-256."""
    if kind not in plugins("kinds"):
        raise DocumentError(
            f"{key}, kind", gettext("no kind `%(kind)s`") % {"kind": kind}, nearest(kind, sorted(plugins("kinds")))
        )
    form_class = plugins("kinds")[kind].Settings
    place = f"{key}, settings"
    given = check_keys(settings, allowed=tuple(form_class.base_fields), place=place)
    file_fields = [name for name, field in form_class.base_fields.items() if isinstance(field, forms.FileField)]
    uploads = {
        name: SimpleUploadedFile(given[name], _content(workspace_id, given[name], files, f"{place}.{name}"))
        for name in file_fields
        if name in given
    }
    form = form_class(data=given, files=uploads)
    if not form.is_valid():
        raise SeveralErrors(errors_of(form, place))
    return {name: _stored(workspace_id, value) for name, value in form.cleaned_data.items()}


def _content(workspace_id: int, name: Any, files: Mapping[str, bytes], place: str) -> bytes:
    """The file of this name: given now, or stored when an earlier version was published."""
    if name in files:
        return files[name]
    stored = MagnetFile.objects.filter(workspace_id=workspace_id, name=name).order_by("-id").first()
    if stored is None:
        raise DocumentError(
            place,
            gettext("there is no file %(value)r") % {"value": name},
            gettext("give the file together with the document"),
        )
    return bytes(stored.content)


def _stored(workspace_id: int, value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    content = value.read()
    digest = hashlib.sha256(content).hexdigest()
    MagnetFile.objects.bulk_create(
        [
            MagnetFile(
                workspace_id=workspace_id,
                sha256=digest,
                name=value.name or digest,
                content_type=mimetypes.guess_type(value.name or "")[0] or "application/octet-stream",
                content=content,
            )
        ],
        ignore_conflicts=True,
    )
    return digest
