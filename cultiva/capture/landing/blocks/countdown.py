from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, Scene


class LocalTime(forms.CharField):
    """A day and an hour where the workspace is: 2026-12-01 18:00."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            return datetime.fromisoformat(text).replace(tzinfo=None).isoformat(" ", "minutes")
        except ValueError as error:
            words = _("A day and an hour are needed, such as 2026-12-01 18:00, not %(value)s.")
            raise ValidationError(words, params={"value": text}) from error


class Countdown(Block):
    """How long there is to go; the day itself where there is no script."""

    kind = "countdown"
    label = _("Countdown")
    template = (
        '<section class="block"><div class="inner narrow countdown">{% if title %}<h2>{{ title }}</h2>{% endif %}'
        '{% if is_over %}<p>{{ over|default:"" }}</p>{% else %}<p><time datetime="{{ until|date:"c" }}" data-countdown'
        ' data-days="{{ days }}" data-hours="{{ hours }}"'
        ' data-minutes="{{ minutes }}" data-over="{{ over|default:"" }}">'
        '{{ until|date:"DATE_FORMAT" }}, {{ until|date:"H:i" }} ({{ zone }})</time></p>'
        "{% endif %}</div></section>"
    )

    class Settings(forms.Form):
        until = LocalTime(label=_("Until (2026-12-01 18:00)"), max_length=40)
        title = Texts(label=_("Title"), required=False)
        over = Texts(label=_("What it says afterwards"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        zone = ZoneInfo(scene.time_zone)
        until = datetime.fromisoformat(self.settings["until"]).replace(tzinfo=zone)
        return {
            "until": until, "is_over": until <= scene.at, "zone": scene.time_zone.replace("_", " "),
            "days": gettext("days"), "hours": gettext("hours"), "minutes": gettext("minutes"),
        }  # fmt: skip
