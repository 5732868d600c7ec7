"""`{tag: feria-2026}`: a tag of the lead. Tags are the list `tags` among the attributes."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import Comparison
from cultiva.criteria.conditions.base import Condition, Reads
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import operand_words, pick

TAGS = "tags"


@dataclass(frozen=True)
class HasTag(Condition):
    """Tags compare folded, as all texts do."""

    kind = "tag"
    label = _("Tag")
    keys = frozenset({"tag"})
    reads_history = True
    reads_files = True

    tag: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        return cls(read_text(document["tag"], f"{place}.tag"))

    def predicate(self, context: Context) -> str:
        return Comparison("is", (self.tag,)).predicate(context.attribute(TAGS), context)

    def words(self, language: str) -> str:
        return f"{pick(('tiene la etiqueta', 'has the tag'), language)} {operand_words(self.tag, language)}"

    def reads(self) -> Reads:
        return Reads(attributes=frozenset({TAGS}))

    def evidence(self, context: Context) -> str:
        return f"jsonb_build_object('value', {context.lead}.attributes -> {context.bind(TAGS)}::text)"
