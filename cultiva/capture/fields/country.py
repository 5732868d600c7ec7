from functools import cache

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, NoSettings
from cultiva.leads.values import countries
from cultiva.lib.folding import fold


@cache
def countries_in(language: str) -> list[tuple[str, str]]:
    """[(ISO 3166 alpha-2, name)] by name, as libphonenumber calls them."""
    from phonenumbers.geodata.locale import LOCALE_DATA  # noqa: PLC0415  large, and only needed for this list

    named = []
    for code, by_language in LOCALE_DATA.items():
        name = by_language.get(language) or by_language.get("en", "")
        named.append((code, by_language.get(name[1:], "") if name.startswith("*") else name))
    return sorted(
        ((code, name) for code, name in named if name and code in countries()), key=lambda pair: fold(pair[1])
    )


class Country(FieldKind):
    kind = "country"
    label = _("Country")
    Settings = NoSettings

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        select = forms.Select(attrs={"autocomplete": "country"})
        choices = [("", "—"), *countries_in(language)]
        return forms.ChoiceField(label=label, required=is_required, choices=choices, widget=select)
