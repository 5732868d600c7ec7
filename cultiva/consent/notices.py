"""Reading what a company tells people about their data: policies (two layers, art. 13 GDPR) and purposes.

A policy that leaves out a part the law asks for is not published; the error names the part in the policy's language.
Which parts there are, the jurisdiction says. They are found by words: a row of the first layer by its term, a part of
the second layer anywhere in its text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, gettext_noop

from cultiva.accounts.models import LANGUAGES
from cultiva.consent.jurisdictions import DEFAULT, Jurisdiction, find_jurisdiction
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, read_document
from cultiva.lib.folding import fold

Json = dict[str, Any]

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
PROFILING_BASES = ("legitimate_interest", "consent", "none")
CHANNELS = ("email", "phone", "sms", "whatsapp", "post", "none")
INTEREST = "legitimate_interest"
BASES = ("consent", "contract", "soft_opt_in", INTEREST)
TRANSACTIONAL = "transactional"  # not a purpose anybody consents to: a closed list of system mails
PROFILING = "profiling"  # the purpose whose tick lets a lead be scored where the basis is consent

PROFILES = {"es": ("elaboración de perfiles", "perfil"), "en": ("profiling", "profil")}


@dataclass(frozen=True)
class Notice:
    """A document ready to be published."""

    key: str
    name: str
    body: Json


def read_policy(text: str, *, jurisdiction: str = DEFAULT) -> Notice:
    """A policy from its YAML. Raises DocumentError, also for a missing part that the law asks for.

    `jurisdiction`: where the policy names none itself.
    """
    found = check_keys(
        read_document(text, name="policy"),
        allowed=("policy", "jurisdiction", "controller", "profiling", "languages"),
        required=("policy", "controller", "profiling", "languages"),
        place="policy",
    )
    key = read_key(found["policy"], "policy")
    mistakes = Mistakes()
    profiling = mistakes.of(read_choice, found["profiling"], PROFILING_BASES, f"{key}, profiling")
    controller = mistakes.of(_read_controller, found["controller"], f"{key}, controller")
    languages = read_languages(found["languages"], place=key)
    profile = find_jurisdiction(found.get("jurisdiction", jurisdiction), place=f"{key}, jurisdiction")
    own: Json = {"jurisdiction": profile.code} if "jurisdiction" in found else {}
    texts = {
        language: mistakes.of(
            _read_policy_language, content, language, profiling or "none", profile, f"{key}, languages.{language}"
        )
        for language, content in languages.items()
    }
    mistakes.tell()
    body: Json = own | {"controller": controller, "profiling": profiling, "languages": texts}
    return Notice(key=key, name=next(iter(body["languages"].values()))["title"], body=body)


def read_purpose(text: str) -> Notice:
    """A purpose from its YAML: what one box asks for. Raises DocumentError."""
    found = check_keys(
        read_document(text, name="purpose"),
        allowed=("purpose", "channel", "position", "bases", "languages"),
        required=("purpose", "channel", "languages"),
        place="purpose",
    )
    key = read_key(found["purpose"], "purpose")
    if key == TRANSACTIONAL:
        raise DocumentError(
            "purpose",
            gettext("`%(transactional)s` is what system mails are called; nobody consents to them")
            % {"transactional": TRANSACTIONAL},
        )
    position = found.get("position", 0)
    if not isinstance(position, int) or isinstance(position, bool):
        raise DocumentError(
            f"{key}, position", gettext("a whole number is needed, not %(value)r") % {"value": position}
        )
    languages = {}
    for language, content in read_languages(found["languages"], place=key).items():
        place = f"{key}, languages.{language}"
        label = check_keys(content, allowed=("label",), required=("label",), place=place)["label"]
        languages[language] = {"label": read_text(label, f"{place}.label")}
    channel = read_choice(found["channel"], CHANNELS, f"{key}, channel")
    body: Json = {"channel": channel, "position": position, "languages": languages}
    body |= _read_bases(found.get("bases", ["consent"]), f"{key}, bases")
    return Notice(key=key, name=next(iter(languages.values()))["label"][:160], body=body)


def _read_bases(value: Any, place: str) -> Json:
    """[consent, soft_opt_in, {legitimate_interest: {name, by, on}}]; what allows it beside or instead of a tick."""
    if not isinstance(value, list) or not value:
        raise DocumentError(
            place,
            gettext("a list is needed, not %(value)r") % {"value": value},
            gettext("known: %(listed)s") % {"listed": ", ".join(BASES)},
        )
    bases: list[str] = []
    assessment: Json = {}
    for number, each in enumerate(value, start=1):
        where = f"{place}, {number}"
        if isinstance(each, dict):
            weighed = check_keys(each, allowed=(INTEREST,), required=(INTEREST,), place=where)[INTEREST]
            required = ("name", "by", "on")
            found = check_keys(weighed, allowed=required, required=required, place=where)
            assessment = {name: read_text(text, f"{where}.{name}") for name, text in found.items()}
        bases.append(INTEREST if isinstance(each, dict) else read_choice(each, BASES, where))
    if INTEREST in bases and not assessment:
        problem = gettext("a legitimate interest needs the assessment that weighed it")
        raise DocumentError(place, problem, "{legitimate_interest: {name: .., by: .., on: 2026-03-01}}")
    if bases == ["consent"]:
        return {}
    return {"bases": sorted(set(bases))} | ({"assessment": assessment} if assessment else {})


def bases_of(body: Json) -> list[str]:
    """What allows a purpose, of its version's body."""
    return list(body.get("bases", ["consent"]))


def read_key(value: Any, place: str) -> str:
    if isinstance(value, str) and KEY.fullmatch(value):
        return value
    raise DocumentError(
        place,
        gettext("%(value)r cannot be a key") % {"value": value},
        gettext("use a-z, 0-9, - and _, at most 80 characters"),
    )


def read_choice(value: Any, accepted: tuple[str, ...], place: str) -> str:
    if value in accepted:
        return str(value)
    raise DocumentError(
        place,
        gettext("%(value)r is not known") % {"value": value},
        gettext("accepted: %(listed)s") % {"listed": ", ".join(accepted)},
    )


def read_text(value: Any, place: str) -> str:
    if isinstance(value, str) and value.strip() and "\x00" not in value:
        return value.strip()
    raise DocumentError(place, gettext("a text is needed, not %(value)r") % {"value": value})


def read_languages(value: Any, *, place: str) -> dict[str, Any]:
    """{language: content}, of languages that Cultiva speaks; at least one."""
    known = tuple(dict(LANGUAGES))
    found = check_keys(value, allowed=known, place=f"{place}, languages")
    if not found:
        raise DocumentError(
            f"{place}, languages",
            gettext("at least one language is needed"),
            gettext("known: %(listed)s") % {"listed": ", ".join(known)},
        )
    return found


def _read_controller(value: Any, place: str) -> Json:
    required = ("name", "address", "email")
    found = check_keys(value, allowed=(*required, "dpo_email"), required=required, place=place)
    return {key: read_text(text, f"{place}.{key}") for key, text in found.items()}


def _read_policy_language(value: Any, language: str, profiling: str, profile: Jurisdiction, place: str) -> Json:
    keys = ("title", "label", "first_layer", "text")
    found = check_keys(value, allowed=keys, required=keys, place=place)
    title, label, text = (read_text(found[key], f"{place}.{key}") for key in ("title", "label", "text"))
    rows = _read_rows(found["first_layer"], f"{place}.first_layer")
    terms = fold(" / ".join(term for term, _ in rows))
    notice = profile.notice[language]
    mistakes = Mistakes()
    first_place, text_place = f"{place}.first_layer", f"{place}.text"
    row, write = gettext_noop("give a row with the term «%(part)s»"), gettext_noop("write about «%(part)s»")
    mistakes.of(_refuse_missing, notice["first_layer"], terms, first_place, row)
    mistakes.of(_refuse_missing, notice["second_layer"], fold(text), text_place, write)
    if profiling != "none":
        name, word = PROFILES[language]
        first = fold(" ".join(part for row in rows for part in row))
        say, explain = (
            gettext_noop("say that you build profiles: «%(part)s»"),
            gettext_noop("explain the logic of «%(part)s»"),
        )
        mistakes.of(_refuse_missing, {name: (word,)}, first, first_place, say)
        mistakes.of(_refuse_missing, {name: (word,)}, fold(text), text_place, explain)
    mistakes.tell()
    return {"title": title[:160], "label": label, "first_layer": rows, "text": text}


def _read_rows(value: Any, place: str) -> list[list[str]]:
    if not isinstance(value, list):
        raise DocumentError(place, gettext("a list of [term, text] is needed, not %(value)r") % {"value": value})
    rows = []
    for number, row in enumerate(value, start=1):
        if not isinstance(row, list) or len(row) != 2:
            raise DocumentError(
                f"{place}, row {number}", gettext("a pair [term, text] is needed, not %(value)r") % {"value": row}
            )
        rows.append([read_text(part, f"{place}, row {number}") for part in row])
    return rows


def _refuse_missing(parts: Mapping[str, Sequence[str]], text: str, place: str, way_out: str) -> None:
    """`way_out` is a message's id."""
    mistakes = Mistakes()
    for part, words in parts.items():
        if not any(word in text for word in words):
            problem = gettext("the law asks for «%(part)s», and it is missing") % {"part": part}
            mistakes.errors.append(DocumentError(place, problem, gettext(way_out) % {"part": part}))
    mistakes.tell()
