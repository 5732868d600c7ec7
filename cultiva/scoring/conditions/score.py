"""`{score: readiness, gte: 40}`: the score a lead has now."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Reads, Reference
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_key, read_number, read_range, read_text
from cultiva.criteria.words import operand_words, pick
from cultiva.lib.documents import DocumentError, nearest
from cultiva.scoring.models import ModelVersion

SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FIGURES = (*SIGNS, "between")
LETTERS = ("A", "B", "C", "D")
GRADES = (*LETTERS, *(f"{letter}{number}" for letter in LETTERS for number in "1234"))
WORDS = {
    "gt": ("es mayor que {0}", "is above {0}"),
    "gte": ("llega a {0}", "reaches {0}"),
    "lt": ("es menor que {0}", "is below {0}"),
    "lte": ("no pasa de {0}", "is at most {0}"),
    "between": ("está entre {0} y {1}", "is between {0} and {1}"),
    "grade": ("tiene la letra {0}", "has the grade {0}"),
}


@dataclass(frozen=True)
class ScoreReaches(Condition):
    """The shown total, one shown dimension, or the grade. A lead without a score satisfies none of them."""

    kind = "score"
    label = _("Score")
    keys = frozenset({"score", "dimension", "grade", *FIGURES})

    model: str
    asks: str  # one of FIGURES, or `grade`
    operands: tuple[float | str, ...]
    dimension: str = ""  # empty: the total

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        model = read_text(document["score"], f"{place}.score")
        asks = read_key(document, (*FIGURES, "grade"), place, missing=lambda: gettext("nothing is asked"))
        if asks == "grade" and "dimension" in document:
            raise DocumentError(
                place, gettext("`grade` and `dimension` stand together"), gettext("a model has one grade")
            )
        dimension = read_text(document["dimension"], f"{place}.dimension") if "dimension" in document else ""
        return cls(model, asks, _read_operands(asks, document[asks], f"{place}.{asks}"), dimension)

    def predicate(self, context: Context) -> str:
        lead = context.lead
        bound = [context.bind(operand) for operand in self.operands]
        # Until a new version has scored a lead, the score under the version before stands.
        return f"""(
          SELECT {self._test(bound, context)} FROM score s
            JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
           WHERE s.workspace_id = {lead}.workspace_id AND s.lead_id = {lead}.id
             AND v.key = {context.bind(self.model)}
           ORDER BY v.version DESC LIMIT 1)"""  # noqa: S608

    def _test(self, bound: list[str], context: Context) -> str:
        if self.asks == "grade":
            return f"{'left(s.grade, 1)' if self.operands[0] in LETTERS else 's.grade'} = {bound[0]}"
        figure = f"(s.dimensions ->> {context.bind(self.dimension)})::float8" if self.dimension else "s.total"
        if self.asks == "between":
            return f"{figure} BETWEEN {bound[0]}::float8 AND {bound[1]}::float8"
        return f"{figure} {SIGNS[self.asks]} {bound[0]}::float8"

    def refers(self) -> list[Reference]:
        return [Reference("score", self.model, "score")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return list(ModelVersion.currents(workspace_id).values_list("key", flat=True))

    def reads(self) -> Reads:
        return Reads(facts=frozenset({f"score:{self.model}"}))

    def evidence(self, context: Context) -> str:
        lead = context.lead
        return f"""(
          SELECT jsonb_build_object('total', s.total, 'dimensions', s.dimensions, 'grade', s.grade, 'at', s.at)
            FROM score s JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
           WHERE s.workspace_id = {lead}.workspace_id AND s.lead_id = {lead}.id
             AND v.key = {context.bind(self.model)}
           ORDER BY v.version DESC LIMIT 1)"""  # noqa: S608

    def words(self, language: str) -> str:
        subject = pick(("la puntuación", "the score"), language) + f" {operand_words(self.model, language)}"
        if self.dimension:
            subject += pick((" en ", " in "), language) + operand_words(self.dimension, language)
        operands = [operand_words(operand, language) for operand in self.operands]
        return f"{subject} {pick(WORDS[self.asks], language).format(*operands)}"


def _read_operands(asks: str, found: Any, place: str) -> tuple[float | str, ...]:
    if asks == "between":
        return read_range(found, place)
    if asks != "grade":
        return (read_number(found, place),)
    if found not in GRADES:
        raise DocumentError(place, gettext("no grade %(value)r") % {"value": found}, nearest(found, GRADES))
    return (found,)
