"""`{magnet: guia-de-riego}`: whether the lead got it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.conditions.base import Condition, Context, Reads, Reference
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import operand_words, pick
from cultiva.magnets.models import MagnetVersion


@dataclass(frozen=True)
class GotMagnet(Condition):
    kind = "magnet"
    label = _("Lead magnet")
    keys = frozenset({"magnet"})
    reads_history = True

    magnet: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        return cls(read_text(document["magnet"], f"{place}.magnet"))

    def predicate(self, context: Context) -> str:
        return f"EXISTS (SELECT {self._grant(context)})"

    def _grant(self, context: Context) -> str:
        return (
            f"FROM magnet_grant g WHERE g.workspace_id = {context.lead}.workspace_id AND g.lead_id = {context.lead}.id"
            f" AND g.magnet = {context.bind(self.magnet)} AND g.granted_at <= {context.at}"
        )

    def words(self, language: str) -> str:
        got = pick(("ha recibido el contenido", "got the lead magnet"), language)
        return f"{got} {operand_words(self.magnet, language)}"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({f"magnet:{self.magnet}"}))

    def refers(self) -> list[Reference]:
        return [Reference("magnet", self.magnet, "magnet")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return list(MagnetVersion.currents(workspace_id).values_list("key", flat=True))

    def evidence(self, context: Context) -> str:
        return f"(SELECT jsonb_build_object('at', g.granted_at) {self._grant(context)})"
