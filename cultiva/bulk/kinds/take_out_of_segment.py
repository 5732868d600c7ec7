"""`{action: take_out_of_segment, settings: {segment: feria}}`: off a fixed list."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cultiva.accounts.permissions import STEER_MARKETING
from cultiva.bulk.kinds.base import BulkKind, Chunk
from cultiva.bulk.kinds.segments import SegmentSettings, members_by_hand, move
from cultiva.bulk.words import shown


class TakeOutOfSegment(BulkKind):
    kind = "take_out_of_segment"
    label = _("Take out of a fixed segment")
    roles = STEER_MARKETING
    can_undo = True

    class Settings(SegmentSettings):
        pass

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        text = ngettext(
            "%(n)s lead will be in the segment %(segment)s no more.",
            "%(n)s leads will be in the segment %(segment)s no more.",
            count,
        )
        return text % {"n": shown(count), "segment": settings["segment"]}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["segment"])

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        there = members_by_hand(chunk, settings["segment"])
        move(chunk, settings["segment"], there, is_in=False)
        return dict.fromkeys(sorted(there), True)

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        there = members_by_hand(chunk, settings["segment"])
        gone = [lead_id for lead_id in chunk.lead_ids if lead_id not in there]
        move(chunk, settings["segment"], gone, is_in=True)
        return len(gone)
