"""What people do on social networks, as far as we learn of it: the reserved event `social`.

{network, action, url}: a visit that came from a network, a share by our buttons, what another program or a file tells,
and what staff saw.
"""

import hmac
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from django.conf import settings

from cultiva.events.actions import LedgerEvent, NewEvent, record_events, visitor_of
from cultiva.events.batch import Batch
from cultiva.lib.signing import BadLink, keyed_hash

Json = dict[str, Any]

NAME = "social"
NETWORKS = {
    "facebook": "Facebook", "instagram": "Instagram", "linkedin": "LinkedIn", "x": "X", "tiktok": "TikTok",
    "youtube": "YouTube", "whatsapp": "WhatsApp", "telegram": "Telegram", "pinterest": "Pinterest",
    "reddit": "Reddit", "snapchat": "Snapchat", "threads": "Threads", "bluesky": "Bluesky", "mastodon": "Mastodon",
}  # fmt: skip
OTHER_NAMES = {"fb": "facebook", "ig": "instagram", "li": "linkedin", "twitter": "x", "t.co": "x", "meta": "facebook"}
# What the networks add to addresses, whoever wrote them; all else that is meant by them stays unknown.
CLICK_IDS = {
    "fbclid": "facebook", "li_fat_id": "linkedin", "twclid": "x", "ttclid": "tiktok", "epik": "pinterest",
    "rdt_cid": "reddit", "sccid": "snapchat",
}  # fmt: skip
ACTIONS = ("follow", "like", "comment", "share", "message", "mention")
VISIT, SHARE = "visit", "share"
SHARERS = {
    "linkedin": "https://www.linkedin.com/sharing/share-offsite/?url={url}",
    "facebook": "https://www.facebook.com/sharer/sharer.php?u={url}",
    "x": "https://x.com/intent/post?url={url}&text={text}",
    "whatsapp": "https://wa.me/?text={text}%20{url}",
    "telegram": "https://t.me/share/url?url={url}&text={text}",
}  # fmt: skip


def network_of(name: str) -> str:
    """The network of a name or an `utm_source`; empty where it is none that we know."""
    found = name.strip().lower()
    for domain in (".com", ".org", ".net"):
        found = found.removesuffix(domain)
    found = found.removeprefix("www.").removeprefix("m.").removeprefix("l.")
    found = OTHER_NAMES.get(found, found)
    return found if found in NETWORKS else ""


def social_event(
    *, message_id: str, network: str, action: str, url: str, at: datetime, lead_id: int | None = None,
    visitor: uuid.UUID | None = None, by: str = "lead", actor: str = "human",
) -> NewEvent:  # fmt: skip
    """A network that we do not know keeps its name."""
    properties = {"network": network_of(network) or network.strip().lower()[:40], "action": action.strip().lower()[:40]}
    return NewEvent(
        kind="track", name=NAME, message_id=message_id, occurred_at=at, lead_id=lead_id, visitor=visitor, by=by,
        actor=actor, properties=properties | ({"url": url[:2000]} if url else {}),
    )  # fmt: skip


def derive(batch: Batch) -> None:
    """The step of `flow` that tells visits which came from a social network: once a visit, all in one statement."""
    told = [event for each in batch.events if (event := _visit(each))]
    if told:
        lead_of = {each.visitor: each.lead_id for each in batch.events}
        before = len(batch.events)
        batch.record(told)
        batch.events[before:] = [replace(each, lead_id=lead_of[each.visitor]) for each in batch.events[before:]]


def _visit(event: LedgerEvent) -> NewEvent | None:
    """A click has its own number, by which its visit is known; without one, a day is a visit."""
    if event.kind != "page" or event.visitor is None:
        return None
    network, click = _network_by(event.context)
    if not network:
        return None
    page = event.context.get("page")
    url = page.get("url") if isinstance(page, dict) else None
    return social_event(
        message_id=f"social:{event.visitor}:{network}:{click or event.occurred_at.date()}", network=network,
        action=VISIT, url=url if isinstance(url, str) else "", at=event.occurred_at, visitor=event.visitor,
        actor=event.actor,
    )  # fmt: skip


def _network_by(context: Json) -> tuple[str, str]:
    """(network, click id): by the click id, else by `utm_source`."""
    for name, value in _click_ids(context):
        if name.lower() in CLICK_IDS:
            return CLICK_IDS[name.lower()], str(value)
    campaign = context.get("campaign")
    source = campaign.get("source") if isinstance(campaign, dict) else None
    return network_of(source) if isinstance(source, str) else "", ""


def _click_ids(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for place in ("click_ids", "campaign"):
        found = context.get(place)
        yield from found.items() if isinstance(found, dict) else ()
    page = context.get("page")
    query = page.get("search") if isinstance(page, dict) else None
    if isinstance(query, str) and "=" in query:
        yield from parse_qsl(query.lstrip("?")[:4000])


# Share buttons: plain links to a short path of ours, which counts and goes on to the network.


def share_path(*, slug: str, network: str, url: str, text: str = "", lead_id: int = 0) -> str:
    """What a share button leads to. The address that is shared is signed: nobody can send people elsewhere by it."""
    given = {"u": url, "t": text[:200], "l": str(lead_id)}
    query = urlencode({name: value for name, value in given.items() if value not in ("", "0")})
    return f"{settings.PUBLIC_URL}/s/{slug}/{network}?{query}&k={_mac(slug, url, text[:200], lead_id)}"


def read_share(*, slug: str, network: str, url: str, text: str, lead: str, key: str) -> tuple[str, int]:
    """(where to go, lead id or 0). Raises BadLink."""
    lead_id = int(lead) if lead.isascii() and lead.isdigit() and len(lead) < 19 else 0
    if network not in SHARERS or urlsplit(url).scheme not in ("http", "https"):
        raise BadLink("share")
    if not hmac.compare_digest(key.encode(errors="replace"), _mac(slug, url, text, lead_id).encode()):
        raise BadLink("share")
    joint = "&" if urlsplit(url).query else "?"
    tagged = url if "#" in url else f"{url}{joint}{urlencode({'utm_source': network, 'utm_medium': 'share'})}"
    return SHARERS[network].format(url=quote(tagged, safe=""), text=quote(text, safe="")), lead_id


def record_share(*, workspace_id: int, network: str, url: str, lead_id: int, actor: str, at: datetime) -> None:
    visitor = None if lead_id else visitor_of(workspace_id=workspace_id, source_id=0, anonymous_id=str(uuid.uuid4()))
    told = social_event(
        message_id=str(uuid.uuid4()), network=network, action=SHARE, url=url, at=at, lead_id=lead_id or None,
        visitor=visitor, actor=actor,
    )  # fmt: skip
    record_events(workspace_id=workspace_id, events=[told], received_at=at)


def _mac(slug: str, url: str, text: str, lead_id: int) -> str:
    return keyed_hash("share", f"{slug}\n{url}\n{text}\n{lead_id}")[:32]
