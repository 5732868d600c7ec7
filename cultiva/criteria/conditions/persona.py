"""`{persona: it-director, gte: 0.6}`: how close the lead is to a persona, from 0 to 1."""

from dataclasses import dataclass, field
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import FIGURES, Comparison, figure_test, read_figure
from cultiva.criteria.conditions.base import Condition, Reads, Reference
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_key, read_text
from cultiva.criteria.words import comparison_words, operand_words, pick
from cultiva.lib.documents import DocumentError, nearest


@dataclass(frozen=True)
class PersonaIsClose(Condition):
    """Computed from the persona's own criteria, so it answers wherever those do. The caller gives the personas."""

    kind = "persona"
    label = _("Persona")
    keys = frozenset({"persona", *FIGURES})
    reads_history = True
    reads_files = True

    persona: str
    limits: Comparison
    place: str = field(default="", compare=False)

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        limit = read_key(document, FIGURES, place, missing=lambda: gettext("no limit is given"))
        limits = Comparison(limit, read_figure(limit, document[limit], f"{place}.{limit}"))
        return cls(read_text(document["persona"], f"{place}.persona"), limits, place)

    def predicate(self, context: Context) -> str:
        if self.persona not in context.personas:
            hint = (
                nearest(self.persona, list(context.personas)) if context.personas else gettext("no persona was given")
            )
            raise DocumentError(
                f"{self.place}.persona", gettext("no persona `%(persona)s`") % {"persona": self.persona}, hint
            )
        closeness = context.personas[self.persona].closeness(context)
        return figure_test(self.limits.operator, closeness, self.limits.operands, context)

    def next_change(self, context: Context) -> str:
        persona = context.personas.get(self.persona)
        return persona.next_change(context) if persona else ""

    def words(self, language: str) -> str:
        subject = pick(("la cercanía a la persona", "the closeness to persona"), language)
        return f"{subject} {operand_words(self.persona, language)} {comparison_words(self.limits, language)}"

    def refers(self) -> list[Reference]:
        return [Reference("persona", self.persona, "persona")]

    def reads(self) -> Reads:
        return Reads(facts=frozenset({f"persona:{self.persona}"}))
