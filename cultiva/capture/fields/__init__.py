"""Kinds of form field: what one file can teach a form to ask."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

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

    In a form's document, what stands beside the keys that all fields have goes through `Settings`; its cleaned
    values are `self.settings`. The field's cleaned value is stored as it is, so it must be JSON.

    `part`: `question`, or what asks nothing: `content` (gives `html` in place of `build`), `step` (what follows comes
    on the next step), `consent` (the place of the notice and its boxes). `is_attribute`: the answer joins the lead's
    attributes. `is_kept`: it stays with the submission.
    """

    Settings: ClassVar[type[forms.Form]]
    part: ClassVar[str] = "question"
    is_attribute: ClassVar[bool] = True
    is_kept: ClassVar[bool] = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        """The Django field that draws and validates itself; its messages come in the active language."""
        raise NotImplementedError

    def html(self, *, label: str, language: str) -> str:
        """What a `content` shows, safe as it is."""
        raise NotImplementedError


class NoSettings(forms.Form):
    """Of kinds that have nothing to set."""


class Texts(forms.JSONField):
    """A setting that people read: {es: text, en: text}."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"validators": [check_texts], **options})


def check_texts(value: Any) -> None:
    if not isinstance(value, dict) or not value or not all(isinstance(each, str) and each for each in value.values()):
        raise ValidationError(_("A text in each language is needed."))


def in_language(texts: Mapping[str, str] | None, language: str) -> str:
    """The text in a language, else in the first one there is."""
    return (texts.get(language) or next(iter(texts.values()), "")) if texts else ""
