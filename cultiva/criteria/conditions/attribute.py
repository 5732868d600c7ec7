"""`{attribute: country, is: ES}`: what is known of the lead."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import OPERATORS, Comparison
from cultiva.criteria.conditions.base import Condition, Reads, Reference
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import attribute_words, comparison_words
from cultiva.leads.attributes import definitions

ALWAYS = ("email", "tags")  # kept among the attributes without being defined


@dataclass(frozen=True)
class Attribute(Condition):
    kind = "attribute"
    label = _("Attribute")
    keys = frozenset({"attribute", *OPERATORS})
    reads_history = True
    reads_files = True

    name: str
    comparison: Comparison

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        name = read_text(document["attribute"], f"{place}.attribute")
        return cls(name, Comparison.read(document, place, subject="attribute"))

    def predicate(self, context: Context) -> str:
        return self.comparison.predicate(context.attribute(self.name), context)

    def words(self, language: str) -> str:
        return f"{attribute_words(self.name, language)} {comparison_words(self.comparison, language)}"

    def reads(self) -> Reads:
        is_daily = self.comparison.is_daily
        return Reads(attributes=frozenset({self.name}), is_timed=is_daily, is_daily=is_daily)

    def next_change(self, context: Context) -> str:
        return self.comparison.next_change(context.texts_of_attribute(self.name), context)

    def refers(self) -> list[Reference]:
        return [Reference("attribute", self.name, "attribute")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return [*definitions(workspace_id, "lead"), *ALWAYS]

    def evidence(self, context: Context) -> str:
        return f"jsonb_build_object('value', {context.lead}.attributes -> {context.bind(self.name)}::text)"
