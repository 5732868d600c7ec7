"""`{segment: vip}`: who is in a segment, as it was worked out last; at a past `at`, who was in it then."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Context, Reads, Reference
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import operand_words, pick
from cultiva.segments.models import Segment


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
        lead, key, at = context.lead, context.bind(self.segment), context.at
        if context.asks_everybody:  # read once, each kind of stay by its index, in place of one look-up a lead
            of_segment = (
                f"SELECT m.lead_id FROM segment_member m WHERE m.workspace_id = %(workspace)s AND m.since <= {at}"  # noqa: S608
                f" AND m.segment_id = (SELECT id FROM segment WHERE workspace_id = %(workspace)s AND key = {key})"
            )
            lasting, former = f"{of_segment} AND m.until IS NULL", f"{of_segment} AND m.until > {at}"
            return f"{lead}.id IN ({lasting} UNION ALL {former})"
        workspace = f"{lead}.workspace_id"
        segment = f"SELECT s.id FROM segment s WHERE s.workspace_id = {workspace} AND s.key = {key}"  # noqa: S608
        stay = (
            f"EXISTS (SELECT FROM segment_member m WHERE m.segment_id = ({segment})"
            f" AND m.since <= {at} AND m.workspace_id = {workspace} AND m.lead_id = {lead}.id"
        )
        return f"({stay} AND m.until IS NULL) OR {stay} AND m.until > {at}))"  # each kind of stay by its index

    def words(self, language: str) -> str:
        return (
            f"{pick(('está en el segmento', 'they are in segment'), language)} {operand_words(self.segment, language)}"
        )

    def reads(self) -> Reads:
        return Reads(facts=frozenset({f"segment:{self.segment}"}))

    def refers(self) -> list[Reference]:
        return [Reference("segment", self.segment, "segment")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return list(Segment.objects.filter(workspace_id=workspace_id).order_by("key").values_list("key", flat=True))

    def evidence(self, context: Context) -> str:
        return (
            "(SELECT jsonb_build_object('since', m.since) FROM segment_member m"  # noqa: S608
            " JOIN segment s ON s.workspace_id = m.workspace_id AND s.id = m.segment_id"
            f" WHERE m.workspace_id = {context.lead}.workspace_id AND m.lead_id = {context.lead}.id"
            f" AND s.key = {context.bind(self.segment)} AND m.since <= {context.at}"
            f" AND (m.until IS NULL OR m.until > {context.at}) ORDER BY m.since DESC LIMIT 1)"
        )
