"""Kinds of form field: what one file can teach a form to ask."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from cultiva.lib.plugins import Plugin


class FieldKind(Plugin):
    """One kind of form field. A complete one that asks for a number of people:

        class Headcount(FieldKind):
            kind = "headcount"
            label = _("Number of people")

            class Settings(forms.Form):
                most = forms.IntegerField(min_value=1, required=False)

            def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
                return forms.IntegerField(
                    label=label, required=is_required, min_value=1, max_value=self.settings["most"]
                )

    In a form's document, what stands beside `key`, `kind`, `label` and `required` goes through `Settings`; its
    cleaned values are `self.settings`.
    """

    Settings: ClassVar[type[forms.Form]]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        """The Django field that draws and validates itself; its messages come in the active language."""
        raise NotImplementedError
