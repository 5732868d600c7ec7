"""`{consent: marketing, channel: email, is: given}`: the will the lead expressed for a purpose."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.consent.models import PurposeVersion
from cultiva.criteria.conditions.base import Condition, Reads, Reference
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import operand_words, pick
from cultiva.lib.documents import DocumentError, nearest

STATES = {
    "given": ("está dado", "is given"),
    "withdrawn": ("está retirado", "is withdrawn"),
    "none": ("no se ha expresado", "was never expressed"),
}


@dataclass(frozen=True)
class ConsentIs(Condition):
    """Read from the last will; of a past `at` before it, from the evidence. `none`: neither given nor withdrawn.

    It does not say that the lead may be contacted: `consent.can_contact` asks for more.
    """

    kind = "consent"
    label = _("Consent")
    keys = frozenset({"consent", "channel", "is"})
    reads_history = True

    purpose: str
    channel: str
    state: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        for key in ("channel", "is"):
            if key not in document:
                raise DocumentError(
                    place,
                    gettext("`%(key)s` is missing") % {"key": key},
                    "{consent: marketing, channel: email, is: given}",
                )
        if document["is"] not in STATES:
            raise DocumentError(
                f"{place}.is",
                gettext("no state %(value)r") % {"value": document["is"]},
                nearest(document["is"], list(STATES)),
            )
        purpose = read_text(document["consent"], f"{place}.consent")
        return cls(purpose, read_text(document["channel"], f"{place}.channel"), document["is"])

    def predicate(self, context: Context) -> str:
        return f"coalesce({self._state(context)}, 'none') = {context.bind(self.state)}"

    def _state(self, context: Context) -> str:
        of_it = (
            f"WHERE s.workspace_id = {context.lead}.workspace_id AND s.lead_id = {context.lead}.id"
            f" AND s.purpose = {context.bind(self.purpose)} AND s.channel = {context.bind(self.channel)}"
        )
        before = (
            f"SELECT s.act FROM consent_evidence s {of_it} AND s.act IN ('given', 'withdrawn')"  # noqa: S608
            f" AND s.occurred_at <= {context.at} ORDER BY s.ordinal DESC LIMIT 1"
        )
        return (
            f"(SELECT CASE WHEN s.since <= {context.at} THEN s.state ELSE ({before}) END FROM consent_state s {of_it})"  # noqa: S608
        )

    def words(self, language: str) -> str:
        subject = pick(("el consentimiento {} por {}", "the consent {} by {}"), language)
        said = subject.format(operand_words(self.purpose, language), self.channel)
        return f"{said} {pick(STATES[self.state], language)}"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"consent"}))

    def refers(self) -> list[Reference]:
        return [Reference("consent", self.purpose, "consent")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return list(PurposeVersion.currents(workspace_id).values_list("key", flat=True))

    def evidence(self, context: Context) -> str:
        return f"jsonb_build_object('value', coalesce({self._state(context)}, 'none'))"
