"""`{owner: eva@huerta.example}`: who has the lead now."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Membership, User
from cultiva.criteria.conditions.base import Condition, Context, Reads, Reference
from cultiva.criteria.reading import read_text
from cultiva.criteria.words import pick


@dataclass(frozen=True)
class OwnerIs(Condition):
    """The present owner alone is known."""

    kind = "owner"
    label = _("Owner")
    keys = frozenset({"owner"})

    email: str

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        return cls(User.email_key(read_text(document["owner"], f"{place}.owner")))

    def predicate(self, context: Context) -> str:
        return f"EXISTS (SELECT {self._owner(context)} AND u.email = {context.bind(self.email)})"

    def _owner(self, context: Context) -> str:
        return (
            "FROM lead_state s JOIN staff_user u ON u.id = s.owner_id"
            f" WHERE s.workspace_id = {context.lead}.workspace_id AND s.lead_id = {context.lead}.id"
        )

    def words(self, language: str) -> str:
        return f"{pick(('su responsable es', 'their owner is'), language)} {self.email}"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"owner"}))

    def refers(self) -> list[Reference]:
        return [Reference("owner", self.email, "owner")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        return list(Membership.objects.filter(workspace_id=workspace_id).values_list("user__email", flat=True))

    def evidence(self, context: Context) -> str:
        return f"(SELECT jsonb_build_object('value', u.email) {self._owner(context)})"
