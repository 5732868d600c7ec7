"""What a website's visitors are asked before their visits count: one notice a workspace, in its languages.

Its two buttons differ in their words alone (the Spanish authority's guide on cookies, 2023: refusing in the first
layer, at the same level and as visible), it asks again no later than after 24 months, and nothing here makes a choice
for anybody.
"""

import re
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.consent.models import CookieNoticeVersion
from cultiva.consent.notices import Notice, read_choice, read_languages, read_text
from cultiva.documents.normal import write_yaml
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, read_document

Json = dict[str, Any]

KEY = "site"  # a workspace has one such document
POSITIONS = ("corner", "bottom", "center")
THEMES = ("auto", "light", "dark")
LONGEST_MONTHS = 24
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
WORDS = ("title", "text", "reject", "accept", "reopen")
LINK = ("policy_label", "policy_url")
MOST = {"text": 1000, "title": 120, "policy_url": 500}

STARTER: Json = {
    "cookie_notice": KEY,
    "position": "corner",
    "theme": "auto",
    "colour": "#1f6f43",
    "ask_again_after_months": 12,
    "reopens": True,
    "languages": {
        "es": {
            "title": "¿Nos dejas medir tu visita?",
            "text": "Con tu permiso guardamos una cookie propia para saber qué páginas ves y qué te interesa. No la"
            " compartimos con nadie. Puedes cambiar de opinión cuando quieras, aquí mismo.",
            "reject": "Rechazar",
            "accept": "Aceptar",
            "reopen": "Cookies",
        },
        "en": {
            "title": "May we measure your visit?",
            "text": "With your permission we keep a cookie of our own to know which pages you see and what interests"
            " you. We share it with nobody. You may change your mind at any time, right here.",
            "reject": "Reject",
            "accept": "Accept",
            "reopen": "Cookies",
        },
    },
}


def read_cookie_notice(text: str) -> Notice:
    """A notice from its YAML, with what it leaves to us filled in. Raises DocumentError, telling all mistakes."""
    mistakes = Mistakes()
    found = check_keys(
        read_document(text, name="cookie notice"),
        allowed=tuple(STARTER), required=("cookie_notice", "languages"), place="cookie_notice", mistakes=mistakes,
    )  # fmt: skip
    if found["cookie_notice"] != KEY:
        problem = gettext("there is no %(value)r") % {"value": found["cookie_notice"]}
        hint = gettext("write `%(line)s`") % {"line": f"cookie_notice: {KEY}"}
        mistakes.errors.append(DocumentError("cookie_notice", problem, hint))
    given = {key: found.get(key, STARTER[key]) for key in STARTER}
    body: Json = {
        "position": mistakes.of(read_choice, given["position"], POSITIONS, "position"),
        "theme": mistakes.of(read_choice, given["theme"], THEMES, "theme"),
        "colour": mistakes.of(_read_colour, given["colour"], "colour"),
        "ask_again_after_months": mistakes.of(_read_months, given["ask_again_after_months"], "ask_again_after_months"),
        "reopens": mistakes.of(_read_truth, given["reopens"], "reopens"),
        "languages": {},
    }
    for language, content in (mistakes.of(read_languages, given["languages"], place=KEY) or {}).items():
        body["languages"][language] = mistakes.of(_read_words, content, f"languages.{language}")
    mistakes.tell()
    return Notice(key=KEY, name=next(iter(body["languages"].values()))["title"], body=body)


def publish_cookie_notice(*, workspace_id: int, text: str, at: datetime) -> CookieNoticeVersion:
    """A new version, which pages show within the hour. Raises DocumentError."""
    notice = read_cookie_notice(text)
    with workspace_scope(workspace_id):
        return CookieNoticeVersion.publish(
            workspace_id=workspace_id, key=notice.key, name=notice.name, body=notice.body, source_text=text, at=at
        )


def current_notice(workspace_id: int) -> CookieNoticeVersion | None:
    return CookieNoticeVersion.current(workspace_id, KEY)


def shown_notice(body: Json, *, version: int, category: str) -> Json:
    """What the banner's script reads: the document, its version, the name of the consent, and the buttons' ink."""
    return {**body, "ink": ink_on(body["colour"]), "version": version, "category": category}


def starter_notice() -> str:
    return write_yaml(STARTER)


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more: at least 4.5 to 1 on any colour (WCAG 2.2, relative luminance)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _read_words(value: Any, place: str) -> Json:
    found = check_keys(value, allowed=(*WORDS, *LINK), required=WORDS, place=place)
    mistakes = Mistakes()
    words = {key: mistakes.of(read_text, text, f"{place}.{key}") for key, text in found.items()}
    mistakes.tell()
    for key, text in words.items():
        most = MOST.get(key, 40)
        if len(text) > most:
            problem = gettext("%(count)s characters are too many") % {"count": len(text)}
            hint = gettext("at most %(most)s") % {"most": most}
            mistakes.errors.append(DocumentError(f"{place}.{key}", problem, hint))
    if ("policy_url" in words) != ("policy_label" in words):
        problem = gettext("a link has words and an address")
        hint = gettext("give both, `policy_label` and `policy_url`, or neither")
        mistakes.errors.append(DocumentError(place, problem, hint))
    address = words.get("policy_url", "/")
    if not address.startswith(("https://", "http://")) and not (address[0] == "/" and address[1:2] != "/"):
        problem = gettext("%(value)r is no address") % {"value": address}
        hint = gettext("begin with https:// or, on the same site, with /")
        mistakes.errors.append(DocumentError(f"{place}.policy_url", problem, hint))
    mistakes.tell()
    return {key: words[key] for key in (*WORDS, *LINK) if key in words}


def _read_colour(value: Any, place: str) -> str:
    if isinstance(value, str) and COLOUR.fullmatch(value):
        return value.lower()
    problem = gettext("%(value)r is no colour") % {"value": value}
    raise DocumentError(place, problem, gettext("write it as `%(line)s`") % {"line": "'#1f6f43'"})


def _read_months(value: Any, place: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_MONTHS:
        return value
    problem = gettext("%(value)r is no number of months") % {"value": value}
    raise DocumentError(place, problem, gettext("from 1 to %(most)s") % {"most": LONGEST_MONTHS})


def _read_truth(value: Any, place: str) -> bool:
    if isinstance(value, bool):
        return value
    raise DocumentError(place, gettext("%(value)r is neither true nor false") % {"value": value})
