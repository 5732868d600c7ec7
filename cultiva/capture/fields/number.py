from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind

LARGEST = 10**15  # whole numbers up to here are the same in JSON, PostgreSQL and JavaScript
MOST_PLACES = 6


class NumberField(forms.DecimalField):
    """A number that JSON can carry: whole where it has no decimal places. A decimal comma is as good as a point."""

    def to_python(self, value: Any) -> Any:
        text = value.strip().replace(",", ".") if isinstance(value, str) and value.count(",") == 1 else value
        return super().to_python(text)

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        if number is None:
            return None
        return int(number) if number == number.to_integral_value() else float(number)


class Number(FieldKind):
    kind = "number"
    label = _("Number")

    class Settings(forms.Form):
        min = forms.FloatField(label=_("Smallest"), min_value=-LARGEST, max_value=LARGEST, required=False)
        max = forms.FloatField(label=_("Largest"), min_value=-LARGEST, max_value=LARGEST, required=False)
        decimals = forms.IntegerField(label=_("Decimal places"), min_value=0, max_value=MOST_PLACES, required=False)

        def clean(self) -> dict[str, Any]:
            found = super().clean() or {}
            low, high = found.get("min"), found.get("max")
            if low is not None and high is not None and low > high:
                raise ValidationError({"min": _("The smallest number is above the largest one.")})
            return found

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        places = self.settings.get("decimals") or 0
        line = forms.TextInput(attrs={"inputmode": "decimal" if places else "numeric"})
        return NumberField(
            label=label, required=is_required, decimal_places=places, max_digits=15 + places, widget=line,
            min_value=self.settings.get("min", -LARGEST), max_value=self.settings.get("max", LARGEST),
        )  # fmt: skip
