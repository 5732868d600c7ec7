"""What refers to a segment: nothing that is used is deleted."""

from dataclasses import dataclass

from cultiva.segments.models import Input, Segment


@dataclass(frozen=True)
class Use:
    """A document that names the segment. `kind` is the sort of document: segment, ..."""

    kind: str
    key: str
    name: str


def used_by(workspace_id: int, key: str) -> list[Use]:
    """By kind and key."""
    readers = Input.objects.filter(workspace_id=workspace_id, input=f"segment:{key}").values("segment_id")
    found = Segment.objects.filter(workspace_id=workspace_id, id__in=readers).order_by("key")
    return [Use("segment", each.key, each.name) for each in found]
