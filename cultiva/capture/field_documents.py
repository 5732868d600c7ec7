"""Reading the fields of a form's document: what each asks, in which words, and of whom."""

from typing import Any

from django.utils.translation import gettext

from cultiva.capture.asking import read_condition
from cultiva.capture.fields import FieldKind
from cultiva.capture.fields.text import AUTOCOMPLETE
from cultiva.consent.notices import read_choice, read_key, read_languages, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, errors_of, nearest
from cultiva.lib.plugins import plugin, plugins

Json = dict[str, Any]

OWN_FIELD_KEYS = ("key", "kind", "label", "required", "help", "when", "ask", "prefill")
ASKED = ("always", "unknown")
MAX_FIELDS, MAX_STEPS = 40, 10


def read_fields(value: Any, languages: Json, place: str, *, country: str = "") -> list[Json]:
    if not isinstance(value, list) or not value or len(value) > MAX_FIELDS:
        words = gettext("a list of 1 to %(max_fields)s fields is needed") % {"max_fields": MAX_FIELDS}
        raise DocumentError(place, words)
    mistakes = Mistakes()
    fields: list[Json] = []
    earlier: list[str] = []
    for number, each in enumerate(value):
        field = mistakes.of(_read_field, each, earlier, languages, f"{place}[{number}]", country)
        # What asks of a field with a mistake is not another mistake.
        earlier += answers_of([field]) if field else [str(each.get("key"))] if isinstance(each, dict) else []
        fields.append(field)
    mistakes.tell()
    Mistakes(_errors_between(fields, place)).tell()
    return fields


def _errors_between(fields: list[Json], place: str) -> list[DocumentError]:
    keys = [field["key"] for field in fields]
    errors = [
        DocumentError(place, gettext("the field `%(key)s` is given twice") % {"key": key})
        for key in dict.fromkeys(keys)
        if keys.count(key) > 1
    ]
    if not any(_identifies(field) for field in fields):
        words = gettext("a form needs a person's address or telephone")
        hint = gettext("add {key: email, kind: email, required: true, label: ..}, or a phone in the same way")
        errors.append(DocumentError(place, words, hint))
    for kind, most in (("consent", 1), ("birth_date", 1), ("step", MAX_STEPS)):
        if sum(field["kind"] == kind for field in fields) > most:
            words = gettext("there are more than %(most)s fields of kind `%(kind)s`") % {"most": most, "kind": kind}
            errors.append(DocumentError(place, words))
    return errors


def _identifies(field: Json) -> bool:
    return field["key"] == field["kind"] and field["kind"] in ("email", "phone") and "when" not in field


def _read_field(value: Any, earlier: list[str], languages: Json, place: str, country: str) -> Json:
    kind = _kind_of(value, f"{place}.kind")
    is_question = kind.part == "question"
    needed = ("key", "kind", "label") if is_question or kind.kind == "step" else ("key", "kind")
    allowed = (*OWN_FIELD_KEYS, *kind.Settings.base_fields)
    mistakes = Mistakes()
    found = check_keys(value, allowed=allowed, required=needed, place=place, mistakes=mistakes)
    key = mistakes.of(_read_field_key, found["key"], kind, f"{place}.key")
    label = mistakes.of(read_texts, found["label"], languages, f"{place}.label") if "label" in found else {}
    is_required = mistakes.of(read_flag, found.get("required", False), f"{place}.required")
    settings = mistakes.of(_read_settings, kind, key, found, languages, place, country)
    asking = mistakes.of(_read_asking, found, kind, earlier, languages, place)
    mistakes.tell()
    field = {"key": key, "kind": kind.kind, "label": label, "required": is_required, "settings": settings}
    return field | asking


def _kind_of(value: Any, place: str) -> type[FieldKind]:
    kind = str(value.get("kind")) if isinstance(value, dict) else ""
    if kind not in plugins("fields"):
        words = gettext("no kind `%(kind)s`") % {"kind": kind}
        raise DocumentError(place, words, nearest(kind, sorted(plugins("fields"))))
    found: type[FieldKind] = plugin("fields", kind)
    return found


def _read_field_key(value: Any, kind: type[FieldKind], place: str) -> str:
    key = read_key(value, place)
    if "-" in key:  # names with a hyphen are ours: policy box, purposes, token
        words = gettext("%(value)r has a hyphen") % {"value": key}
        raise DocumentError(place, words, gettext("write _ in its place"))
    if kind.kind in ("email", "phone") and key in ("email", "phone") and key != kind.kind:
        words = gettext("a field of kind `%(kind)s` cannot be called `%(key)s`") % {"kind": kind.kind, "key": key}
        raise DocumentError(place, words)
    return key


def _read_settings(kind: type[FieldKind], key: str, found: Json, languages: Json, place: str, country: str) -> Json:
    form = kind.Settings(data={name: found[name] for name in kind.Settings.base_fields if name in found})
    mistakes = Mistakes([] if form.is_valid() else errors_of(form, place))
    settings = {name: setting for name, setting in form.cleaned_data.items() if setting not in (None, "", [], {})}
    for name, setting in settings.items():
        if isinstance(setting, dict):
            mistakes.of(read_texts, setting, languages, f"{place}.{name}")
    mistakes.tell()
    if kind.kind == "text" and key in AUTOCOMPLETE:
        settings = {"autocomplete": AUTOCOMPLETE[key]} | settings
    if kind.kind == "phone" and country:
        settings = {"country": country} | settings
    return settings


def _read_asking(found: Json, kind: type[FieldKind], earlier: list[str], languages: Json, place: str) -> Json:
    """Help, and when a field is asked; what is not given is not in the body."""
    mistakes = Mistakes()
    asking: Json = {}
    if "help" in found:
        asking["help"] = mistakes.of(read_texts, found["help"], languages, f"{place}.help")
    for name in ("ask", "prefill"):
        if name in found and (kind.part != "question" or not kind.is_attribute):
            words = gettext("a field of kind `%(kind)s` has no `%(name)s`") % {"kind": kind.kind, "name": name}
            mistakes.errors.append(DocumentError(f"{place}.{name}", words))
    if mistakes.of(read_choice, found.get("ask", ASKED[0]), ASKED, f"{place}.ask") != ASKED[0]:
        asking["ask"] = found["ask"]
    if mistakes.of(read_flag, found.get("prefill", False), f"{place}.prefill"):
        asking["prefill"] = True
    if "when" in found:
        asking["when"] = found["when"]
        if kind.part in ("step", "consent"):
            words = gettext("a field of kind `%(kind)s` is always there") % {"kind": kind.kind}
            mistakes.errors.append(DocumentError(f"{place}.when", words))
        else:
            mistakes.of(read_condition, found["when"], earlier=earlier, place=f"{place}.when")
    mistakes.tell()
    return asking


def answers_of(fields: list[Json]) -> list[str]:
    """The keys of the fields whose answers are attributes of the lead."""
    kinds = {field["key"]: plugin("fields", field["kind"]) for field in fields}
    return [key for key, kind in kinds.items() if kind.part == "question" and kind.is_attribute]


def read_flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise DocumentError(place, gettext("true or false is needed, not %(value)r") % {"value": value})
    return value


def read_texts(value: Any, languages: Json, place: str) -> Json:
    found = read_languages(value, place=place)
    for language in languages:
        if language not in found:
            raise DocumentError(place, gettext("there is no text in `%(language)s`") % {"language": language})
    return {language: read_text(text, f"{place}.{language}") for language, text in found.items()}
