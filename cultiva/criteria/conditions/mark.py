"""`{mark: valid}`: whether the lead accepted the policy, confirmed their address, may be profiled."""

from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Reads
from cultiva.criteria.context import Context
from cultiva.criteria.words import pick
from cultiva.lib.documents import DocumentError, nearest

MARKS = {
    "valid": ("es un lead válido", "is a valid lead"),
    "confirmed": ("ha confirmado su correo", "has confirmed their address"),
    "profiled": ("se puede perfilar", "may be profiled"),
}


@dataclass(frozen=True)
class HasMark(Condition):
    """The marks know since when they hold, and not what held before: the present alone."""

    kind = "mark"
    label = _("Mark")
    keys = frozenset({"mark"})

    mark: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        found = document["mark"]
        if found not in MARKS:
            raise DocumentError(
                f"{place}.mark", gettext("no mark %(value)r") % {"value": found}, nearest(found, list(MARKS))
            )
        return cls(found)

    def predicate(self, context: Context) -> str:
        nobody_objected = " AND m.objected_at IS NULL" if self.mark == "profiled" else ""
        return f"EXISTS (SELECT {self._row(context)} AND m.{self.mark}_since <= {context.at}{nobody_objected})"

    def _row(self, context: Context) -> str:
        return (
            f"FROM consent_mark m WHERE m.workspace_id = {context.lead}.workspace_id AND m.lead_id = {context.lead}.id"
        )

    def words(self, language: str) -> str:
        return pick(MARKS[self.mark], language)

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"mark"}))

    def evidence(self, context: Context) -> str:
        return f"(SELECT jsonb_build_object('since', m.{self.mark}_since) {self._row(context)})"
