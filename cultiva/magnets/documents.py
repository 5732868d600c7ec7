"""Reading the document of an offer: what every magnet says, and its kind's own settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from cultiva.consent.notices import read_choice, read_key, read_languages, read_text
from cultiva.criteria.references import Name
from cultiva.lib.documents import (
    DocumentError,
    Mistakes,
    SeveralErrors,
    check_keys,
    errors_of,
    nearest,
    read_document,
)
from cultiva.lib.plugins import plugins
from cultiva.lib.uploads import Upload
from cultiva.magnets.kinds import MagnetField, MagnetKind
from cultiva.magnets.models import MagnetFile, MagnetVersion
from cultiva.segments.persona_models import Persona

Json = dict[str, Any]

OBJECTIVES = ("content", "subscription", "quote", "purchase", "service")
REQUIRED_KEYS = ("magnet", "kind", "objective", "title", "settings")
OPTIONAL_KEYS = ("intro", "persona", "stage", "library")


@dataclass(frozen=True)
class Offer:
    key: str
    name: str
    body: Json
    refers: frozenset[Name]


def read_magnet(text: str, *, workspace_id: int, files: Mapping[str, bytes]) -> Offer:
    """`files`: {name as in the document: content}; they are stored. Raises DocumentError, of all that is wrong."""
    mistakes = Mistakes()
    found = check_keys(
        read_document(text, name="magnet"),
        allowed=(*REQUIRED_KEYS, *OPTIONAL_KEYS),
        required=REQUIRED_KEYS,
        place="magnet",
        mistakes=mistakes,
    )
    key = read_key(found["magnet"], "magnet")
    titles = mistakes.of(_read_texts, found["title"], f"{key}, title")
    body: Json = {
        "kind": found["kind"],
        "objective": mistakes.of(read_choice, found["objective"], OBJECTIVES, f"{key}, objective"),
        "title": titles,
    }
    if found.get("intro"):
        body["intro"] = mistakes.of(_read_texts, found["intro"], f"{key}, intro")
    if found.get("persona"):
        body["persona"] = mistakes.of(_read_persona, found["persona"], workspace_id, f"{key}, persona")
    if found.get("stage"):
        body["stage"] = mistakes.of(read_key, found["stage"], f"{key}, stage")
    if mistakes.of(_read_flag, found.get("library", False), f"{key}, library"):
        body["library"] = True
    body["settings"] = mistakes.of(_read_settings, workspace_id, key, found["kind"], found["settings"], files)
    mistakes.tell()
    refers = {("persona", body["persona"])} if "persona" in body else set()
    return Offer(key, next(iter(titles.values()))[:160], body, frozenset(refers | _settings_refer(body)))


def _read_texts(value: Any, place: str) -> dict[str, str]:
    given = read_languages(value, place=place)
    return {language: read_text(text, f"{place}.{language}") for language, text in given.items()}


def _read_persona(value: Any, workspace_id: int, place: str) -> str:
    known = list(Persona.objects.filter(workspace_id=workspace_id).order_by("key").values_list("key", flat=True))
    if value not in known:
        raise DocumentError(place, gettext("no persona `%(key)s`") % {"key": value}, nearest(value, known))
    return str(value)


def _read_flag(value: Any, place: str) -> bool:
    if isinstance(value, bool):
        return value
    raise DocumentError(place, gettext("true or false is needed, not %(value)r") % {"value": value})


def kind_class(kind: Any, place: str) -> type[MagnetKind]:
    """Raises DocumentError with the nearest word."""
    if not isinstance(kind, str) or kind not in plugins("kinds"):
        words = gettext("no kind `%(kind)s`") % {"kind": kind}
        raise DocumentError(f"{place}, kind", words, nearest(kind, sorted(plugins("kinds"))))
    found: type[MagnetKind] = plugins("kinds")[kind]
    return found


def file_fields(form: type[forms.Form]) -> list[str]:
    return [name for name, field in form.base_fields.items() if isinstance(field, forms.FileField)]


def magnet_fields(form: type[forms.Form]) -> list[str]:
    return [name for name, field in form.base_fields.items() if isinstance(field, MagnetField)]


def _read_settings(workspace_id: int, key: str, kind: Any, settings: Any, files: Mapping[str, bytes]) -> Json:
    """The kind's settings as stored: checked by its own form, files replaced by their SHA-256."""
    form_class = kind_class(kind, key).Settings
    place = f"{key}, settings"
    given = check_keys(settings, allowed=tuple(form_class.base_fields), place=place)
    uploads = {
        name: SimpleUploadedFile(given[name], _content(workspace_id, given[name], files, f"{place}.{name}"))
        for name in file_fields(form_class)
        if given.get(name)
    }
    form = form_class(data=given, files=MultiValueDict({name: [file] for name, file in uploads.items()}))
    if not form.is_valid():
        raise SeveralErrors(errors_of(form, place))
    for name in magnet_fields(form_class):
        if form.cleaned_data[name]:
            _check_magnet(workspace_id, key, form.cleaned_data[name], f"{place}.{name}")
    stored = {name: _stored(workspace_id, value) for name, value in form.cleaned_data.items()}
    return {name: value for name, value in stored.items() if value not in (None, "", False)}


def _check_magnet(workspace_id: int, key: str, other: str, place: str) -> None:
    if other == key or MagnetVersion.current(workspace_id, other) is None:
        words = gettext("there is no %(kind)s `%(key)s`") % {"kind": "magnet", "key": other}
        raise DocumentError(place, words, gettext("publish it first"))


def _settings_refer(body: Json) -> set[Name]:
    names = magnet_fields(plugins("kinds")[body["kind"]].Settings)
    return {("magnet", body["settings"][name]) for name in names if name in body["settings"]}


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
    if isinstance(value, Upload):
        return store_file(workspace_id, value)
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def store_file(workspace_id: int, file: Upload) -> str:
    """Its SHA-256. The same content again is the same file."""
    digest = hashlib.sha256(file.content).hexdigest()
    kept = MagnetFile(
        workspace_id=workspace_id, sha256=digest, name=file.name, content_type=file.content_type, content=file.content
    )
    MagnetFile.objects.bulk_create([kept], ignore_conflicts=True)
    return digest
