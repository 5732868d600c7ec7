from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, PictureName, Scene

ENDINGS = (".mp4", ".webm")


class VideoAddress(forms.URLField):
    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and urlsplit(value).scheme != "https":
            raise ValidationError(_("A web address that begins with https:// is needed."))


class Video(Block):
    """A film. A file plays on the page; a page of YouTube or the like is linked to: nobody is tracked by a look."""

    kind = "video"
    label = _("Video")
    template = (
        '<section class="block"><div class="inner narrow">{% if title %}<h2>{{ title }}</h2>{% endif %}'
        '{% if is_file %}<video controls preload="none" src="{{ address }}"></video>'
        '{% else %}<a class="film" href="{{ address }}" rel="noopener" target="_blank">{{ image }}'
        '<span class="button">▶ {{ watch }}</span></a>{% endif %}</div></section>'
    )

    class Settings(forms.Form):
        address = VideoAddress(label=_("Address of the video"), assume_scheme="https")
        title = Texts(label=_("Title"), required=False)
        picture = PictureName(label=_("Picture before it plays"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        is_file = urlsplit(self.settings["address"]).path.lower().endswith(ENDINGS)
        return {
            "is_file": is_file,
            "watch": gettext("Watch the video"),
            "image": scene.picture(self.settings.get("picture", "")),
        }
