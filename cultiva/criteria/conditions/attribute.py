"""`{attribute: country, is: ES}`: what is known of the lead."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import LATER_OPERATORS, OPERATORS, Comparison, Value
from cultiva.criteria.conditions.base import Condition
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import attribute_words, comparison_words


@dataclass(frozen=True)
class Attribute(Condition):
    kind = "attribute"
    label = _("Attribute")
    keys = frozenset({"attribute", *OPERATORS})
    later = LATER_OPERATORS
    reads_history = True

    name: str
    comparison: Comparison

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        name = read_text(document["attribute"], f"{place}.attribute")
        return cls(name, Comparison.read(document, place, subject="attribute"))

    def predicate(self, context: Context) -> str:
        lead = context.lead
        value = Value.at_path(f"{lead}.attributes", f"{lead}.folded", [self.name], context)
        return self.comparison.predicate(value, context)

    def words(self, language: str) -> str:
        return f"{attribute_words(self.name, language)} {comparison_words(self.comparison, language)}"

    def names(self) -> frozenset[str]:
        return frozenset({self.name})
