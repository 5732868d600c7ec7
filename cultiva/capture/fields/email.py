from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.leads.actions import BadAddress, read_address


class AddressField(forms.CharField):
    """An e-mail address by syntax; blanks around it are a slip of the keyboard, a line break in it is not."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.strip(" \u00a0") if isinstance(text, str) else text

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read_address(text).text if text else text
        except BadAddress as error:
            raise ValidationError(translate("Write a full address, such as name@example.com.")) from error


class Email(FieldKind):
    kind = "email"
    label = _("E-mail address")

    class Settings(forms.Form):
        pass

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        widget = forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"})
        return AddressField(label=label, required=is_required, max_length=254, strip=False, widget=widget)
