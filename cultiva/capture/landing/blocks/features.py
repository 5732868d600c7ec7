from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, Items, Scene, prose, spoken


class Features(Block):
    """What somebody gains, side by side."""

    kind = "features"
    label = _("Advantages")
    template = (
        '<section class="block"><div class="inner">{% if title %}<h2>{{ title }}</h2>{% endif %}<ul class="features">'
        "{% for each in shown %}<li><h3>{{ each.title }}</h3>{{ each.text }}</li>{% endfor %}</ul></div></section>"
    )

    class Settings(forms.Form):
        title = Texts(label=_("Title"), required=False)
        items = Items({"title": _("Title"), "text": _("Text (Markdown)")}, label=_("Advantages"))

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        items = spoken(self.settings["items"], scene.language)
        return {"shown": [{"title": each["title"], "text": prose(each["text"])} for each in items]}
