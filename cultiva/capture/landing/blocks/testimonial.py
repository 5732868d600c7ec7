from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, PictureName, Scene


class Testimonial(Block):
    """What somebody says of us."""

    kind = "testimonial"
    label = _("Testimonial")
    template = (
        '<section class="block"><figure class="inner narrow testimonial"><blockquote><p>{{ words }}</p></blockquote>'
        "<figcaption>{{ image }}<span><strong>{{ who }}</strong>{% if role %}<br>{{ role }}{% endif %}</span>"
        "</figcaption></figure></section>"
    )

    class Settings(forms.Form):
        words = Texts(label=_("What they say"))
        who = forms.CharField(label=_("Who says it"), max_length=120)
        role = Texts(label=_("Who they are"), required=False)
        picture = PictureName(label=_("Picture"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        return {"image": scene.picture(self.settings.get("picture", ""))}
