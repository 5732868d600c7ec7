"""Who got a magnet from either lead has got it; who was brought by somebody stays brought by them.

Codes and seats hang on the grant and go where it goes.
"""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold, counted, union
from cultiva.lib.persons import LINK, Trace

OF_GRANTS = (
    "t.grant_id IN (SELECT g.id FROM magnet_grant g"
    " WHERE g.workspace_id = %(workspace)s AND g.lead_id = ANY (%(leads)s::bigint[]))"
)

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
TRACES = [
    Trace("webinar_registration", [], _("Webinars signed up for"), or_else=OF_GRANTS),
    Trace("discount_code", [], _("Discount codes"), LINK, or_else=OF_GRANTS, hidden=["code_key", "sealed"]),
]
