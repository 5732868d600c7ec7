"""Forms as files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.capture.actions import archive_form, publish_form
from cultiva.capture.models import FormVersion
from cultiva.documents.kinds import Need, VersionedKind


class Form(VersionedKind):
    kind, folder, label = "form", "forms", _("Form")
    model = FormVersion

    def needs(self, body: dict[str, Any]) -> list[Need]:
        found = [Need("policy", body["policy"], "policy")]
        found += [Need("purpose", key, f"purposes[{n}]") for n, key in enumerate(body.get("purposes") or [])]
        return found + ([Need("magnet", body["magnet"], "magnet")] if body.get("magnet") else [])

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_form(workspace_id=workspace_id, text=text, at=at)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        archive_form(workspace_id=workspace_id, key=key, by=by, at=at)
