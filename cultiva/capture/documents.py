"""Reading a form's document: the fields it asks, and what it refers to."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.fields.text import AUTOCOMPLETE
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import Notice, read_choice, read_key, read_languages, read_text
from cultiva.lib.documents import DocumentError, Mistakes, SeveralErrors, check_keys, errors_of, nearest, read_document
from cultiva.lib.plugins import plugins
from cultiva.magnets.actions import OBJECTIVES
from cultiva.magnets.models import MagnetVersion

Json = dict[str, Any]

PAGE_TEXTS = ("title", "intro", "button", "thanks")
OWN_FIELD_KEYS = ("key", "kind", "label", "required")
MAX_FIELDS = 40


def read_form(text: str, *, workspace_id: int) -> Notice:
    """A form from its YAML, checked against the workspace's policies, purposes and magnets. Raises DocumentError."""
    mistakes = Mistakes()
    found = check_keys(
        read_document(text, name="form"),
        allowed=("form", "objective", "magnet", "policy", "purposes", "fields", "languages"),
        required=("form", "objective", "policy", "fields", "languages"),
        place="form",
        mistakes=mistakes,
    )
    key = read_key(found["form"], "form")
    given = read_languages(found["languages"], place=key)
    languages = {
        language: mistakes.of(_read_page, content, f"{key}, languages.{language}")
        for language, content in given.items()
    }
    place = f"{key}, policy"
    policy = mistakes.of(_find, "policy", PolicyVersion.current, workspace_id, found["policy"], languages, place)
    purposes = mistakes.of(_read_purposes, found.get("purposes") or [], workspace_id, languages, f"{key}, purposes")
    magnet = found.get("magnet")
    if magnet is not None and (not isinstance(magnet, str) or MagnetVersion.current(workspace_id, magnet) is None):
        words = gettext("there is no %(kind)s `%(key)s`") % {"kind": "magnet", "key": magnet}
        mistakes.errors.append(DocumentError(f"{key}, magnet", words, gettext("publish it first")))
    objective = mistakes.of(read_choice, found["objective"], OBJECTIVES, f"{key}, objective")
    fields = mistakes.of(_read_fields, found["fields"], languages, f"{key}, fields")
    mistakes.tell()
    body = {
        "objective": objective,
        "magnet": magnet,
        "policy": policy.key,
        "purposes": purposes,
        "fields": fields,
        "languages": languages,
    }
    return Notice(key=key, name=next(iter(languages.values()))["title"][:160], body=body)


def _read_purposes(found: Any, workspace_id: int, languages: Json, place: str) -> list[str]:
    if not isinstance(found, list):
        raise DocumentError(place, gettext("a list of purposes is needed, not %(value)r") % {"value": found})
    mistakes = Mistakes()
    for purpose in found:
        mistakes.of(_find, "purpose", PurposeVersion.current, workspace_id, purpose, languages, place)
    mistakes.tell()
    return list(dict.fromkeys(found))


def _read_page(value: Any, place: str) -> Json:
    found = check_keys(value, allowed=PAGE_TEXTS, required=("title", "button", "thanks"), place=place)
    return {name: read_text(text, f"{place}.{name}") for name, text in found.items()}


def _find(
    noun: str, current: Callable[[int, str], Any], workspace_id: int, key: Any, languages: Json, place: str
) -> Any:
    """The document a form refers to, which must speak every language the form speaks."""
    version = current(workspace_id, key) if isinstance(key, str) else None
    if version is None:
        raise DocumentError(
            place, gettext("there is no %(kind)s `%(key)s`") % {"kind": noun, "key": key}, gettext("publish it first")
        )
    for language in languages:
        if language not in version.body["languages"]:
            raise DocumentError(
                place,
                gettext("`%(key)s` has no text in `%(language)s`") % {"key": key, "language": language},
                gettext("publish it in that language first"),
            )
    return version


def _read_fields(value: Any, languages: Json, place: str) -> list[Json]:
    if not isinstance(value, list) or not value or len(value) > MAX_FIELDS:
        raise DocumentError(
            place, gettext("a list of 1 to %(max_fields)s fields is needed") % {"max_fields": MAX_FIELDS}
        )
    mistakes = Mistakes()
    fields = [mistakes.of(_read_field, each, languages, f"{place}[{number}]") for number, each in enumerate(value)]
    mistakes.tell()
    keys = [field["key"] for field in fields]
    for key in keys:
        if keys.count(key) > 1:
            raise DocumentError(place, gettext("the field `%(key)s` is given twice") % {"key": key})
    if not any(field["key"] == "email" and field["kind"] == "email" and field["required"] for field in fields):
        raise DocumentError(
            place,
            gettext("a form needs a person's address"),
            gettext("add {key: email, kind: email, required: true, label: ..}"),
        )
    return fields


def _read_field(value: Any, languages: Json, place: str) -> Json:
    kind = str(value.get("kind")) if isinstance(value, dict) else ""
    if kind not in plugins("fields"):
        raise DocumentError(
            f"{place}.kind", gettext("no kind `%(kind)s`") % {"kind": kind}, nearest(kind, sorted(plugins("fields")))
        )
    form_class = plugins("fields")[kind].Settings
    found = check_keys(
        value, allowed=(*OWN_FIELD_KEYS, *form_class.base_fields), required=("key", "kind", "label"), place=place
    )
    key = read_key(found["key"], f"{place}.key")
    if "-" in key:  # names with a hyphen are ours: policy box, purposes, token
        raise DocumentError(
            f"{place}.key", gettext("%(value)r has a hyphen") % {"value": key}, gettext("write _ in its place")
        )
    if not isinstance(found.get("required", False), bool):
        raise DocumentError(
            f"{place}.required", gettext("true or false is needed, not %(value)r") % {"value": found["required"]}
        )
    form = form_class(data={name: found[name] for name in form_class.base_fields if name in found})
    if not form.is_valid():
        raise SeveralErrors(errors_of(form, place))
    settings = {name: setting for name, setting in form.cleaned_data.items() if setting not in (None, "")}
    if kind == "text" and key in AUTOCOMPLETE:
        settings = {"autocomplete": AUTOCOMPLETE[key]} | settings
    return {
        "key": key,
        "kind": kind,
        "label": _read_label(found["label"], languages, f"{place}.label"),
        "required": found.get("required", False),
        "settings": settings,
    }


def _read_label(value: Any, languages: Json, place: str) -> Json:
    found = read_languages(value, place=place)
    for language in languages:
        if language not in found:
            raise DocumentError(place, gettext("there is no label in `%(language)s`") % {"language": language})
    return {language: read_text(text, f"{place}.{language}") for language, text in found.items()}
