from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind


def check_choices(value: Any) -> None:
    """[text, ..] or [{value: text, label: {es: text, ..}}, ..], each value once."""
    if not isinstance(value, list) or not value:
        raise ValidationError(_("A list of choices is needed."))
    for choice in value:
        label = choice.get("label") if isinstance(choice, dict) else None
        is_told = isinstance(label, dict) and all(isinstance(text, str) and text for text in label.values())
        if not isinstance(value_of(choice), str) or not value_of(choice) or (isinstance(choice, dict) and not is_told):
            raise ValidationError(_("Each choice is a text, or has a `value` and a `label` per language."))
    values = [value_of(choice) for choice in value]
    if len(set(values)) != len(values):
        raise ValidationError(_("A choice is given twice."))


def value_of(choice: Any) -> Any:
    return choice.get("value") if isinstance(choice, dict) else choice


class Choice(FieldKind):
    kind = "choice"
    label = _("Choice")

    class Settings(forms.Form):
        choices = forms.JSONField(label=_("Choices"), validators=[check_choices])

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        choices = [(value_of(choice), self._label(choice, language)) for choice in self.settings["choices"]]
        return forms.ChoiceField(label=label, required=is_required, choices=[("", "—"), *choices])

    def _label(self, choice: Any, language: str) -> str:
        return str(choice["label"].get(language) or choice["value"]) if isinstance(choice, dict) else str(choice)
