"""Staff say of an event that a machine did it, and it counts no more. The ledger stays: the saying is an event, too."""

import uuid
from datetime import datetime

from cultiva.events.actions import LedgerEvent, NewEvent, record_events
from cultiva.events.models import MachineEvent
from cultiva.lib.database import execute, load_sql, workspace_scope

MARKED, UNMARKED = "machine_marked", "machine_unmarked"


def mark_machine(*, workspace_id: int, lead_id: int, event_id: int, is_machine: bool, by: str, at: datetime) -> bool:
    """Whether that was new. `lead_id` is whose event it is, and who is scored anew."""
    with workspace_scope(workspace_id):
        if is_machine:
            _, is_new = MachineEvent.objects.get_or_create(
                workspace_id=workspace_id, event_id=event_id, defaults={"by": by, "marked_at": at}
            )
        else:
            gone, _ = MachineEvent.objects.filter(workspace_id=workspace_id, event_id=event_id).delete()
            is_new = gone > 0
        if is_new:
            said = NewEvent(
                kind="staff", name=MARKED if is_machine else UNMARKED, message_id=str(uuid.uuid4()), occurred_at=at,
                lead_id=lead_id, by="staff", properties={"event": event_id, "by": by},
            )  # fmt: skip
            record_events(workspace_id=workspace_id, events=[said], received_at=at)
        return is_new


def is_verdict(event: LedgerEvent) -> bool:
    """Whether an event tells that another one counts no more, or counts again."""
    return event.kind == "staff" and event.name in (MARKED, UNMARKED)


def recount(workspace_id: int) -> None:
    """The verdicts, from what the ledger holds of them."""
    with workspace_scope(workspace_id):
        MachineEvent.objects.filter(workspace_id=workspace_id).delete()
        parameters = {"workspace": workspace_id, "marked": MARKED, "unmarked": UNMARKED}
        execute(load_sql("events", "recount_verdicts"), parameters)
