"""Segments as files. Who is on a fixed list, and who was put in or kept out by hand, stays in the product."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.checking import check
from cultiva.criteria.language import parse
from cultiva.criteria.needs import needs_of
from cultiva.criteria.references import StillUsed
from cultiva.documents.kinds import CannotDelete, DocumentKind, Need, Present, read_once
from cultiva.lib.documents import DocumentError, SeveralErrors, check_keys
from cultiva.segments.actions import delete_segment, find_segment, save_segment
from cultiva.segments.building import lock
from cultiva.segments.models import DYNAMIC, FIXED, Segment

Json = dict[str, Any]
KEYS = ("segment", "name", "kind", "only_valid", "folder", "tags", "criteria")


class SegmentFile(DocumentKind):
    kind, folder, label = "segment", "segments", _("Segment")

    def present(self, workspace_id: int) -> dict[str, Present]:
        found = Segment.objects.filter(workspace_id=workspace_id).order_by("key")
        return {each.key: Present(document_of(each), each.revision) for each in found}

    def find(self, workspace_id: int, key: str) -> Present | None:
        segment = find_segment(workspace_id, key)
        return Present(document_of(segment), segment.revision) if segment else None

    def lock(self, workspace_id: int) -> None:
        lock(workspace_id)

    def needs(self, body: Json) -> list[Need]:
        return needs_of(body["criteria"], "criteria") if "criteria" in body else []

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        settings = read_segment(read_once(text))
        before = find_segment(workspace_id, settings["key"])
        if before and _settings_of(before) == settings:
            return []
        _check_names(settings, workspace_id)
        save_segment(workspace_id=workspace_id, by=by, at=at, **settings)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        segment = find_segment(workspace_id, key)
        try:
            if segment:
                delete_segment(workspace_id=workspace_id, segment_id=segment.id, by=by, at=at)
        except StillUsed as error:
            raise CannotDelete(error.problem, error.hint) from error


def read_segment(found: Json) -> Json:
    """What `save_segment` takes. Raises DocumentError."""
    check_keys(found, allowed=KEYS, required=("segment",), place="segment")
    for key, wanted in (("name", str), ("folder", str), ("only_valid", bool), ("kind", str), ("tags", list)):
        if key in found and not isinstance(found[key], wanted):
            raise DocumentError(
                key,
                gettext("%(value)r cannot stand here") % {"value": found[key]},
                gettext("a value of the kind %(type)s") % {"type": wanted.__name__},
            )
    kind = found.get("kind", DYNAMIC)
    if kind not in (DYNAMIC, FIXED):
        raise DocumentError(
            "kind",
            gettext("no kind %(value)r of segment") % {"value": kind},
            gettext("%(dynamic)s or %(fixed)s") % {"dynamic": DYNAMIC, "fixed": FIXED},
        )
    if (kind == DYNAMIC) != ("criteria" in found):
        hint = (
            gettext("add `criteria`") if kind == DYNAMIC else gettext("leave `criteria` out, or write `kind: dynamic`")
        )
        raise DocumentError(
            "segment",
            gettext("a dynamic segment has criteria")
            if kind == DYNAMIC
            else gettext("a fixed segment has no criteria"),
            hint,
        )
    tags = found.get("tags", [])
    if not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise DocumentError("tags", gettext("%(value)r is no list of words") % {"value": tags}, "[customers, north]")
    if "criteria" in found:
        parse(found["criteria"])
    return {
        "key": found["segment"],
        "name": str(found.get("name") or found["segment"]).strip(),
        "kind": kind,
        "criteria": found.get("criteria"),
        "takes_only_valid": found.get("only_valid", True),
        "folder": found.get("folder", "").strip(),
        "tags": sorted({tag.strip() for tag in tags}),
    }


def document_of(segment: Segment) -> Json:
    """As a file says it: what is the usual is left out."""
    found: Json = {"segment": segment.key}
    found |= {"name": segment.name} if segment.name != segment.key else {}
    found |= {"kind": FIXED} if segment.is_fixed else {}
    found |= {} if segment.takes_only_valid else {"only_valid": False}
    found |= {"folder": segment.folder} if segment.folder else {}
    found |= {"tags": segment.tags} if segment.tags else {}
    return found | ({} if segment.is_fixed else {"criteria": segment.criteria})


def _settings_of(segment: Segment) -> Json:
    return read_segment(document_of(segment))


def _check_names(settings: Json, workspace_id: int) -> None:
    if settings["kind"] == DYNAMIC:
        unknown = check(parse(settings["criteria"]), workspace_id=workspace_id)
        if unknown:
            raise SeveralErrors(unknown)
