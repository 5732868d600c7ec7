"""Reading a campaign's document, and the tags of its links."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.utils.translation import gettext

from cultiva.consent.notices import read_choice, read_key, read_text
from cultiva.documents.kinds import kinds
from cultiva.lib.documents import DocumentError, Mistakes, check_keys
from cultiva.magnets.actions import OBJECTIVES

Json = dict[str, Any]

KEYS = ("campaign", "name", "objective", "starts_on", "ends_on", "budget", "currency", "links", "costs", "members")
MEMBER_KINDS = ("form", "page", "magnet", "template", "workflow")
MOST = {"links": 200, "costs": 1_000, "members": 200}
MOST_MONEY = Decimal("999999999999.99")
TAG = re.compile(r"[a-z0-9][a-z0-9._~-]{0,99}")


@dataclass(frozen=True)
class Link:
    """An address to be tagged for a campaign."""

    url: str
    source: str
    medium: str
    content: str = ""
    term: str = ""

    def address(self, campaign: str) -> str:
        """The whole address; tags that were in it already give way, all else stays as it is."""
        tags = {
            "utm_source": self.source, "utm_medium": self.medium, "utm_campaign": campaign,
            "utm_content": self.content, "utm_term": self.term,
        }  # fmt: skip
        parts = urlsplit(self.url)
        kept = [
            (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name.lower() not in tags
        ]
        query = urlencode([*kept, *((name, value) for name, value in tags.items() if value)])
        return urlunsplit(parts._replace(query=query))


@dataclass(frozen=True)
class Cost:
    day: date
    amount: Decimal
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """What a campaign is, as `save_campaign` takes it."""

    key: str
    name: str
    objective: str
    starts_on: date | None = None
    ends_on: date | None = None
    budget: Decimal | None = None
    currency: str = "EUR"
    links: tuple[Link, ...] = ()
    costs: tuple[Cost, ...] = ()
    members: tuple[tuple[str, str], ...] = ()  # (kind, key)


def read_campaign(document: Any, *, workspace_id: int) -> Settings:
    """Raises DocumentError with all that is wrong."""
    mistakes = Mistakes()
    found = check_keys(
        document, allowed=KEYS, required=("campaign", "objective"), place="campaign", mistakes=mistakes
    )  # fmt: skip
    key = mistakes.of(read_key, found["campaign"], "campaign")
    starts_on = mistakes.of(_read_day, found.get("starts_on"), "starts_on")
    ends_on = mistakes.of(_read_day, found.get("ends_on"), "ends_on")
    if starts_on and ends_on and ends_on < starts_on:
        words = gettext("%(last)s is before %(first)s") % {"last": ends_on, "first": starts_on}
        mistakes.errors.append(DocumentError("ends_on", words))
    settings = Settings(
        key=key,
        name=mistakes.of(read_text, found.get("name") or key, "name"),
        objective=mistakes.of(read_choice, found["objective"], OBJECTIVES, "objective"),
        starts_on=starts_on,
        ends_on=ends_on,
        budget=mistakes.of(_read_money, found["budget"], "budget") if found.get("budget") is not None else None,
        currency=mistakes.of(_read_currency, found.get("currency") or "EUR"),
        links=tuple(
            mistakes.of(read_link, each, f"links[{n}]") for n, each in enumerate(_list(found, "links", mistakes))
        ),
        costs=tuple(
            mistakes.of(read_cost, each, f"costs[{n}]") for n, each in enumerate(_list(found, "costs", mistakes))
        ),
        members=tuple(mistakes.of(_read_members, found.get("members") or {}, workspace_id) or ()),
    )
    mistakes.tell()
    return settings


def read_link(value: Any, place: str) -> Link:
    mistakes = Mistakes()
    found = check_keys(
        value, allowed=("url", "source", "medium", "content", "term"), required=("url", "source", "medium"),
        place=place, mistakes=mistakes,
    )  # fmt: skip
    url = mistakes.of(_read_url, found["url"], f"{place}.url")
    tags = {
        name: mistakes.of(_read_tag, found.get(name) or "", f"{place}.{name}", is_needed=name in ("source", "medium"))
        for name in ("source", "medium", "content", "term")
    }
    mistakes.tell()
    return Link(url, **tags)


def read_cost(value: Any, place: str) -> Cost:
    mistakes = Mistakes()
    found = check_keys(
        value, allowed=("day", "amount", "note"), required=("day", "amount"), place=place, mistakes=mistakes
    )  # fmt: skip
    day = mistakes.of(_read_needed_day, found["day"], f"{place}.day")
    amount = mistakes.of(_read_money, found["amount"], f"{place}.amount")
    note = found.get("note") or ""
    note = mistakes.of(read_text, note, f"{place}.note") if note else ""
    mistakes.tell()
    return Cost(day, amount, note[:200])


def _read_url(value: Any, place: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_address = False
    if is_address and len(text) <= 1000 and not re.search(r"[\s\x00-\x1f\\<>\"]", text):
        return text
    words = gettext("%(value)r is no address of a page") % {"value": value}
    raise DocumentError(place, words, gettext("write the whole of it: https://www.example.com/page"))


def _read_tag(value: Any, place: str, *, is_needed: bool) -> str:
    if value == "" and not is_needed:
        return ""
    if isinstance(value, str) and TAG.fullmatch(value):
        return value
    words = gettext("%(value)r cannot be a tag") % {"value": value}
    raise DocumentError(place, words, gettext("use a-z, 0-9 and . _ ~ -, at most 100 characters"))


def _read_day(value: Any, place: str) -> date | None:
    return None if value is None else _read_needed_day(value, place)


def _read_needed_day(value: Any, place: str) -> date:
    try:
        found = value if isinstance(value, date) else date.fromisoformat(value)
        if 1990 <= found.year <= 2200:
            return found
    except (TypeError, ValueError):
        pass
    words = gettext("%(value)r is no day") % {"value": value}
    raise DocumentError(place, words, gettext("write it as 2026-03-10"))


def _read_money(value: Any, place: str) -> Decimal:
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
        if found.is_finite() and 0 <= found <= MOST_MONEY:
            return found.quantize(Decimal("0.01"))
    except InvalidOperation:
        pass
    words = gettext("%(value)r is no amount of money") % {"value": value}
    raise DocumentError(place, words, gettext("write it as 1250.50, from 0 up"))


def _read_currency(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch("[A-Z]{3}", value):
        return value
    words = gettext("%(value)r is no currency") % {"value": value}
    raise DocumentError("currency", words, gettext("a code of three letters, such as EUR"))


def _list(found: Json, name: str, mistakes: Mistakes) -> list[Any]:
    value = found.get(name) or []
    if isinstance(value, list) and len(value) <= MOST[name]:
        return value
    words = gettext("a list of at most %(most)s is needed") % {"most": MOST[name]}
    mistakes.errors.append(DocumentError(name, words))
    return []


def _read_members(value: Any, workspace_id: int) -> list[tuple[str, str]]:
    mistakes, found = Mistakes(), []
    known = kinds()
    for kind, keys in check_keys(value, allowed=member_kinds(), place="members").items():
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            words = gettext("a list of keys is needed, not %(value)r") % {"value": keys}
            mistakes.errors.append(DocumentError(f"members.{kind}", words))
            continue
        for n, key in enumerate(dict.fromkeys(keys)):
            if known[kind].find(workspace_id, key) is None:
                words = gettext("there is no %(kind)s `%(key)s`") % {"kind": kind, "key": key}
                mistakes.errors.append(DocumentError(f"members.{kind}[{n}]", words, gettext("publish it first")))
            found.append((kind, key))
    mistakes.tell()
    return found


def member_kinds() -> tuple[str, ...]:
    """The kinds of documents that may belong to a campaign, of those that are installed."""
    return tuple(kind for kind in MEMBER_KINDS if kind in kinds())


def document_of(settings: Settings) -> Json:
    """As a file says it: what is empty is left out."""
    members: dict[str, list[str]] = {}
    for kind, key in settings.members:
        members.setdefault(kind, []).append(key)
    found: Mapping[str, Any] = {
        "campaign": settings.key,
        "name": settings.name,
        "objective": settings.objective,
        "starts_on": settings.starts_on.isoformat() if settings.starts_on else None,
        "ends_on": settings.ends_on.isoformat() if settings.ends_on else None,
        "budget": float(settings.budget) if settings.budget is not None else None,
        "currency": settings.currency,
        "links": [
            {name: value for name, value in vars(link).items() if value}
            for link in settings.links
        ],
        "costs": [
            {"day": cost.day.isoformat(), "amount": float(cost.amount)} | ({"note": cost.note} if cost.note else {})
            for cost in settings.costs
        ],
        "members": members,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in (None, [], {})}
