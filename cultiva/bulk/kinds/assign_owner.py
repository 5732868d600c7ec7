"""`{action: assign_owner, settings: {owner: eva@huerta.example}}`: who has these leads from now on; without an owner,
nobody."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Membership, User
from cultiva.accounts.permissions import CHANGE_LEADS
from cultiva.bulk.kinds.base import BulkKind, BulkRefused, BulkSettings, Chunk
from cultiva.bulk.words import shown
from cultiva.sales.actions import assign_owners, give_owners_back


class AssignOwner(BulkKind):
    kind = "assign_owner"
    label = _("Assign an owner")
    roles = CHANGE_LEADS
    can_undo = True

    class Settings(BulkSettings):
        owner = forms.ChoiceField(label=_("Owner"), required=False)

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            people = [(user.email, user.full_name) for user in owners(self.workspace_id)]
            self.choose("owner", [("", _("nobody")), *people], str(_("Nobody here with the address %(value)s sells.")))

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        if not settings["owner"]:
            return ngettext("%(n)s lead will have no owner.", "%(n)s leads will have no owner.", count) % {
                "n": shown(count)
            }
        text = ngettext("%(n)s lead will be given to %(owner)s.", "%(n)s leads will be given to %(owner)s.", count)
        return text % {"n": shown(count), "owner": settings["owner"]}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["owner"] or "–")

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        owner_id = owner_named(chunk.workspace_id, settings["owner"])
        before = assign_owners(
            workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, owner_id=owner_id, at=chunk.at,
            context=chunk.context,
        )  # fmt: skip
        return {lead_id: {"owner": before_id, "given": owner_id} for lead_id, before_id in before.items()}

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        given = next(iter(before.values()))["given"]
        return give_owners_back(
            workspace_id=chunk.workspace_id, before={lead_id: each["owner"] for lead_id, each in before.items()},
            given_id=given, at=chunk.at, context=chunk.context | {"is_undo": True},
        )  # fmt: skip


def owners(workspace_id: int) -> list[User]:
    """Who may have leads, by name."""
    members = Membership.objects.filter(workspace_id=workspace_id, role__in=CHANGE_LEADS, user__is_active=True)
    return [each.user for each in members.select_related("user").order_by("user__full_name", "id")]


def owner_named(workspace_id: int, email: str) -> int | None:
    """Raises BulkRefused for somebody who left meanwhile."""
    found = {user.email: user.id for user in owners(workspace_id)}
    if email and email not in found:
        problem = gettext("%(email)s sells here no more.") % {"email": email}
        raise BulkRefused(problem, gettext("choose somebody else"))
    return found[email] if email else None
