import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind

DEFAULT_LENGTH, DEFAULT_LINES = 2_000, 4
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")  # all but the line break


class Lines(forms.CharField):
    """A text of several lines; other control characters become a space, and every line ends with one character."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str):
            return text
        return CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class LongText(FieldKind):
    kind = "long_text"
    label = _("Long text")

    class Settings(forms.Form):
        max_length = forms.IntegerField(label=_("Longest answer"), min_value=1, max_value=10_000, required=False)
        lines = forms.IntegerField(label=_("Lines"), min_value=2, max_value=20, required=False)

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        longest = self.settings.get("max_length") or DEFAULT_LENGTH
        area = forms.Textarea(attrs={"rows": self.settings.get("lines") or DEFAULT_LINES})
        return Lines(label=label, required=is_required, max_length=longest, widget=area)
