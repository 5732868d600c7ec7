"""`{stage: customer}`: where a lead stands, has ever stood, or has stood for some days."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Context, Reads, Reference
from cultiva.lib.documents import DocumentError
from cultiva.lifecycle.document import START
from cultiva.lifecycle.models import LifecycleVersion


@dataclass(frozen=True)
class StageIs(Condition):
    """Read from the recorded changes, so that it answers for any past `at`; without any, it is the start."""

    kind = "stage"
    label = _("lifecycle stage")
    keys = frozenset({"stage", "ever", "for_days_at_least"})
    reads_history = True

    stage: str
    ever: bool = False
    for_days_at_least: float = 0

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        stage, days = document["stage"], document.get("for_days_at_least", 0)
        if not isinstance(stage, str) or not stage:
            raise DocumentError(f"{place}.stage", gettext("a stage's key is needed, not %(value)r") % {"value": stage})
        if document.get("ever", True) is not True:
            raise DocumentError(
                f"{place}.ever",
                gettext("%(value)r is not `true`") % {"value": document["ever"]},
                gettext("leave `ever` out"),
            )
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days < 36_500:
            raise DocumentError(
                f"{place}.for_days_at_least", gettext("%(value)r is not a number of days from 0") % {"value": days}
            )
        if "ever" in document and "for_days_at_least" in document:
            raise DocumentError(
                place, gettext("`ever` and `for_days_at_least` stand together"), gettext("take one of them")
            )
        return cls(stage, "ever" in document, days)

    def predicate(self, context: Context) -> str:
        lead, stage = context.lead, context.bind(self.stage)
        changes = (
            f"FROM lasting_stage_change c WHERE c.workspace_id = {lead}.workspace_id AND c.lead_id = {lead}.id"
            f" AND c.at <= {context.at}"
        )
        if self.ever:
            same = f"a.workspace_id = {lead}.workspace_id AND a.lead_id = {lead}.id"
            merged = f"SELECT a.merged_id FROM lead_alias a WHERE {same}"  # noqa: S608  # values are bound
            of_merged = changes.replace(f"c.lead_id = {lead}.id", f"c.lead_id IN ({merged})")
            return (
                f"({stage} = '{START}' OR EXISTS (SELECT {changes} AND c.to_stage = {stage})"
                f" OR EXISTS (SELECT {of_merged} AND c.to_stage = {stage}))"
            )
        if context.asks_everybody and not self.for_days_at_least:
            return self._is_among(changes.replace(f"c.workspace_id = {lead}.workspace_id AND c.lead_id = {lead}.id",
                                                  "c.workspace_id = %(workspace)s"), stage, lead)  # fmt: skip
        since = ""
        if self.for_days_at_least:
            seconds = context.bind(self.for_days_at_least * 86_400)
            since = f" AND stood.since <= {context.at} - interval '1 second' * {seconds}"
        return (
            f"EXISTS (SELECT FROM (SELECT c.to_stage AS stage, c.at AS since, c.ordinal {changes}"  # noqa: S608  # values are bound
            f" UNION ALL SELECT '{START}', born.created_at, 0 FROM lead born"
            f" WHERE born.workspace_id = {lead}.workspace_id AND born.id = {lead}.id"
            f" ORDER BY ordinal DESC LIMIT 1) stood"
            f" WHERE stood.stage = {stage}{since})"
        )

    def _is_among(self, changes: str, stage: str, lead: str) -> str:
        """Of everybody at once; who never changed stands at the start."""
        latest = f"SELECT DISTINCT ON (c.lead_id) c.lead_id, c.to_stage {changes} ORDER BY c.lead_id, c.ordinal DESC"
        stands = f"SELECT k.lead_id FROM ({latest}) k WHERE k.to_stage = {stage}"  # noqa: S608  # values are bound
        never = f"SELECT c.lead_id {changes}"
        return f"({lead}.id IN ({stands}) OR {stage} = '{START}' AND {lead}.id NOT IN ({never}))"

    def refers(self) -> list[Reference]:
        return [Reference("stage", self.stage, "stage")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        version = LifecycleVersion.in_force(workspace_id)
        return [START, *(stage["key"] for stage in version.body["stages"])] if version else [START]

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"stage"}), is_timed=bool(self.for_days_at_least))

    def evidence(self, context: Context) -> str:
        return (
            "jsonb_build_object('changes', (SELECT coalesce(jsonb_agg(jsonb_build_object("  # noqa: S608  # values are bound
            "'stage', c.to_stage, 'at', c.at) ORDER BY c.ordinal DESC), '[]') FROM lasting_stage_change c"
            f" WHERE c.workspace_id = {context.lead}.workspace_id AND c.lead_id = {context.lead}.id"
            f" AND c.at <= {context.at}))"
        )

    def words(self, language: str) -> str:
        if self.ever:
            return {"es": "alguna vez ha estado en la etapa ", "en": "they have been in stage "}[language] + self.stage
        words = {"es": "está en la etapa ", "en": "they are in stage "}[language] + self.stage
        if self.for_days_at_least:
            for_days = {"es": " desde hace al menos {} días", "en": " for at least {} days"}[language]
            words += for_days.format(f"{self.for_days_at_least:g}")
        return words

    def next_change(self, context: Context) -> str:
        """SQL: the next instant at which a stay may have been long enough, by time alone; NULL: none."""
        lead = context.lead
        if not self.for_days_at_least:
            return ""
        wait = f"interval '1 second' * {context.bind(self.for_days_at_least * 86_400)}"
        return (
            f"(SELECT min(stood.since + {wait}) FROM (SELECT c.at AS since FROM lasting_stage_change c"  # noqa: S608  # values are bound
            f" WHERE c.workspace_id = {lead}.workspace_id AND c.lead_id = {lead}.id"
            f" UNION ALL SELECT born.created_at FROM lead born"
            f" WHERE born.workspace_id = {lead}.workspace_id AND born.id = {lead}.id) stood"
            f" WHERE stood.since + {wait} > {context.at})"
        )
