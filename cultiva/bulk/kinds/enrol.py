"""`{action: enrol, settings: {workflow: bienvenida}}`: into a workflow, by its own rules: valid leads, once at a time.

It cannot be undone: the first mail may have left.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.permissions import STEER_MARKETING
from cultiva.bulk.kinds.base import BulkKind, BulkRefused, BulkSettings, Chunk
from cultiva.bulk.words import shown
from cultiva.nurture.actions import enrol_leads
from cultiva.nurture.models import WorkflowVersion


class Enrol(BulkKind):
    kind = "enrol"
    label = _("Enrol in a workflow")
    roles = STEER_MARKETING

    class Settings(BulkSettings):
        workflow = forms.ChoiceField(
            label=_("Workflow"),
            help_text=_(
                "Only leads who accepted the data-protection policy enter, and nobody who is inside already. Its mails"
                " ask for consent when they are sent. This cannot be undone."
            ),
        )

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            found = [(each.key, each.name) for each in WorkflowVersion.currents(self.workspace_id)]
            self.choose("workflow", found, str(_("There is no workflow `%(value)s`.")))

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        text = ngettext(
            "%(n)s lead will enter the workflow %(workflow)s, if it lets them in.",
            "%(n)s leads will enter the workflow %(workflow)s, as far as it lets them in.",
            count,
        )
        return text % {"n": shown(count), "workflow": settings["workflow"]}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["workflow"])

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        try:
            entered = enrol_leads(
                workspace_id=chunk.workspace_id, workflow=settings["workflow"], lead_ids=chunk.lead_ids, at=chunk.at
            )
        except LookupError as error:
            problem = gettext("The workflow %(workflow)s takes nobody in any more.")
            hint = gettext("it may have been taken out; choose another one")
            raise BulkRefused(problem % {"workflow": settings["workflow"]}, hint) from error
        return dict.fromkeys(entered, True)
