from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.capture.fields.text import OneLine


class Hidden(FieldKind):
    """What the page says and the person does not: a value of its address, or a constant."""

    kind = "hidden"
    label = _("Hidden field")

    class Settings(forms.Form):
        value = forms.CharField(label=_("Value"), max_length=200, required=False)
        parameter = forms.SlugField(
            label=_("Taken from the address, by this parameter"), max_length=60, required=False
        )  # fmt: skip

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        parameter = self.settings.get("parameter")
        line = forms.HiddenInput(attrs={"data-parameter": parameter} if parameter else {})
        return OneLine(label=label, required=False, max_length=200, widget=line, initial=self.settings.get("value"))
