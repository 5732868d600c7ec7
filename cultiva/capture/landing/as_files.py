"""Landing pages as files, with their pictures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Document
from cultiva.capture.landing.actions import archive_page, publish_page
from cultiva.capture.landing.blocks import FormKey
from cultiva.capture.landing.documents import pictures_in
from cultiva.capture.landing.pictures import add_picture
from cultiva.capture.models import PagePicture, PageVersion
from cultiva.documents.kinds import Need, Present, VersionedKind
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugins
from cultiva.lib.uploads import BadUpload


class PageFile(VersionedKind):
    kind, folder, label = "page", "pages", _("Landing page")
    model = PageVersion
    has_attachments = True

    def present_of(self, version: Document) -> Present:
        found = PagePicture.objects.filter(workspace_id=version.workspace_id, name__in=pictures_in(version.body))
        return Present(version.source_text, version.version, dict(found.values_list("name", "sha256")))

    def needs(self, body: dict[str, Any]) -> list[Need]:
        found = []
        for number, block in enumerate(body["blocks"]):
            fields = plugins("blocks")[block["kind"]].Settings.base_fields
            names = [name for name, each in fields.items() if isinstance(each, FormKey) and block.get(name)]
            found += [Need("form", block[name], f"blocks[{number}].{name}") for name in names]
        return found

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        for name, content in attachments.items():
            _add(workspace_id, name, content, at)
        publish_page(workspace_id=workspace_id, text=text, at=at)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        archive_page(workspace_id=workspace_id, key=key, by=by, at=at)

    def attachment(self, workspace_id: int, sha256: str) -> bytes:
        found = PagePicture.objects.filter(workspace_id=workspace_id, sha256=sha256).order_by("id")[:1].get()
        return bytes(found.original)


def _add(workspace_id: int, name: str, content: bytes, at: datetime) -> None:
    """Under this very name: pages that show another picture by it keep theirs."""
    try:
        picture = add_picture(workspace_id=workspace_id, name=name, content=content, at=at)
    except BadUpload as error:
        words = gettext("this is no picture that can be shown: PNG, JPEG, WebP or GIF, at most 8 MB")
        raise DocumentError(name, words) from error
    if picture.name != name:
        words = gettext("another picture, or another sort of file, has this name")
        raise DocumentError(name, words, gettext("call it %s") % picture.name)
