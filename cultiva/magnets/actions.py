"""Publishing lead magnets, granting them, and handing them out through links that expire."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cultiva.criteria.references import forget_references, save_references
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import tell
from cultiva.lib.database import load_sql, workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.signing import BadLink, ExpiredLink, sign_until, unsign, unsign_until
from cultiva.magnets.documents import OBJECTIVES as OBJECTIVES  # noqa: PLC0414 (a face of this room)
from cultiva.magnets.documents import read_magnet
from cultiva.magnets.kinds import Delivery, MagnetKind, Page, Redirect
from cultiva.magnets.models import Grant, MagnetCost, MagnetVersion

Json = dict[str, Any]

DOWNLOAD_LIFE = timedelta(days=14)


class ExpiredDownload(ExpiredLink):
    """The link was good once; `magnet` is what it gave, to be asked for again."""

    def __init__(self, workspace_id: int, magnet: str) -> None:
        super().__init__("download")
        self.workspace_id, self.magnet = workspace_id, magnet


def publish_magnet(*, workspace_id: int, text: str, files: Mapping[str, bytes], at: datetime) -> MagnetVersion:
    """A new version of an offer. `files`: {name as in the document: content}. Raises DocumentError."""
    with workspace_scope(workspace_id):
        offer = read_magnet(text, workspace_id=workspace_id, files=files)
        save_references(workspace_id=workspace_id, kind="magnet", key=offer.key, refers=offer.refers)
        return MagnetVersion.publish(
            workspace_id=workspace_id, key=offer.key, name=offer.name, body=offer.body, source_text=text, at=at
        )


def archive_magnet(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """Take an offer out of use; who got it keeps it on the lead's page. Raises StillUsed where a form gives it."""
    with workspace_scope(workspace_id):
        version = MagnetVersion.current(workspace_id, key)
        if version:
            forget_references(workspace_id=workspace_id, kind="magnet", key=key)
            version.end(by=by, at=at)


def add_cost(*, workspace_id: int, magnet: str, by: str, at: datetime, **given: Any) -> MagnetCost:
    """`given`: amount, what, spent_on."""
    with workspace_scope(workspace_id):
        return MagnetCost.objects.create(workspace_id=workspace_id, magnet=magnet, by=by, entered_at=at, **given)


def remove_cost(*, workspace_id: int, magnet: str, cost_id: int) -> None:
    with workspace_scope(workspace_id):
        MagnetCost.objects.filter(workspace_id=workspace_id, magnet=magnet, id=cost_id).delete()


def grant_magnet(
    *,
    workspace_id: int,
    lead_id: int,
    magnet: str,
    at: datetime,
    via: str = "form",
    origin: Mapping[str, Any] | None = None,
    events: list[NewEvent] | None = None,
) -> Grant:
    """The lead gets a magnet, once however often they ask; `mailing` answers the event with the delivery mail.

    `origin`: what of {form, campaign, page, referral} is known. The event goes into `events` where that is given, for
    a caller that records several at once.
    """
    parameters = {
        "workspace": workspace_id, "lead": lead_id, "magnet": magnet, "at": at, "via": via,
        "origin": json.dumps({name: value for name, value in (origin or {}).items() if value}),
    }  # fmt: skip
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
    kind = getattr(grant, "kind", None)  # beside the columns; none where the magnet was never published
    if kind and is_set_aside(kind):
        kind_of_grant(grant).grant(grant, at)
    return grant


def is_set_aside(kind: str) -> bool:
    """Whether something has to be put by for each lead: most kinds need no more than the row of the grant."""
    return plugin("kinds", kind).grant is not MagnetKind.grant


def kind_of(version: MagnetVersion) -> MagnetKind:
    found: MagnetKind = plugin("kinds", version.body["kind"])(version)
    return found


def kind_of_grant(grant: Grant) -> MagnetKind:
    """By the magnet's version now in force. Raises BadLink where the magnet is gone."""
    version = MagnetVersion.current(grant.workspace_id, grant.magnet)
    if version is None:
        raise BadLink("download")
    return kind_of(version)


def download_link(grant: Grant, at: datetime) -> str:
    """The path that gives the magnet to whoever follows it within 14 days. It tells nothing about the lead."""
    return f"/d/{sign_until('download', at + DOWNLOAD_LIFE, grant.workspace_id, grant.id)}"


def download_url(grant: Grant, at: datetime) -> str:
    return settings.PUBLIC_URL + download_link(grant, at)


def find_grant(*, token: str, at: datetime) -> Grant:
    """What a link gives. Raises BadLink or ExpiredDownload."""
    _, workspace_id, grant_id = unsign("download", token)
    with workspace_scope(workspace_id):
        grant = Grant.objects.filter(workspace_id=workspace_id, id=grant_id).first()
    if grant is None:
        raise BadLink("download")
    try:
        unsign_until("download", token, at)
    except ExpiredLink as error:
        raise ExpiredDownload(workspace_id, grant.magnet) from error
    return grant


def take_download(*, token: str, at: datetime, actor: str) -> Delivery | Redirect | Page:
    """What a link gives, and the event that says that somebody came. Raises BadLink or ExpiredDownload.

    `actor`: human, machine or unknown, as far as the door can tell.
    """
    grant = find_grant(token=token, at=at)
    with workspace_scope(grant.workspace_id):
        kind = kind_of_grant(grant)
        delivery = kind.deliver(grant, at)
        taken = NewEvent(
            kind="track",
            name=kind.opens_as,
            message_id=f"{kind.opens_as}:{grant.id}:{at.isoformat()}",
            occurred_at=at,
            lead_id=grant.lead_id,
            actor=actor,
            properties={"magnet": grant.magnet, "asset": grant.magnet},
        )
        record_events(workspace_id=grant.workspace_id, events=[taken], received_at=at)
    return delivery


def act_on(*, token: str, act: str, fields: Mapping[str, str], at: datetime) -> Grant:
    """A button of a magnet's page was pressed. Raises BadLink, ExpiredDownload or CannotAct."""
    grant = find_grant(token=token, at=at)
    with workspace_scope(grant.workspace_id):
        kind_of_grant(grant).act(grant, act, fields, at)
    return grant
