"""`{temperature: hot}`: how warm the lead is now, by the primary model."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Reads
from cultiva.criteria.context import Context
from cultiva.criteria.words import pick
from cultiva.lib.documents import DocumentError, nearest

WORDS = {"cold": ("frío", "cold"), "warm": ("templado", "warm"), "hot": ("caliente", "hot")}


@dataclass(frozen=True)
class TemperatureIs(Condition):
    """A lead that is not scored has no temperature."""

    kind = "temperature"
    label = _("Temperature")
    keys = frozenset({"temperature"})

    temperature: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        found = document["temperature"]
        if found not in WORDS:
            raise DocumentError(
                f"{place}.temperature",
                gettext("no temperature %(value)r") % {"value": found},
                nearest(found, list(WORDS)),
            )
        return cls(found)

    def predicate(self, context: Context) -> str:
        lead = context.lead
        return (
            f"EXISTS (SELECT FROM lead_state s WHERE s.workspace_id = {lead}.workspace_id"
            f" AND s.lead_id = {lead}.id AND s.temperature = {context.bind(self.temperature)})"
        )

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"temperature"}))

    def evidence(self, context: Context) -> str:
        return (
            "(SELECT jsonb_build_object('value', s.temperature) FROM lead_state s"  # noqa: S608
            f" WHERE s.workspace_id = {context.lead}.workspace_id AND s.lead_id = {context.lead}.id)"
        )

    def words(self, language: str) -> str:
        return pick(("está ", "is "), language) + pick(WORDS[self.temperature], language)
