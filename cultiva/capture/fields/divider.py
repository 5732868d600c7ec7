from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, NoSettings


class Divider(FieldKind):
    kind = "divider"
    label = _("Heading and line")
    part = "content"
    Settings = NoSettings

    def html(self, *, label: str, language: str) -> str:
        return format_html('<hr><h2 class="divider">{}</h2>', label)
