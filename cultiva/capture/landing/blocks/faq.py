from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, Items, Scene, prose, spoken


class Faq(Block):
    """Questions that open to their answers, without a script."""

    kind = "faq"
    label = _("Questions and answers")
    template = (
        '<section class="block"><div class="inner narrow">{% if title %}<h2>{{ title }}</h2>{% endif %}'
        '{% for each in shown %}<details class="faq"><summary>{{ each.question }}</summary>{{ each.answer }}</details>'
        "{% endfor %}</div></section>"
    )

    class Settings(forms.Form):
        title = Texts(label=_("Title"), required=False)
        items = Items({"question": _("Question"), "answer": _("Answer (Markdown)")}, label=_("Questions"))

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        items = spoken(self.settings["items"], scene.language)
        return {"shown": [{"question": each["question"], "answer": prose(each["answer"])} for each in items]}
