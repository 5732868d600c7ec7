"""What a step of a workflow is: one act on all the enrolments that stand there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms

from cultiva.lib.plugins import Plugin


@dataclass(frozen=True)
class Standing:
    """The enrolments that stand at a step at `at` (UTC). `enrolment_ids[i]` is the trip of `lead_ids[i]`."""

    workspace_id: int
    workflow: str
    purpose: str  # whose consent a message needs; asked when it is sent, not here
    node: str
    at: datetime
    enrolment_ids: list[int]
    lead_ids: list[int]

    def causes(self) -> list[str]:
        """One key for each visit of each enrolment to this node: what makes an act happen once."""
        return [f"{enrolment}:{self.node}:{self.at.isoformat()}" for enrolment in self.enrolment_ids]


class StepSettings(forms.Form):
    """The fields of a step in documents and on the screen; knows the workspace and the workflow's purpose."""

    def __init__(self, *args: Any, workspace_id: int, purpose: str, **more: Any) -> None:
        self.workspace_id, self.purpose = workspace_id, purpose
        super().__init__(*args, **more)


class Step(Plugin):
    """One kind of step. `run` acts on the whole set, in the transaction that moves the enrolments on.

    Several workers never hold the same enrolment, and a crash gives it back; what leaves the database must
    therefore wait in a table (as mail does in the outbox) under a key of `standing.causes()`. A step that
    raises is undone, logged, and tried again ten minutes later; other groups go on.

    A complete one, `{step: note, text: .., next: ..}`:

        class Note(Step):
            kind = "note"
            label = _("Write a note")

            class Settings(StepSettings):
                text = forms.CharField(label=_("Text"), max_length=200)

            def run(self, standing: Standing, settings: Mapping[str, Any]) -> None:
                notes = [
                    NewEvent(kind="staff", name="note", message_id=f"note:{cause}", occurred_at=standing.at,
                             lead_id=lead, by="system", properties={"text": settings["text"]})
                    for cause, lead in zip(standing.causes(), standing.lead_ids, strict=True)
                ]
                record_events(workspace_id=standing.workspace_id, events=notes, received_at=standing.at)
    """

    Settings: ClassVar[type[StepSettings]]

    def run(self, standing: Standing, settings: Mapping[str, Any]) -> None:
        """Act on the set; `settings` are the step's keys as published."""
        raise NotImplementedError
