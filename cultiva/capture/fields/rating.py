from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, Texts

DEFAULT_MOST = 5


class RatingField(forms.TypedChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(coerce=int, empty_value=None, **options)


class Rating(FieldKind):
    kind = "rating"
    label = _("Rating")

    class Settings(forms.Form):
        most = forms.IntegerField(label=_("Best mark"), min_value=2, max_value=10, required=False)
        low = Texts(label=_("What the lowest mark means"), required=False)
        high = Texts(label=_("What the best mark means"), required=False)

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        most = self.settings.get("most") or DEFAULT_MOST
        words = {1: self.settings.get("low"), most: self.settings.get("high")}
        marks = [(mark, self._mark(mark, words.get(mark), language)) for mark in range(1, most + 1)]
        buttons = forms.RadioSelect(attrs={"class": "rating"})
        return RatingField(label=label, required=is_required, choices=marks, widget=buttons)

    def _mark(self, mark: int, texts: dict[str, str] | None, language: str) -> str:
        text = (texts or {}).get(language)
        return f"{mark} ({text})" if text else str(mark)
