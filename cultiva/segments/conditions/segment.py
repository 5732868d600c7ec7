"""`{segment: vip}`: who is in a segment, as it was worked out last; at a past `at`, who was in it then."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Context
from cultiva.criteria.reading import read_text


@dataclass(frozen=True)
class InSegment(Condition):
    kind = "segment"
    label = _("Segment")
    keys = frozenset({"segment"})
    reads_history = True

    segment: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        return cls(read_text(document["segment"], f"{place}.segment"))

    def predicate(self, context: Context) -> str:
        lead = context.lead
        stays = (
            f"FROM segment_member m JOIN segment s ON s.workspace_id = m.workspace_id AND s.id = m.segment_id"
            f" WHERE s.key = {context.bind(self.segment)}"
            f" AND m.since <= {context.at} AND (m.until IS NULL OR m.until > {context.at})"
        )
        if getattr(context, "asks_everybody", False):  # read once, in place of one look-up a lead
            return f"{lead}.id IN (SELECT m.lead_id {stays} AND m.workspace_id = %(workspace)s)"
        return f"EXISTS (SELECT {stays} AND m.workspace_id = {lead}.workspace_id AND m.lead_id = {lead}.id)"

    def words(self, language: str) -> str:
        return {"es": "está en el segmento ", "en": "they are in segment "}[language] + self.segment
