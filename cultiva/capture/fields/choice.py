from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind

MOST_CHOICES = 200


def check_choices(value: Any) -> None:
    """[text, ..] or [{value: text, label: {es: text, ..}}, ..], each value once."""
    if not isinstance(value, list) or not value or len(value) > MOST_CHOICES:
        raise ValidationError(_("A list of choices is needed, of at most 200."))
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


def pairs_of(choices: list[Any], language: str) -> list[tuple[str, str]]:
    """[(value, label)] in a language."""
    return [
        (value_of(each), str(each["label"].get(language) or each["value"]) if isinstance(each, dict) else str(each))
        for each in choices
    ]


class Choice(FieldKind):
    kind = "choice"
    label = _("Choice")

    class Settings(forms.Form):
        choices = forms.JSONField(label=_("Choices"), validators=[check_choices])
        shown_as = forms.ChoiceField(
            label=_("Shown as"), choices=[("", _("a list to open")), ("buttons", _("all of them"))], required=False
        )

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        pairs = pairs_of(self.settings["choices"], language)
        if self.settings.get("shown_as") == "buttons":
            return forms.ChoiceField(label=label, required=is_required, choices=pairs, widget=forms.RadioSelect())
        return forms.ChoiceField(label=label, required=is_required, choices=[("", "—"), *pairs])
