from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, NoSettings


class Consent(FieldKind):
    """The place of the notice and its boxes. Without one they come last; they are never left out."""

    kind = "consent"
    label = _("Data protection")
    part = "consent"
    Settings = NoSettings
