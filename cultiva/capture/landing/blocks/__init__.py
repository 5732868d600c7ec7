"""Kinds of block: what one file can teach a landing page to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template import Context, Engine, Template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import in_language
from cultiva.lib.markdown import markdown
from cultiva.lib.plugins import Plugin

Json = dict[str, Any]
SPOKEN = {"es", "en"}
MOST_ITEMS = 30


@dataclass(frozen=True)
class Scene:
    """The page around a block. `pictures`: {name: (width, height)} of those there are; `forms`: {key: its HTML}."""

    language: str
    at: datetime
    time_zone: str
    workspace_slug: str
    workspace_name: str
    pictures: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)
    policy_address: str = ""
    controller: Mapping[str, str] = field(default_factory=dict)

    def picture(self, name: str, *, alt: str = "", is_first: bool = False) -> str:
        """An <img> that takes the size the window needs; only the first of a page is fetched at once."""
        if name not in self.pictures:
            return ""
        width, height = self.pictures[name]
        address = picture_address(self.workspace_slug, name)
        small, large = f"{address}?size=small 800w", f"{address} {max(width, 801)}w"
        when = format_html('fetchpriority="{}"', "high") if is_first else format_html('loading="{}"', "lazy")
        return format_html(
            '<img src="{}?size=small" srcset="{}, {}" sizes="(min-width: 60rem) 34rem, 100vw" width="{}" height="{}"'
            ' alt="{}" {}>',
            address, small, large, width, height, alt, when,
        )  # fmt: skip


def picture_address(workspace: str, name: str) -> str:
    return f"/p/{workspace}/~pictures/{name}"


class Block(Plugin):
    """One kind of block. A complete one that quotes somebody:

        class Quote(Block):
            kind = "quote"
            label = _("Quotation")
            template = '<blockquote>{{ words }}<footer>{{ who }}</footer></blockquote>'

            class Settings(forms.Form):
                words = Texts(label=_("Words"))
                who = forms.CharField(label=_("Who said it"), max_length=80)

    In a page's document, what stands beside `kind` goes through `Settings`; its cleaned values are `self.settings`,
    so they must be JSON. `template` gets them in the page's language, and what `values` adds: Markdown made
    into HTML (`prose`), words of our own (`gettext`). It escapes whatever else was written.
    """

    Settings: ClassVar[type[forms.Form]]
    template: ClassVar[str]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def values(self, scene: Scene, *, is_first: bool) -> Json:
        """More for the template than the settings."""
        return {}

    def html(self, scene: Scene, *, is_first: bool = False) -> SafeString:
        values = {name: spoken(value, scene.language) for name, value in self.settings.items()}
        values |= self.values(scene, is_first=is_first) | {"heading": "h1" if is_first else "h2"}
        return _template(self.template).render(Context(values))


@cache
def _template(text: str) -> Template:
    return Template(text, engine=Engine.get_default())


def spoken(value: Any, language: str) -> Any:
    """A setting in one language."""
    if isinstance(value, dict) and value and set(value) <= SPOKEN:
        return in_language(value, language)
    if isinstance(value, list):
        return [{name: spoken(each, language) for name, each in item.items()} for item in value]
    return value


def prose(text: str) -> SafeString:
    """Markdown as HTML, without HTML of its own."""
    return mark_safe(str(markdown.render(text)))  # noqa: S308 (its HTML is escaped)


class Items(forms.JSONField):
    """A setting that is a list of things with texts: [{title: {es: .., en: ..}, text: ..}, ..]."""

    def __init__(self, parts: Mapping[str, Any], **options: Any) -> None:
        """`parts`: {name: its label for people}."""
        self.parts = parts
        super().__init__(**options)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value in self.empty_values:
            return
        if not isinstance(value, list) or len(value) > MOST_ITEMS:
            raise ValidationError(_("A list of at most %(most)s is needed."), params={"most": MOST_ITEMS})
        for each in value:
            if not isinstance(each, dict) or set(each) != set(self.parts):
                raise ValidationError(_("Each of them needs: %(parts)s."), params={"parts": ", ".join(self.parts)})
            for texts in each.values():
                if (
                    not isinstance(texts, dict)
                    or not texts
                    or not all(isinstance(t, str) and t for t in texts.values())
                ):
                    raise ValidationError(_("A text in each language is needed."))


class PictureName(forms.CharField):
    """A setting that names an uploaded picture."""


class FormKey(forms.CharField):
    """A setting that names a form."""


class Address(forms.CharField):
    """A setting that is a web address, or a place on the page such as #form."""

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not (value.startswith(("https://", "http://", "#", "mailto:", "tel:")) and value.isprintable()):
            raise ValidationError(_("A web address is needed, such as https://www.example.com, or #form."))
