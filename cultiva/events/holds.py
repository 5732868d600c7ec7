"""The ledger names leads and visitors only as ids, and is never rewritten: view `lead_event` follows `lead_alias`.

An erasure alone empties what it tells of a person; that something happened, and when, stays (privacy.erasing writes the
archive anew).
"""

from contextlib import suppress

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.holds import Hold, stay
from cultiva.lib.persons import WITHOUT, Fate, Person, Place, Trace, empty, keep
from cultiva.lib.secrets import LostSecret, decrypt


def empty_events(person: Person, place: Place) -> int:
    """Of a lead's events and those of their visitors: no properties, no context, no visitor."""
    found = fetch_all(load_sql("events", "erase_events"), person.parameters)
    return int(found[0]["events"])


def read_delivery(body: str) -> str:
    with suppress(LostSecret):
        return decrypt(body)
    return ""


EMPTIED = Fate("emptied", empty_events, _("That something happened stays, for the totals; not what, where or who."))

HOLDS = [
    Hold("event", "lead_id", stay, label=_("Events"), erased=EMPTIED, hidden=["folded"]),
    # The rule above empties those, too.
    Hold("event", "visitor", stay, label=_("Events of their browsers"), erased=Fate("emptied", keep, EMPTIED.why),
         hidden=["folded"]),
]  # fmt: skip
TRACES = [
    Trace("event_quarantine", ["payload", "message", "arrival"], _("Messages that could not be read"),
          hidden=["payload_hash"]),
    Trace("connector_delivery", ["body"], _("Deliveries of shops"), reads=read_delivery, hidden=["body", "digest"]),
    # Whoever sends events may name them after people.
    Trace("event_name", ["name"], "", key="name", is_name=True),
    Trace("event_day", ["name"], "", key="name", is_name=True),
    Trace("event_property", ["name", "property"], "", key="name", is_name=True),
    Trace("flow_failure", ["error"], _("Notes on failures"), Fate("emptied", empty(error=""), WITHOUT)),
]  # fmt: skip
