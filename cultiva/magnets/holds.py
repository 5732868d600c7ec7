"""Who got a magnet from either lead has got it; who was brought by somebody stays brought by them.

Codes and seats hang on the grant and go where it goes.
"""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold, counted, union

HOLDS = [
    Hold(
        "magnet_grant",
        "lead_id",
        union("magnet", earliest="granted_at"),
        label=_("Magnets received"),
        says=counted("magnet_grant", _("Magnets received"), _("What either got, once.")),
    ),
    Hold("referral", "lead_id", union("workspace_id", earliest="came_at"), contains="link"),
]
