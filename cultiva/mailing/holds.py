"""Mails sent to either were sent to the one they are; what waits goes to the kept lead's address, unless it says what
the other was told already."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, load_sql
from cultiva.lib.holds import Hold, Pair, counted
from cultiva.lib.persons import Fate, File, Person, Place, Trace


def join_mails(pair: Pair, hold: Hold) -> None:
    execute(load_sql("mailing", "cancel_repeated"), pair.parameters)
    execute(load_sql("mailing", "join_mails"), pair.parameters)


def cancel_mails(person: Person, place: Place) -> int:
    """What waits is not sent; of what was sent stays that it was."""
    return execute(load_sql("mailing", "erase_mails"), person.parameters)


MAILS = Fate("emptied", cancel_mails, _("What waits is not sent. That mails were sent stays, for the totals."))

TRACES = [
    Trace("mailbox_message", ["recipient", "sender", "subject"], _("Mails kept here"), hidden=["source"],
          file=File("id", "source", ".eml")),
]  # fmt: skip
HOLDS = [
    Hold(
        "outbox",
        "lead_id",
        join_mails,
        label=_("Mails"),
        erased=MAILS,
        also="jsonb_build_object('template', (SELECT key FROM template_version v WHERE v.id = t.template_id))",
        together=[("state", "reason")],
        says=counted("outbox", _("Mails"), _("Both leads' together; what one was sent, the other does not get again.")),
    )
]
