from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind

EARLIEST = date(1900, 1, 1)  # before it, a year was typed wrongly


class DayField(forms.DateField):
    """A day as text `YYYY-MM-DD`, what browsers send and criteria compare."""

    def __init__(self, *, first: str, last: str, **options: Any) -> None:
        super().__init__(**options)
        self.first, self.last = first, last

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day is None:
            return None
        text = day.isoformat()
        if text < self.first or (self.last and text > self.last):
            raise ValidationError(_("Choose a day between %(first)s and %(last)s.") % self._bounds())
        return text

    def _bounds(self) -> dict[str, str]:
        return {"first": self.first, "last": self.last or "9999-12-31"}


class Date(FieldKind):
    kind = "date"
    label = _("Date")

    class Settings(forms.Form):
        first = forms.DateField(label=_("First day"), input_formats=["%Y-%m-%d"], required=False)
        last = forms.DateField(label=_("Last day"), input_formats=["%Y-%m-%d"], required=False)

        def clean(self) -> dict[str, Any]:
            found = super().clean() or {}
            first, last = found.get("first"), found.get("last")
            if first and last and first > last:
                raise ValidationError({"first": _("The first day is after the last one.")})
            return {name: day.isoformat() if day else "" for name, day in found.items()}

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        first, last = self.settings.get("first") or EARLIEST.isoformat(), self.settings.get("last") or ""
        line = forms.DateInput(attrs={"type": "date", "min": first, "max": last or None}, format="%Y-%m-%d")
        line.attrs = {name: value for name, value in line.attrs.items() if value}
        return DayField(
            label=label, required=is_required, first=first, last=last, widget=line,
            input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        )  # fmt: skip
