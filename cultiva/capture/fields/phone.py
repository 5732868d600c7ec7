from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.capture.fields.text import OneLine
from cultiva.leads.actions import BadPhone, read_phone
from cultiva.leads.values import countries


class PhoneField(OneLine):
    """A telephone number, cleaned to E.164. `country` is where numbers without a prefix are of."""

    def __init__(self, *, country: str, **options: Any) -> None:
        super().__init__(**options)
        self.country = country

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read_phone(text, self.country) if text else text
        except BadPhone as error:
            raise ValidationError(translate("Write a full telephone number, such as +34 600 000 000.")) from error


class Phone(FieldKind):
    kind = "phone"
    label = _("Telephone")

    class Settings(forms.Form):
        country = forms.CharField(label=_("Country of numbers without a prefix"), max_length=2, required=False)

        def clean_country(self) -> str:
            code = str(self.cleaned_data["country"]).upper()
            if code and code not in countries():
                raise ValidationError(_("A country's two letters are needed, such as ES."))
            return code

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        line = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
        country = self.settings.get("country", "")
        return PhoneField(label=label, required=is_required, max_length=40, widget=line, country=country)
