"""The lifecycle as a file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _

from cultiva.criteria.needs import likely_slips, needs_of
from cultiva.documents.kinds import CannotDelete, Need, VersionedKind
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.lifecycle.document import read_lifecycle
from cultiva.lifecycle.models import LifecycleVersion


class LifecycleFile(VersionedKind):
    kind, folder, label = "lifecycle", "lifecycles", gettext_lazy("Lifecycle")
    model = LifecycleVersion

    def needs(self, body: dict[str, Any]) -> list[Need]:
        transitions = enumerate(body.get("transitions", []))
        return [need for n, each in transitions for need in needs_of(each["when"], f"transitions[{n}].when")]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        version = publish_lifecycle(workspace_id=workspace_id, text=text, at=at)
        lost = read_lifecycle(version.body).unreachable_stages()
        notes = [_("No transition leads to: %(stages)s.") % {"stages": ", ".join(lost)}] if lost else []
        for number, each in enumerate(version.body.get("transitions", [])):
            notes += likely_slips(each["when"], f"transitions[{number}].when", workspace_id)
        return notes

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        raise CannotDelete(
            gettext("Every lead stands in a stage of the lifecycle."), gettext("change its stages instead")
        )
