"""Lead magnets as files, with the files they give."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Document
from cultiva.documents.kinds import Need, Present, VersionedKind
from cultiva.lib.documents import read_document
from cultiva.lib.plugins import plugins
from cultiva.magnets.actions import archive_magnet, publish_magnet
from cultiva.magnets.documents import file_fields, magnet_fields
from cultiva.magnets.models import MagnetFile, MagnetVersion


class Magnet(VersionedKind):
    kind, folder, label = "magnet", "magnets", _("Lead magnet")
    model = MagnetVersion
    has_attachments = True

    def present_of(self, version: Document) -> Present:
        return Present(version.source_text, version.version, files_of(version))

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_magnet(workspace_id=workspace_id, text=text, files=attachments, at=at)
        return []

    def needs(self, body: dict[str, Any]) -> list[Need]:
        found = [Need("persona", body["persona"], "persona")] if body.get("persona") else []
        given, kind = body.get("settings") or {}, plugins("kinds").get(body.get("kind", ""))
        names = magnet_fields(kind.Settings) if kind else []
        return found + [Need("magnet", given[name], f"settings.{name}") for name in names if given.get(name)]

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        archive_magnet(workspace_id=workspace_id, key=key, by=by, at=at)

    def attachment(self, workspace_id: int, sha256: str) -> bytes:
        return bytes(MagnetFile.objects.get(workspace_id=workspace_id, sha256=sha256).content)


def files_of(version: Document) -> dict[str, str]:
    """{name as its author wrote it: SHA-256}"""
    given: Any = read_document(version.source_text).get("settings", {})
    names = [name for name in file_fields(plugins("kinds")[version.body["kind"]].Settings) if given.get(name)]
    return {given[name]: version.body["settings"][name] for name in names}
