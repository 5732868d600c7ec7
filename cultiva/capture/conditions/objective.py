"""`{objective: purchase}`: what the lead came to us for, by the forms they sent."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Reads
from cultiva.criteria.context import Context
from cultiva.criteria.words import pick
from cultiva.lib.documents import DocumentError, Mistakes, nearest
from cultiva.magnets.actions import OBJECTIVES

WORDS = {
    "content": ("obtener contenido", "content"),
    "subscription": ("suscribirse", "a subscription"),
    "quote": ("pedir presupuesto", "a quote"),
    "purchase": ("comprar", "a purchase"),
    "service": ("pedir asistencia", "a service"),
}


@dataclass(frozen=True)
class ObjectiveIs(Condition):
    """Of the latest form the lead sent; with `first: true` of the first one, with `ever: true` of any of them."""

    kind = "objective"
    label = _("Objective")
    keys = frozenset({"objective", "first", "ever"})
    reads_history = True

    objective: str
    which: str  # latest | first | ever

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        found = document["objective"]
        mistakes = Mistakes()
        if found not in OBJECTIVES:
            words = gettext("no objective %(value)r") % {"value": found}
            mistakes.errors.append(DocumentError(f"{place}.objective", words, nearest(found, OBJECTIVES)))
        which = [key for key in ("first", "ever") if key in document]
        if len(which) > 1:
            listed = " / ".join(f"`{key}`" for key in which)
            words = gettext("%(listed)s stand together") % {"listed": listed}
            mistakes.errors.append(DocumentError(place, words, gettext("keep one of them")))
        for key in which:
            if document[key] is not True:
                words = gettext("only true can stand here, not %(value)r") % {"value": document[key]}
                mistakes.errors.append(DocumentError(f"{place}.{key}", words))
        mistakes.tell()
        return cls(found, which[0] if which else "latest")

    def predicate(self, context: Context) -> str:
        objective = f"{context.bind(self.objective)}::text"
        if self.which == "ever":
            return f"EXISTS (SELECT {self._sent(context)} AND s.objective = {objective})"
        return f"((SELECT s.objective {self._one(context)}) = {objective})"

    def _sent(self, context: Context) -> str:
        return (
            f"FROM submission s WHERE s.workspace_id = {context.lead}.workspace_id AND s.lead_id = {context.lead}.id"
            f" AND s.received_at <= {context.at}"
        )

    def _one(self, context: Context) -> str:
        order = "" if self.which == "first" else " DESC"
        return f"{self._sent(context)} ORDER BY s.received_at{order}, s.id{order} LIMIT 1"

    def words(self, language: str) -> str:
        said = {
            "latest": ("su último objetivo es ", "their latest objective is "),
            "first": ("su primer objetivo fue ", "their first objective was "),
            "ever": ("alguna vez quiso ", "they once came for "),
        }[self.which]
        return pick(said, language) + pick(WORDS[self.objective], language)

    def reads(self) -> Reads:
        return Reads(events=frozenset({"form_submitted"}))  # told by it, and written with it

    def evidence(self, context: Context) -> str:
        one = "jsonb_build_object('objective', s.objective, 'at', s.received_at)"
        return f"(SELECT {one} {self._one(context)})"
