"""What an action did to a lead is history: it stays with the record that it was done to."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, load_sql
from cultiva.lib.holds import Hold, stay
from cultiva.lib.persons import WITHOUT, Fate, Person, Place, Trace, delete, redact

OF_ACTION = (
    "t.action_id IN (SELECT b.action_id FROM bulk_lead b"
    " WHERE b.workspace_id = %(workspace)s AND b.lead_id = ANY (%(leads)s::bigint[]))"
)


def drop_files(person: Person, place: Place) -> int:
    """An export that they are in goes as a whole: it cannot be written anew without them."""
    gone = delete(person, place)
    execute(load_sql("bulk", "files_gone"), person.parameters)
    return gone


HOLDS = [Hold("bulk_lead", "lead_id", stay, key="lead_id", label=_("Bulk actions"))]
TRACES = [
    Trace("bulk_part", ["content"], _("Exported files"), Fate("deleted", drop_files), is_binary=True, or_else=OF_ACTION,
          hidden=["content"]),
    Trace("bulk_action", ["selection"], _("Searches of bulk actions"), Fate("emptied", redact("selection"), WITHOUT),
          hidden=["settings"]),
]  # fmt: skip
