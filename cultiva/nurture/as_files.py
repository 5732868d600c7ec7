"""Workflows as files."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cultiva.criteria.needs import likely_slips, needs_of
from cultiva.criteria.references import forget_references
from cultiva.documents.kinds import Need, VersionedKind
from cultiva.nurture.actions import publish_workflow
from cultiva.nurture.models import Enrolment, WorkflowVersion

NAMED = ("form", "magnet", "segment", "template")  # keys of entries and steps that hold a document's key


class WorkflowFile(VersionedKind):
    kind, folder, label = "workflow", "workflows", _("Workflow")
    model = WorkflowVersion

    def needs(self, body: dict[str, Any]) -> list[Need]:
        found = [Need("purpose", body["purpose"], "purpose"), *_named(body["entry"], "entry")]
        for key, node in body["nodes"].items():
            found += _named(node, f"nodes.{key}") if "step" in node else []
        return found + [need for place, criteria in _criteria(body) for need in needs_of(criteria, place)]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        version = publish_workflow(workspace_id=workspace_id, text=text, at=at)
        inside = Enrolment.objects.filter(workspace_id=workspace_id, workflow=version.key, exited_at=None)
        inside = inside.exclude(version=version)
        notes = []
        if count := inside.count():
            words = ngettext(
                "%(count)d lead who is inside stays on the version it entered by.",
                "%(count)d leads who are inside stay on the version they entered by.",
                count,
            )
            notes.append(words % {"count": count})
        for place, criteria in _criteria(version.body):
            notes += likely_slips(criteria, place, workspace_id)
        return notes

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        """Nobody enters any more; leads who are inside go on to their exits."""
        forget_references(workspace_id=workspace_id, kind="workflow", key=key)
        super().delete(workspace_id=workspace_id, key=key, by=by, at=at)


def _named(found: Mapping[str, Any], place: str) -> list[Need]:
    return [Need(key, found[key], f"{place}.{key}") for key in NAMED if isinstance(found.get(key), str)]


def _criteria(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(place, criteria) of the branches."""
    for key, node in body["nodes"].items():
        for number, arm in enumerate(node.get("branch", [])):
            yield f"nodes.{key}.branch[{number}].when", arm["when"]
