"""Pages being written: a draft beside the version in force, begun from a template or another page."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import EndedDocument
from cultiva.capture import drafts as form_drafts
from cultiva.capture.landing.actions import publish_page
from cultiva.capture.landing.documents import read_page
from cultiva.capture.models import FormVersion, PageDraft, PageVersion
from cultiva.consent.notices import KEY
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.folding import fold

Json = dict[str, Any]

STARTERS = ("ebook", "webinar", "quote")


def starter(name: str) -> Json:
    """A page ready to use, without its form: {name: {es, en}, page: {..}}. Forms have a starter of the same name."""
    return read_document((Path(__file__).parent / "starters" / f"{name}.yaml").read_text(encoding="utf-8"))


def begin_page(
    *, workspace_id: int, name: str, template: str = "", form: str = "", copy_of: str = "", by: str, at: datetime
) -> PageDraft:
    """A draft of a new page. Without `form`, a template gets a form of its own, published where nothing is missing."""
    with workspace_scope(workspace_id):
        key = _free_key(workspace_id, name)
        if copy_of:
            document = dict(draft_document(workspace_id, copy_of) or {})
        else:
            template = template or STARTERS[0]
            form = form or _make_form(workspace_id, name, template, by, at)
            document = _with_form(starter(template)["page"], workspace_id, form)
        document = {"page": key} | document | {"page": key, "path": key.replace("_", "-")}
        return save_draft(workspace_id=workspace_id, key=key, document=document, by=by, at=at)


def _make_form(workspace_id: int, name: str, template: str, by: str, at: datetime) -> str:
    draft = form_drafts.begin_form(workspace_id=workspace_id, name=name, template=template, by=by, at=at)
    with suppress(DocumentError):  # as where no policy is published yet: the draft waits for it
        form_drafts.publish_draft(workspace_id=workspace_id, key=draft.key, at=at)
    return draft.key


def _with_form(document: Json, workspace_id: int, form: str) -> Json:
    """The template with its form, in the languages that the form speaks."""
    for block in document["blocks"]:
        if block["kind"] == "form":
            block["form"] = form
    version = FormVersion.current(workspace_id, form)
    spoken = set(version.body["languages"]) if version else {"es", "en"}
    document["languages"] = {code: text for code, text in document["languages"].items() if code in spoken}
    return document


def _free_key(workspace_id: int, name: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:70] or "page"
    taken = set(PageVersion.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    taken |= set(PageDraft.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    number = 1
    while (key := stem if number == 1 else f"{stem}-{number}") in taken or not KEY.fullmatch(key):
        number += 1
    return key


def save_draft(*, workspace_id: int, key: str, document: Mapping[str, Any], by: str, at: datetime) -> PageDraft:
    """What is written so far, sound or not."""
    with workspace_scope(workspace_id):
        text = json.dumps(document, ensure_ascii=False)
        draft, _made = PageDraft.objects.update_or_create(
            workspace_id=workspace_id, key=key, defaults={"source_text": text, "changed_at": at, "by": by}
        )
        return draft


def draft_document(workspace_id: int, key: str) -> Json | None:
    """The draft, else what is in force or was last; None where there is no such page."""
    draft = PageDraft.objects.filter(workspace_id=workspace_id, key=key).first()
    if draft:
        return read_document(draft.source_text)
    version = PageVersion.objects.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
    return read_document(version.source_text) if version else None


def try_draft(*, workspace_id: int, document: Mapping[str, Any], at: datetime) -> PageVersion:
    """What publishing would publish, not saved. Raises DocumentError."""
    page = read_page(json.dumps(document, ensure_ascii=False), workspace_id=workspace_id)
    return PageVersion(
        id=0, workspace_id=workspace_id, key=page.key, version=0, name=page.name, body=page.body, published_at=at
    )


def publish_draft(*, workspace_id: int, key: str, at: datetime) -> PageVersion:
    """Raises DocumentError."""
    with workspace_scope(workspace_id):
        document = draft_document(workspace_id, key)
        if document is None:
            raise DocumentError(key, gettext("there is no such page"))
        version = publish_page(workspace_id=workspace_id, text=json.dumps(document, ensure_ascii=False), at=at)
        discard_draft(workspace_id=workspace_id, key=key)
        return version


def discard_draft(*, workspace_id: int, key: str) -> None:
    with workspace_scope(workspace_id):
        PageDraft.objects.filter(workspace_id=workspace_id, key=key).delete()


def archived_pages(workspace_id: int) -> list[PageVersion]:
    """The last version of each page that was taken out of use."""
    ended = EndedDocument.objects.filter(workspace_id=workspace_id, document="page_version")
    in_force = PageVersion.currents(workspace_id).values_list("key", flat=True)
    gone = set(ended.values_list("key", flat=True)) - set(in_force)
    found = PageVersion.objects.filter(workspace_id=workspace_id, key__in=gone)
    return list(found.order_by("key", "-version").distinct("key"))
