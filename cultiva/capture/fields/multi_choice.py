from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.capture.fields.choice import check_choices, pairs_of


class MultiChoice(FieldKind):
    kind = "multi_choice"
    label = _("Several choices")

    class Settings(forms.Form):
        choices = forms.JSONField(label=_("Choices"), validators=[check_choices])

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        pairs = pairs_of(self.settings["choices"], language)
        boxes = forms.CheckboxSelectMultiple()
        return forms.MultipleChoiceField(label=label, required=is_required, choices=pairs, widget=boxes)
