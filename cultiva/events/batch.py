"""What one round of `flow` works on; handed from step to step."""

from dataclasses import dataclass, field
from datetime import datetime

from cultiva.events.actions import LedgerEvent, NewEvent, record_events


@dataclass
class Batch:
    """New events of one workspace and the leads they touch, as of `at` (UTC).

    `lead_ids` ascend. On arrival they are those that `leads.resolve` found; later they are locked for this batch.
    `passed_on` are events that steps recorded before: they have been worked on and are only counted. Each step works
    on the set, may run twice, and tells later steps what it changed by `record`.
    """

    workspace_id: int
    at: datetime
    events: list[LedgerEvent] = field(default_factory=list)
    lead_ids: list[int] = field(default_factory=list)
    passed_on: list[LedgerEvent] = field(default_factory=list)
    known_to_segments: int = 0  # how many of the events they have been brought up to date with
    known_to_personas: int = 0
    due_in_segments: dict[int, set[int]] = field(default_factory=dict)  # {segment: leads whose instant has come}
    is_due: bool = False  # time alone brought the leads here, nothing happened to them

    def record(self, events: list[NewEvent]) -> list[LedgerEvent]:
        """Write events to the ledger and hand them to the steps that follow."""
        new = record_events(workspace_id=self.workspace_id, events=events, received_at=self.at, queue=False)
        self.events += new
        return new

    def of_kind(self, *kinds: str) -> list[LedgerEvent]:
        return [event for event in self.events if event.kind in kinds]
