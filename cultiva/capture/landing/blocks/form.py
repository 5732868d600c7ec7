from typing import Any

from django import forms
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import Texts
from cultiva.capture.landing.blocks import Block, FormKey, Scene


class FormBlock(Block):
    """A form of the workspace, with its notice and boxes; what is sent is counted for the page as well."""

    kind = "form"
    label = _("Form")
    template = (
        '<section class="block form-block" id="form"><div class="inner narrow">{% if title %}<h2>{{ title }}</h2>'
        '{% endif %}{% if form_html %}{{ form_html }}{% else %}<p class="card">'
        "{{ closed }}</p>{% endif %}</div></section>"
    )

    class Settings(forms.Form):
        form = FormKey(label=_("Form"), max_length=80)
        title = Texts(label=_("Title"), required=False)

    def values(self, scene: Scene, *, is_first: bool) -> dict[str, Any]:
        html = scene.forms.get(self.settings["form"], "")
        return {"form_html": mark_safe(html), "closed": gettext("This form is closed.")}  # noqa: S308 (drawn by us)
