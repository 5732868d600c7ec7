from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, NoSettings
from cultiva.capture.fields.date import EARLIEST, DayField


class BirthDate(FieldKind):
    """Asked to learn whether a parent or guardian has to agree. The day itself is kept nowhere."""

    kind = "birth_date"
    label = _("Date of birth")
    is_attribute = False
    is_kept = False
    Settings = NoSettings

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        first = EARLIEST.isoformat()
        line = forms.DateInput(attrs={"type": "date", "min": first, "autocomplete": "bday"}, format="%Y-%m-%d")
        return DayField(
            label=label, required=is_required, first=first, last="", widget=line,
            input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        )  # fmt: skip
