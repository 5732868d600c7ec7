"""Reading a form's document: the fields it asks, and what it refers to."""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from cultiva.accounts.models import Membership, Workspace
from cultiva.capture.asking import read_condition
from cultiva.capture.fields import FieldKind
from cultiva.capture.fields.text import AUTOCOMPLETE
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import Notice, read_choice, read_key, read_languages, read_text
from cultiva.leads.values import country_of_zone
from cultiva.lib.documents import DocumentError, check_keys, read_document
from cultiva.lib.plugins import UnknownKind, plugin
from cultiva.magnets.actions import OBJECTIVES
from cultiva.magnets.models import MagnetVersion

Json = dict[str, Any]

PAGE_TEXTS = ("title", "intro", "button", "thanks")
REQUIRED_KEYS = ("form", "objective", "policy", "fields", "languages")
OPTIONAL_KEYS = (
    "magnet", "purposes", "then", "notify", "origins", "proof_of_work", "unknown_at_most", "subscriptions",
)  # fmt: skip
OWN_FIELD_KEYS = ("key", "kind", "label", "required", "help", "when", "ask", "prefill")
ASKED = ("always", "unknown")
MAX_FIELDS, MAX_ORIGINS, MAX_NOTIFIED, MAX_STEPS = 40, 20, 20, 10
MESSAGE, DOWNLOAD = "message", "download"
ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?")


def read_form(text: str, *, workspace_id: int) -> Notice:
    """A form from its YAML, checked against the workspace's policies, purposes and magnets. Raises DocumentError."""
    document = read_document(text, name="form")
    found = check_keys(document, allowed=(*REQUIRED_KEYS, *OPTIONAL_KEYS), required=REQUIRED_KEYS, place="form")
    key = read_key(found["form"], "form")
    languages = {
        language: _read_page(content, f"{key}, languages.{language}")
        for language, content in read_languages(found["languages"], place=key).items()
    }
    policy = _find("policy", PolicyVersion.current, workspace_id, found["policy"], languages, f"{key}, policy")
    body = {
        "objective": read_choice(found["objective"], OBJECTIVES, f"{key}, objective"),
        "magnet": _read_magnet(found.get("magnet"), workspace_id, f"{key}, magnet"),
        "policy": policy.key,
        "purposes": _read_purposes(found.get("purposes"), workspace_id, languages, f"{key}, purposes"),
        "fields": read_fields(found["fields"], languages, f"{key}, fields", country=_country(workspace_id)),
        "languages": languages,
    }
    body |= _read_options(found, body, workspace_id, key)
    return Notice(key=key, name=next(iter(languages.values()))["title"][:160], body=body)


def _country(workspace_id: int) -> str:
    return country_of_zone(Workspace.objects.get(id=workspace_id).time_zone)


def _read_page(value: Any, place: str) -> Json:
    found = check_keys(value, allowed=PAGE_TEXTS, required=("title", "button", "thanks"), place=place)
    return {name: read_text(text, f"{place}.{name}") for name, text in found.items()}


def _find(
    noun: str, current: Callable[[int, str], Any], workspace_id: int, key: Any, languages: Json, place: str
) -> Any:
    """The document a form refers to, which must speak every language the form speaks."""
    version = current(workspace_id, key) if isinstance(key, str) else None
    if version is None:
        raise DocumentError(place, f"there is no {noun} {key!r}", "publish it first")
    for language in languages:
        if language not in version.body["languages"]:
            raise DocumentError(place, f"`{key}` has no text in `{language}`", "publish it in that language first")
    return version


def _read_magnet(magnet: Any, workspace_id: int, place: str) -> Any:
    if magnet is not None and (not isinstance(magnet, str) or MagnetVersion.current(workspace_id, magnet) is None):
        raise DocumentError(place, f"there is no magnet {magnet!r}", "publish it first")
    return magnet


def _read_purposes(value: Any, workspace_id: int, languages: Json, place: str) -> list[str]:
    purposes = _read_list(value or [], place, "purposes", most=20)
    for purpose in purposes:
        _find("purpose", PurposeVersion.current, workspace_id, purpose, languages, place)
    return list(dict.fromkeys(purposes))


def _read_options(found: Json, body: Json, workspace_id: int, key: str) -> Json:
    """What a form may leave out; what it leaves out is not in its body."""
    readers: dict[str, Callable[[Any, str], Any]] = {
        "then": lambda value, place: _read_then(value, body["magnet"], place),
        "notify": lambda value, place: _read_notified(value, workspace_id, place),
        "origins": _read_origins,
        "proof_of_work": _read_flag,
        "unknown_at_most": _read_count,
        "subscriptions": lambda value, place: _read_subscriptions(value, body["purposes"], place),
    }
    options = {name: read(found[name], f"{key}, {name}") for name, read in readers.items() if name in found}
    return {name: value for name, value in options.items() if value not in (None, False, [], {}, MESSAGE)}


def _read_then(value: Any, magnet: str | None, place: str) -> Any:
    if value == DOWNLOAD and magnet is None:
        raise DocumentError(place, "there is nothing to download", "name a magnet, or show the message")
    if value in (MESSAGE, DOWNLOAD):
        return value
    hint = f"{MESSAGE}, {DOWNLOAD}, or {{redirect: {{es: https://.., en: https://..}}}}"
    redirect = value.get("redirect") if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(redirect, str):
        redirect = {language: redirect for language in ("es", "en")}
    if not isinstance(redirect, dict):
        raise DocumentError(place, f"{value!r} is nothing that can come then", hint)
    for language, address in redirect.items():
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            raise DocumentError(f"{place}.redirect.{language}", f"{address!r} is no web address", "https://..")
    return {"redirect": read_languages(redirect, place=f"{place}.redirect")}


def _read_notified(value: Any, workspace_id: int, place: str) -> list[str]:
    """Addresses of users of the workspace, as they sign in with."""
    wanted = [each.strip().lower() for each in _read_list(value, place, "addresses", most=MAX_NOTIFIED)]
    members = Membership.objects.filter(workspace_id=workspace_id, user__is_active=True).select_related("user")
    known = {membership.user.email.lower() for membership in members}
    for address in wanted:
        if address not in known:
            raise DocumentError(place, f"nobody in the workspace signs in as {address!r}", _known_people(address))
    return list(dict.fromkeys(wanted))


def _known_people(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError:
        return "an e-mail address is needed"
    return "give that person a role first"


def _read_origins(value: Any, place: str) -> list[str]:
    """Scheme, host and port of the sites that may show or send the form."""
    origins = [each.strip().lower().rstrip("/") for each in _read_list(value, place, "origins", most=MAX_ORIGINS)]
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise DocumentError(place, f"{origin!r} is no origin", "as in https://www.example.com, without a path")
    return list(dict.fromkeys(_without_default_port(origin) for origin in origins))


def _without_default_port(origin: str) -> str:
    return origin.removesuffix(":443") if origin.startswith("https:") else origin.removesuffix(":80")


def _read_flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise DocumentError(place, f"true or false is needed, not {value!r}")
    return value


def _read_count(value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_FIELDS:
        raise DocumentError(place, f"a whole number from 1 to {MAX_FIELDS} is needed, not {value!r}")
    return value


def _read_subscriptions(value: Any, purposes: list[str], place: str) -> Json:
    """{HubSpot's subscription type: purpose}, for calls that were written for it."""
    if not isinstance(value, dict):
        raise DocumentError(place, f"a mapping such as {{999: marketing}} is needed, not {value!r}")
    for number, purpose in value.items():
        if not str(number).isdigit():
            raise DocumentError(place, f"{number!r} is no number of a subscription type")
        if purpose not in purposes:
            raise DocumentError(f"{place}.{number}", f"the form has no purpose {purpose!r}", "add it to `purposes`")
    return {str(number): purpose for number, purpose in value.items()}


def _read_list(value: Any, place: str, noun: str, *, most: int) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
        raise DocumentError(place, f"a list of at most {most} {noun} is needed, not {value!r}")
    return value


def read_fields(value: Any, languages: Json, place: str, *, country: str = "") -> list[Json]:
    if not isinstance(value, list) or not value or len(value) > MAX_FIELDS:
        raise DocumentError(place, f"a list of 1 to {MAX_FIELDS} fields is needed")
    fields: list[Json] = []
    for number, each in enumerate(value):
        fields.append(_read_field(each, fields, languages, f"{place}[{number}]", country))
    keys = [field["key"] for field in fields]
    for key in keys:
        if keys.count(key) > 1:
            raise DocumentError(place, f"the field `{key}` is given twice")
    if not any(_identifies(field) for field in fields):
        hint = "add {key: email, kind: email, required: true, label: ..}, or a phone in the same way"
        raise DocumentError(place, "a form needs a person's address or telephone", hint)
    for kind, most in (("consent", 1), ("step", MAX_STEPS)):
        if sum(field["kind"] == kind for field in fields) > most:
            raise DocumentError(place, f"there are more than {most} fields of kind `{kind}`")
    return fields


def _identifies(field: Json) -> bool:
    return field["key"] == field["kind"] and field["kind"] in ("email", "phone") and "when" not in field


def _read_field(value: Any, earlier: list[Json], languages: Json, place: str, country: str) -> Json:
    kind = _kind_of(value, f"{place}.kind")
    is_question = kind.part == "question"
    needed = ("key", "kind", "label") if is_question or kind.kind == "step" else ("key", "kind")
    found = check_keys(value, allowed=(*OWN_FIELD_KEYS, *kind.Settings.base_fields), required=needed, place=place)
    key = read_key(found["key"], f"{place}.key")
    if "-" in key:  # names with a hyphen are ours: policy box, purposes, token
        raise DocumentError(f"{place}.key", f"{key!r} has a hyphen", "write _ in its place")
    if kind.kind in ("email", "phone") and key in ("email", "phone") and key != kind.kind:
        raise DocumentError(f"{place}.key", f"a field of kind `{kind.kind}` cannot be called `{key}`")
    field = {
        "key": key,
        "kind": kind.kind,
        "label": _read_texts(found["label"], languages, f"{place}.label") if "label" in found else {},
        "required": _read_flag(found.get("required", False), f"{place}.required"),
        "settings": _read_settings(kind, key, found, languages, place, country),
    }
    return field | _read_asking(found, kind, earlier, languages, place)


def _kind_of(value: Any, place: str) -> type[FieldKind]:
    try:
        found: type[FieldKind] = plugin("fields", str(value.get("kind") if isinstance(value, dict) else None))
    except UnknownKind as error:
        raise DocumentError(place, str(error)) from error
    return found


def _read_settings(kind: type[FieldKind], key: str, found: Json, languages: Json, place: str, country: str) -> Json:
    form = kind.Settings(data={name: found[name] for name in kind.Settings.base_fields if name in found})
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        raise DocumentError(f"{place}.{name}", " ".join(str(error) for error in errors))
    settings = {name: setting for name, setting in form.cleaned_data.items() if setting not in (None, "", [], {})}
    for name, setting in settings.items():
        if isinstance(setting, dict):
            _read_texts(setting, languages, f"{place}.{name}")
    if kind.kind == "text" and key in AUTOCOMPLETE:
        settings = {"autocomplete": AUTOCOMPLETE[key]} | settings
    if kind.kind == "phone" and country:
        settings = {"country": country} | settings
    return settings


def _read_asking(found: Json, kind: type[FieldKind], earlier: list[Json], languages: Json, place: str) -> Json:
    """Help, and when a field is asked; what is not given is not in the body."""
    asking: Json = {}
    if "help" in found:
        asking["help"] = _read_texts(found["help"], languages, f"{place}.help")
    for name in ("ask", "prefill"):
        if name in found and (kind.part != "question" or not kind.is_attribute):
            raise DocumentError(f"{place}.{name}", f"a field of kind `{kind.kind}` has no `{name}`")
    if read_choice(found.get("ask", ASKED[0]), ASKED, f"{place}.ask") != ASKED[0]:
        asking["ask"] = found["ask"]
    if _read_flag(found.get("prefill", False), f"{place}.prefill"):
        asking["prefill"] = True
    if "when" in found:
        if kind.part in ("step", "consent"):
            raise DocumentError(f"{place}.when", f"a field of kind `{kind.kind}` is always there")
        read_condition(found["when"], earlier=answers_of(earlier), place=f"{place}.when")
        asking["when"] = found["when"]
    return asking


def answers_of(fields: list[Json]) -> list[str]:
    """The keys of the fields whose answers are attributes of the lead."""
    kinds = {field["key"]: plugin("fields", field["kind"]) for field in fields}
    return [key for key, kind in kinds.items() if kind.part == "question" and kind.is_attribute]


def _read_texts(value: Any, languages: Json, place: str) -> Json:
    found = read_languages(value, place=place)
    for language in languages:
        if language not in found:
            raise DocumentError(place, f"there is no text in `{language}`")
    return {language: read_text(text, f"{place}.{language}") for language, text in found.items()}
