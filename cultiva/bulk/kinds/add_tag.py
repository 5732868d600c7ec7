"""`{action: add_tag, settings: {tag: feria-2026}}`: one tag more."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cultiva.accounts.permissions import CHANGE_LEADS
from cultiva.bulk.kinds.base import BulkKind, Chunk
from cultiva.bulk.kinds.tags import UNDOES, TagSettings, add_tags, check_tag, remove_tag
from cultiva.bulk.words import shown


class AddTag(BulkKind):
    kind = "add_tag"
    label = _("Add a tag")
    roles = CHANGE_LEADS
    can_undo = True

    class Settings(TagSettings):
        pass

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        text = ngettext("%(n)s lead will get the tag “%(tag)s”.", "%(n)s leads will get the tag “%(tag)s”.", count)
        return text % {"n": shown(count), "tag": settings["tag"]}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["tag"])

    def check(self, workspace_id: int, settings: Mapping[str, Any], count: int, at: datetime) -> None:
        check_tag(workspace_id, settings["tag"], at)

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        return dict.fromkeys(
            add_tags(chunk, {lead_id: [settings["tag"]] for lead_id in chunk.lead_ids}, chunk.context), True
        )

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        return len(remove_tag(chunk, settings["tag"], chunk.context | UNDOES))
