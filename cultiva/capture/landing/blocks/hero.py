from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Address, Block, PictureName, Scene, prose


class Hero(Block):
    """What a page is about, at its head."""

    kind = "hero"
    label = _("Opening")
    template = (
        '<section class="block hero"><div class="inner{% if image %} with-picture{% endif %}"><div>'
        '<{{ heading }}>{{ title }}</{{ heading }}>{% if words %}<div class="lead">{{ words }}</div>{% endif %}'
        '{% if button %}<a class="button" href="{{ address|default:"#form" }}">{{ button }}</a>{% endif %}</div>'
        "{{ image }}</div></section>"
    )

    class Settings(forms.Form):
        title = Texts(label=_("Title"))
        text = Texts(label=_("Text (Markdown)"), required=False)
        button = Texts(label=_("Button"), required=False)
        address = Address(label=_("Where the button leads"), required=False)
        picture = PictureName(label=_("Picture"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        text = self.settings.get("text") or {}
        return {
            "words": prose(text.get(scene.language, "")) if text else "",
            "image": scene.picture(self.settings.get("picture", ""), is_first=is_first),
        }
