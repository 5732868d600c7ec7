"""Scores are computed: points of two leads are never added up."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold, drop

HOLDS = [
    Hold("score", "lead_id", drop, "figure", label=_("Scores")),
    Hold("rehearsal_change", "lead_id", drop, "figure", label=_("Bands under rehearsed models")),
]
