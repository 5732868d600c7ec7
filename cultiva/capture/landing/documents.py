"""Reading a landing page's document: where it stands, how it looks, what its blocks say."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext

from cultiva.capture.field_documents import read_flag, read_texts
from cultiva.capture.landing.blocks import Block, FormKey, Items, PictureName
from cultiva.capture.landing.themes import THEMES
from cultiva.capture.models import FormVersion, PagePicture
from cultiva.consent.notices import Notice, read_choice, read_key, read_languages, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, errors_of, nearest, read_document
from cultiva.lib.plugins import plugin, plugins

Json = dict[str, Any]

REQUIRED_KEYS = ("page", "languages", "blocks")
OPTIONAL_KEYS = ("path", "theme", "picture", "noindex")
PATH = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:/[a-z0-9]+(?:-[a-z0-9]+)*){0,3}")
OF_POLICIES = re.compile(r"[^/]+/v[0-9]+")  # where the versions of policies stand
MAX_BLOCKS, MAX_PATH = 40, 120
ONCE = ("form", "footer")


def read_page(text: str, *, workspace_id: int) -> Notice:
    """A page from its YAML, checked against the workspace's forms and pictures. Raises DocumentError."""
    mistakes = Mistakes()
    found = check_keys(
        read_document(text, name="page"),
        allowed=(*REQUIRED_KEYS, *OPTIONAL_KEYS),
        required=REQUIRED_KEYS,
        place="page",
        mistakes=mistakes,
    )
    key = read_key(found["page"], "page")
    given = read_languages(found["languages"], place=key)
    languages = {code: mistakes.of(_read_head, content, f"{key}, languages.{code}") for code, content in given.items()}
    path = mistakes.of(_read_path, found.get("path", key.replace("_", "-")), f"{key}, path")
    theme = mistakes.of(read_choice, found.get("theme", "garden"), tuple(THEMES), f"{key}, theme")
    noindex = mistakes.of(read_flag, found.get("noindex", False), f"{key}, noindex")
    blocks = mistakes.of(_read_blocks, found["blocks"], languages, workspace_id, f"{key}, blocks")
    if picture := found.get("picture"):
        mistakes.of(_check_picture, workspace_id, picture, f"{key}, picture")
    mistakes.tell()
    body: Json = {"path": path, "theme": theme, "languages": languages, "blocks": blocks}
    body |= ({"picture": picture} if picture else {}) | ({"noindex": True} if noindex else {})
    return Notice(key=key, name=next(iter(languages.values()))["title"][:160], body=body)


def _read_head(value: Any, place: str) -> Json:
    found = check_keys(value, allowed=("title", "description"), required=("title",), place=place)
    return {name: read_text(text, f"{place}.{name}") for name, text in found.items()}


def _read_path(value: Any, place: str) -> str:
    path = value.strip("/") if isinstance(value, str) else ""
    if not PATH.fullmatch(path) or len(path) > MAX_PATH or OF_POLICIES.fullmatch(path):
        words = gettext("%(value)r is no path of a page") % {"value": value}
        raise DocumentError(place, words, gettext("small letters, figures and hyphens, as in %s") % "guias/riego-2026")
    return path


def _read_blocks(value: Any, languages: Json, workspace_id: int, place: str) -> list[Json]:
    if not isinstance(value, list) or not value or len(value) > MAX_BLOCKS:
        words = gettext("a list of 1 to %(most)s blocks is needed") % {"most": MAX_BLOCKS}
        raise DocumentError(place, words)
    mistakes = Mistakes()
    blocks = [
        mistakes.of(_read_block, each, languages, workspace_id, f"{place}[{number}]")
        for number, each in enumerate(value)
    ]
    mistakes.tell()
    for kind in ONCE:
        if sum(block["kind"] == kind for block in blocks) > 1:
            mistakes.errors.append(DocumentError(place, gettext("there is more than one `%s`") % kind))
    mistakes.tell()
    return blocks


def _read_block(value: Any, languages: Json, workspace_id: int, place: str) -> Json:
    kind = str(value.get("kind")) if isinstance(value, dict) else ""
    if kind not in plugins("blocks"):
        words = gettext("no kind `%(kind)s`") % {"kind": kind}
        raise DocumentError(f"{place}.kind", words, nearest(kind, sorted(plugins("blocks"))))
    block: type[Block] = plugin("blocks", kind)
    fields = block.Settings.base_fields
    mistakes = Mistakes()
    found = check_keys(value, allowed=("kind", *fields), required=("kind",), place=place, mistakes=mistakes)
    form = block.Settings(data={name: found[name] for name in fields if name in found})
    mistakes.errors += [] if form.is_valid() else errors_of(form, place)
    settings = {name: setting for name, setting in form.cleaned_data.items() if setting not in (None, "", [], {})}
    for where, texts in _texts_in(settings, place):
        mistakes.of(read_texts, texts, languages, where)
    for name, setting in settings.items():
        if isinstance(fields[name], PictureName):
            mistakes.of(_check_picture, workspace_id, setting, f"{place}.{name}")
        if isinstance(fields[name], FormKey):
            mistakes.of(_check_form, workspace_id, setting, languages, f"{place}.{name}")
    mistakes.tell()
    return {"kind": kind, "settings": settings}


def _texts_in(settings: Json, place: str) -> Iterator[tuple[str, Json]]:
    for name, setting in settings.items():
        if isinstance(setting, dict):
            yield f"{place}.{name}", setting
        if isinstance(setting, list):
            for number, item in enumerate(setting):
                yield from ((f"{place}.{name}[{number}].{part}", texts) for part, texts in item.items())


def _check_picture(workspace_id: int, name: Any, place: str) -> None:
    if not PagePicture.objects.filter(workspace_id=workspace_id, name=str(name)).exists():
        words = gettext("there is no picture %(name)r") % {"name": name}
        raise DocumentError(place, words, gettext("upload it first"))


def _check_form(workspace_id: int, key: str, languages: Json, place: str) -> None:
    form = FormVersion.current(workspace_id, key)
    if form is None:
        words = gettext("there is no %(kind)s `%(key)s`") % {"kind": "form", "key": key}
        raise DocumentError(place, words, gettext("publish it first"))
    for language in languages:
        if language not in form.body["languages"]:
            words = gettext("`%(key)s` has no text in `%(language)s`") % {"key": key, "language": language}
            raise DocumentError(place, words, gettext("publish it in that language first"))


def forms_in(body: Json) -> list[str]:
    return _named(body, FormKey)


def pictures_in(body: Json) -> list[str]:
    return list(dict.fromkeys([*_named(body, PictureName), *([body["picture"]] if body.get("picture") else [])]))


def _named(body: Json, sort: type[FormKey] | type[PictureName]) -> list[str]:
    """What settings of a sort name, in the order of the page."""
    return [
        str(block["settings"][name])
        for block in body["blocks"]
        for name, field in plugin("blocks", block["kind"]).Settings.base_fields.items()
        if isinstance(field, sort) and name in block["settings"]
    ]


def settings_type(field: Any) -> str:
    """How a builder draws a setting: items, texts, picture, form, text."""
    sorts = ((Items, "items"), (PictureName, "picture"), (FormKey, "form"))
    found = next((word for sort, word in sorts if isinstance(field, sort)), "")
    return found or ("texts" if isinstance(field, forms.JSONField) else "text")
