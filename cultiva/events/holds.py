"""The ledger names leads and visitors only as ids, and is never rewritten: view `lead_event` follows `lead_alias`."""

from cultiva.lib.holds import Hold, stay

HOLDS = [
    Hold("event", "lead_id", stay),
    Hold("event", "visitor", stay),
]
