from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, Scene


class Footer(Block):
    """Who is responsible, and the policy. A page that leaves it out gets it all the same."""

    kind = "footer"
    label = _("Footer")
    template = (
        '<p class="inner">{{ name }}{% if address %} · {{ address }}{% endif %}{% if words %}<br>{{ words }}{% endif %}'
        '{% if policy %}<br><a href="{{ policy }}">{{ data_protection }}</a>{% endif %}'
        '{% if legal_address %} · <a href="{{ legal_address }}">{{ legal_notice }}</a>{% endif %}</p>'
    )

    class Settings(forms.Form):
        words = Texts(label=_("Text"), required=False)
        legal_address = forms.URLField(label=_("Address of the legal notice"), required=False, assume_scheme="https")

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        controller = scene.controller
        return {
            "name": controller.get("name") or scene.workspace_name,
            "address": controller.get("address", ""),
            "policy": scene.policy_address,
            "data_protection": gettext("Data protection"),
            "legal_notice": gettext("Legal notice"),
        }
