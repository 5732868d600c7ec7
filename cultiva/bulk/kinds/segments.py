"""What putting leads into a fixed segment and taking them out share."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.bulk.kinds.base import BulkRefused, BulkSettings, Chunk
from cultiva.segments.actions import find_segment, move_by_hand
from cultiva.segments.models import FIXED, Pin, Segment


class SegmentSettings(BulkSettings):
    segment = forms.ChoiceField(label=_("Fixed segment"))

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        fixed = Segment.objects.filter(workspace_id=self.workspace_id, kind=FIXED).order_by("name", "id")
        found = [(each.key, each.name) for each in fixed]
        self.choose("segment", found, str(_("There is no fixed segment `%(value)s`.")))


def members_by_hand(chunk: Chunk, key: str) -> set[int]:
    """The leads of the chunk that are on the list."""
    pins = Pin.objects.filter(
        workspace_id=chunk.workspace_id, segment=_segment(chunk, key), is_included=True, lead_id__in=chunk.lead_ids
    )
    return set(pins.order_by("id").values_list("lead_id", flat=True))


def move(chunk: Chunk, key: str, lead_ids: Collection[int], *, is_in: bool) -> None:
    if lead_ids:
        move_by_hand(segment=_segment(chunk, key), lead_ids=lead_ids, is_in=is_in, by=chunk.by, at=chunk.at)


def _segment(chunk: Chunk, key: str) -> Segment:
    found = find_segment(chunk.workspace_id, key)
    if found is None or not found.is_fixed:
        problem = gettext("There is no fixed segment `%(key)s` any more.") % {"key": key}
        raise BulkRefused(problem, gettext("it may have been deleted"))
    return found
