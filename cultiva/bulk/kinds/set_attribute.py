"""`{action: set_attribute, settings: {attribute: sector, value: vino}}`: one value for all of them; without a value,
none."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.permissions import CHANGE_LEADS
from cultiva.bulk.kinds.attributes import kept_value, restore_attributes
from cultiva.bulk.kinds.base import BulkKind, BulkSettings, Chunk, Json
from cultiva.bulk.kinds.tags import TAGS
from cultiva.bulk.words import shown
from cultiva.leads.attributes import definitions
from cultiva.leads.changing import change_attributes
from cultiva.leads.values import WrongType

NOT_IN_BULK = ("email", TAGS)  # who a lead is; and what has actions of its own


class SetAttribute(BulkKind):
    kind = "set_attribute"
    label = _("Change an attribute")
    roles = CHANGE_LEADS
    can_undo = True

    class Settings(BulkSettings):
        attribute = forms.ChoiceField(label=_("Attribute"))
        value = forms.CharField(
            label=_("Value"), required=False, max_length=2000,
            help_text=_("Dates as 2026-12-31; several values with commas between them. Empty takes the value away."),
        )  # fmt: skip

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            known = definitions(self.workspace_id, "lead")
            choices = [(key, each.label or key) for key, each in known.items() if key not in NOT_IN_BULK]
            unknown = _("There is no attribute `%(value)s` that can be changed like this.")
            self.choose("attribute", choices, str(unknown))

        def clean(self) -> Json:
            found = super().clean() or {}
            if "attribute" not in found or "value" not in found:
                return found
            given = self.data.get("value")
            text: Any = given if isinstance(given, list) else found["value"].strip()  # programs may send a list
            definition = definitions(self.workspace_id, "lead")[found["attribute"]]
            if isinstance(text, str) and text and definition.type == "multi_choice":
                text = [part.strip() for part in text.split(",") if part.strip()]
            try:
                found["value"] = (
                    kept_value(workspace_id=self.workspace_id, key=found["attribute"], value=text) if text else None
                )
            except WrongType as error:
                self.add_error("value", gettext("This value does not fit the attribute: %(why)s") % {"why": error})
            return found

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        if settings["value"] is None:
            text = ngettext(
                "%(n)s lead will have no value of %(attribute)s.",
                "%(n)s leads will have no value of %(attribute)s.",
                count,
            )
        else:
            text = ngettext(
                "%(attribute)s of %(n)s lead will be “%(value)s”.",
                "%(attribute)s of %(n)s leads will be “%(value)s”.",
                count,
            )
        return text % {"n": shown(count), "attribute": settings["attribute"], "value": in_words(settings["value"])}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return f"{settings['attribute']}: {in_words(settings['value'])}"

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        given = {settings["attribute"]: settings["value"]}
        return change_attributes(
            workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, change=lambda _lead, _known: given, at=chunk.at,
            context=chunk.context,
        )  # fmt: skip

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        return restore_attributes(chunk, before, {settings["attribute"]: settings["value"]})


def in_words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
