"""Forms being written: a draft beside the version in force, begun from nothing, a starter or another form."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import EndedDocument
from cultiva.capture.actions import publish_form
from cultiva.capture.documents import read_form
from cultiva.capture.models import FormDraft, FormVersion
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import KEY
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.folding import fold

Json = dict[str, Any]

STARTERS = ("newsletter", "quote", "ebook", "webinar", "contact", "service", "referral")


def starter(name: str) -> Json:
    """A form ready to use, without its policy: {name: {es, en}, form: {..}}."""
    return read_document((Path(__file__).parent / "starters" / f"{name}.yaml").read_text(encoding="utf-8"))


def begin_form(
    *, workspace_id: int, name: str, template: str = "", copy_of: str = "", magnet: str = "", by: str, at: datetime
) -> FormDraft:
    """A draft of a new form: of a starter or of another form, with the workspace's own policy and marketing box.

    `magnet`: the one that it gives.
    """
    with workspace_scope(workspace_id):
        document = _source(workspace_id, copy_of) if copy_of else starter(template or "newsletter")["form"]
        key = _free_key(workspace_id, name)
        document = {"form": key} | {name: value for name, value in document.items() if name != "form"}
        if not copy_of:
            _fit(document, workspace_id)
            for texts in document["languages"].values():
                texts["title"] = texts["title"] if template else name
        if magnet:
            document["magnet"] = magnet
        return save_draft(workspace_id=workspace_id, key=key, document=document, by=by, at=at)


def _fit(document: Json, workspace_id: int) -> None:
    """What a starter takes from the workspace: its policy, its marketing box, the languages in which it has both."""
    policy = PolicyVersion.currents(workspace_id).order_by("key", "-version").first()
    document["policy"] = policy.key if policy else ""
    purposes = PurposeVersion.currents(workspace_id).filter(key="marketing").first()
    if purposes:
        document["purposes"] = ["marketing"]
    spoken = set(policy.body["languages"]) if policy else {"es", "en"}
    document["languages"] = {code: text for code, text in document["languages"].items() if code in spoken}


def _free_key(workspace_id: int, name: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:70] or "form"
    taken = set(FormVersion.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    taken |= set(FormDraft.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    number = 1
    while (key := stem if number == 1 else f"{stem}-{number}") in taken or not KEY.fullmatch(key):
        number += 1
    return key


def _source(workspace_id: int, key: str) -> Json:
    version = FormVersion.objects.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
    if version is None:
        draft = FormDraft.objects.get(workspace_id=workspace_id, key=key)
        return read_document(draft.source_text)
    return document_of(version)


def document_of(version: FormVersion) -> Json:
    """A version as its author wrote it, else as it says itself."""
    if version.source_text:
        return read_document(version.source_text)
    settings = [{**field, **field["settings"]} for field in version.body["fields"]]
    fields = [{name: value for name, value in field.items() if name != "settings"} for field in settings]
    return {"form": version.key, **version.body, "fields": fields}


def save_draft(*, workspace_id: int, key: str, document: Mapping[str, Any], by: str, at: datetime) -> FormDraft:
    """What is written so far, sound or not."""
    with workspace_scope(workspace_id):
        text = json.dumps(document, ensure_ascii=False)
        draft, _ = FormDraft.objects.update_or_create(
            workspace_id=workspace_id, key=key, defaults={"source_text": text, "changed_at": at, "by": by}
        )
        return draft


def draft_document(workspace_id: int, key: str) -> Json | None:
    """The draft, else what is in force or was last; None where there is no such form."""
    draft = FormDraft.objects.filter(workspace_id=workspace_id, key=key).first()
    if draft:
        return read_document(draft.source_text)
    version = FormVersion.objects.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
    return document_of(version) if version else None


def try_draft(*, workspace_id: int, document: Mapping[str, Any], at: datetime) -> FormVersion:
    """What publishing would publish, not saved. Raises DocumentError."""
    text = json.dumps(document, ensure_ascii=False)
    form = read_form(text, workspace_id=workspace_id)
    return FormVersion(
        id=0, workspace_id=workspace_id, key=form.key, version=0, name=form.name, body=form.body, published_at=at
    )


def publish_draft(*, workspace_id: int, key: str, at: datetime) -> FormVersion:
    """Raises DocumentError, also where a part that the law asks for is missing, by its name."""
    with workspace_scope(workspace_id):
        document = draft_document(workspace_id, key)
        if document is None:
            raise DocumentError(key, gettext("there is no such form"))
        version = publish_form(workspace_id=workspace_id, text=json.dumps(document, ensure_ascii=False), at=at)
        FormDraft.objects.filter(workspace_id=workspace_id, key=key).delete()
        return version


def discard_draft(*, workspace_id: int, key: str) -> None:
    with workspace_scope(workspace_id):
        FormDraft.objects.filter(workspace_id=workspace_id, key=key).delete()


def archived_forms(workspace_id: int) -> list[FormVersion]:
    """The last version of each form that was taken out of use."""
    ended = EndedDocument.objects.filter(workspace_id=workspace_id, document="form_version").values_list(
        "key", flat=True
    )
    in_force = FormVersion.currents(workspace_id).values_list("key", flat=True)
    gone = set(ended) - set(in_force)
    found = FormVersion.objects.filter(workspace_id=workspace_id, key__in=gone)
    return list(found.order_by("key", "-version").distinct("key"))


def what_changed(older: Json, newer: Json) -> list[tuple[str, str, str]]:
    """[(place, before, after)] between two bodies, in the order of the newer one."""
    before, after = dict(_leaves(older)), dict(_leaves(newer))
    places = [*after, *(place for place in before if place not in after)]
    return [
        (place, before.get(place, ""), after.get(place, ""))
        for place in places
        if before.get(place) != after.get(place)
    ]


def _leaves(value: Any, place: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [
            leaf for key, inner in value.items() for leaf in _leaves(inner, f"{place}.{key}" if place else str(key))
        ]
    if isinstance(value, list):
        named = [each.get("key") or each.get("value") if isinstance(each, dict) else None for each in value]
        if value and all(named):
            inner = [leaf for name, each in zip(named, value, strict=True) for leaf in _leaves(each, f"{place}.{name}")]
            return [(place, ", ".join(str(name) for name in named)), *inner]
        return [(place, ", ".join(str(each) for each in value))]
    return [(place, "" if value is None else str(value))]
