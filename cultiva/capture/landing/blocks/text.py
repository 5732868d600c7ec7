from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts, in_language
from cultiva.capture.landing.blocks import Block, Scene, prose


class TextBlock(Block):
    """Words: Markdown, made into HTML without HTML of its own."""

    kind = "text"
    label = _("Text")
    template = '<section class="block"><div class="inner narrow prose">{{ words }}</div></section>'

    class Settings(forms.Form):
        text = Texts(label=_("Text (Markdown)"))

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        return {"words": prose(in_language(self.settings["text"], scene.language))}
