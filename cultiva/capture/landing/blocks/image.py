from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts, in_language
from cultiva.capture.landing.blocks import Block, PictureName, Scene


class ImageBlock(Block):
    kind = "image"
    label = _("Picture")
    template = (
        '<section class="block"><figure class="inner narrow">{{ image }}'
        "{% if caption %}<figcaption>{{ caption }}</figcaption>{% endif %}</figure></section>"
    )

    class Settings(forms.Form):
        picture = PictureName(label=_("Picture"))
        alt = Texts(label=_("What it shows, for those who do not see it"))
        caption = Texts(label=_("Caption"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        alt = in_language(self.settings["alt"], scene.language)
        return {"image": scene.picture(self.settings["picture"], alt=alt, is_first=is_first)}
