import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
DEFAULT_LENGTH = 200

# What browsers and screen readers may fill in (WCAG 1.3.5; HTML, autofill detail tokens), by the field's key.
AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "name": "name",
    "company": "organization",
    "job_title": "organization-title",
    "website": "url",
    "city": "address-level2",
    "postal_code": "postal-code",
}


class OneLine(forms.CharField):
    """A text in which line breaks and control characters become one space, so that none reaches a mail's header."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return CONTROLS.sub(" ", text).strip() if isinstance(text, str) else text


class Text(FieldKind):
    kind = "text"
    label = _("Text")

    class Settings(forms.Form):
        max_length = forms.IntegerField(label=_("Longest answer"), min_value=1, max_value=10_000, required=False)
        autocomplete = forms.ChoiceField(
            label=_("Filled in by the browser as"),
            choices=[("", "—"), *((token, token) for token in sorted(AUTOCOMPLETE.values()))],
            required=False,
        )

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        longest = self.settings.get("max_length") or DEFAULT_LENGTH
        token = self.settings.get("autocomplete")
        line = forms.TextInput(attrs={"autocomplete": token} if token else {})
        return OneLine(label=label, required=is_required, max_length=longest, widget=line)
