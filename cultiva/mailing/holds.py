"""Mails sent to either were sent to the one they are; what waits goes to the kept lead's address, unless it says what
the other was told already."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, load_sql
from cultiva.lib.holds import Hold, Pair, counted


def join_mails(pair: Pair, hold: Hold) -> None:
    execute(load_sql("mailing", "cancel_repeated"), pair.parameters)
    execute(load_sql("mailing", "join_mails"), pair.parameters)


HOLDS = [
    Hold(
        "outbox",
        "lead_id",
        join_mails,
        together=[("state", "reason")],
        says=counted("outbox", _("Mails"), _("Both leads' together; what one was sent, the other does not get again.")),
    )
]
