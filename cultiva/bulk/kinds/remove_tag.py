"""`{action: remove_tag, settings: {tag: feria-2026}}`: one tag less."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cultiva.accounts.permissions import CHANGE_LEADS
from cultiva.bulk.kinds.base import BulkKind, Chunk
from cultiva.bulk.kinds.tags import UNDOES, TagSettings, add_tags, remove_tag
from cultiva.bulk.words import shown


class RemoveTag(BulkKind):
    kind = "remove_tag"
    label = _("Take a tag off")
    roles = CHANGE_LEADS
    can_undo = True

    class Settings(TagSettings):
        pass

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        text = ngettext(
            "%(n)s lead will have the tag “%(tag)s” no more.", "%(n)s leads will have the tag “%(tag)s” no more.", count
        )
        return text % {"n": shown(count), "tag": settings["tag"]}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["tag"])

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        return dict(remove_tag(chunk, settings["tag"], chunk.context))

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        return len(add_tags(chunk, before, chunk.context | UNDOES))
