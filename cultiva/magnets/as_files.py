"""Lead magnets as files, with the files they give."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Document
from cultiva.documents.kinds import Present, VersionedKind
from cultiva.lib.documents import read_document
from cultiva.lib.plugins import plugin
from cultiva.magnets.actions import publish_magnet
from cultiva.magnets.models import MagnetFile, MagnetVersion


class Magnet(VersionedKind):
    kind, folder, label = "magnet", "magnets", _("Lead magnet")
    model = MagnetVersion
    has_attachments = True

    def present_of(self, version: Document) -> Present:
        return Present(version.source_text, version.version, _files_of(version))

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_magnet(workspace_id=workspace_id, text=text, files=attachments, at=at)
        return []

    def attachment(self, workspace_id: int, sha256: str) -> bytes:
        return bytes(MagnetFile.objects.get(workspace_id=workspace_id, sha256=sha256).content)


def _files_of(version: Document) -> dict[str, str]:
    """{name as its author wrote it: SHA-256}"""
    given: Any = read_document(version.source_text).get("settings", {})
    fields = plugin("kinds", version.body["kind"]).Settings.base_fields
    names = [name for name, each in fields.items() if isinstance(each, forms.FileField) and name in given]
    return {given[name]: version.body["settings"][name] for name in names}
