"""No table of this room names a lead; answers of the API may hold one's words for a day or two."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold
from cultiva.lib.persons import Trace

HOLDS: list[Hold] = []
TRACES = [Trace("api_idempotency", ["body"], _("Answers kept for programs that ask again"), hidden=["request_hash"])]
