from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, Texts, in_language
from cultiva.lib.markdown import markdown


class Content(FieldKind):
    """Words between the questions: Markdown, made into HTML without HTML of its own."""

    kind = "content"
    label = _("Text between questions")
    part = "content"

    class Settings(forms.Form):
        text = Texts(label=_("Text (Markdown)"))

    def html(self, *, label: str, language: str) -> str:
        return str(markdown.render(in_language(self.settings["text"], language)))
