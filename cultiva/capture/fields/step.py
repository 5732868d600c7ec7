from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind, NoSettings


class Step(FieldKind):
    """What follows comes on the next step. Without JavaScript all steps are one page."""

    kind = "step"
    label = _("New step")
    part = "step"
    Settings = NoSettings
