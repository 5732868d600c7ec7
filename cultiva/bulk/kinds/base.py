"""What a bulk action is: one act on a set of leads."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms

from cultiva.lib.plugins import Plugin
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """Some leads of an action at `at` (UTC), ascending, held until the end of the transaction."""

    workspace_id: int
    action_id: int
    lead_ids: list[int]
    by: str  # as in the audit log: user:7
    at: datetime

    @property
    def context(self) -> Json:
        """What the events of the chunk say of their cause."""
        return {"bulk_action": self.action_id, "by": self.by}


class BulkSettings(forms.Form):
    """The fields of an action, on the screen and in the API; knows the workspace. Cleaned, they are kept as JSON."""

    def __init__(self, *args: Any, workspace_id: int, **more: Any) -> None:
        self.workspace_id = workspace_id
        super().__init__(*args, **more)

    def choose(self, name: str, choices: list[tuple[str, Any]], unknown: str) -> None:
        """`unknown`: what is said of a value that is none of the choices, with %(value)s."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        field.error_messages["invalid_choice"] = unknown


class BulkKind(Plugin):
    """One kind of action. `run` acts on the whole set, in the transaction that moves the action on.

    It returns what each lead that changed needs to be undone: {lead: before}, where `before` is any JSON but null. A
    lead that is left out did not change. Where `can_undo`, `undo` gets that back, and says how many it restored: only
    what nobody changed since.

    A complete one, which can be undone:

        class Star(BulkKind):
            kind = "star"
            label = _("Give a star")
            roles = CHANGE_LEADS
            can_undo = True

            class Settings(BulkSettings):
                pass

            def says(self, settings, count):
                return ngettext("%(n)s lead gets a star.", "%(n)s leads get a star.", count) % {"n": shown(count)}

            def run(self, chunk, settings):
                return change_attributes(
                    workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, change=lambda lead, known: {"star": True},
                    at=chunk.at, context=chunk.context,
                )

            def undo(self, chunk, settings, before):
                return restore_attributes(chunk, before, {"star": True})
    """

    Settings: ClassVar[type[BulkSettings]]
    roles: ClassVar[Collection[str]]
    can_undo: ClassVar[bool] = False
    changes_leads: ClassVar[bool] = True  # they are locked for it
    chunk_leads: ClassVar[int] = 2000  # some tenths of a second; no transaction of ours may last five

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        """A sentence: what happens to so many leads."""
        raise NotImplementedError

    def detail(self, settings: Mapping[str, Any]) -> str:
        """What stands beside the label in the list of actions."""
        return ""

    def prepare(self, workspace_id: int, settings: Json) -> Json:
        """The settings as they are kept, with what must not change while the action runs."""
        return settings

    def check(self, workspace_id: int, settings: Mapping[str, Any], count: int, at: datetime) -> None:
        """Raises BulkRefused where this cannot be done to so many, or what the settings name is gone."""

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        """Act on the set; `settings` as the form cleaned them."""
        raise NotImplementedError

    def undo(self, chunk: Chunk, settings: Mapping[str, Any], before: Mapping[int, Any]) -> int:
        """Take it back from the leads of the chunk; returns how many got back what they had."""
        raise NotImplementedError

    def finish(self, action: Any, at: datetime) -> None:
        """After the last lead, before the action is done; safe to repeat."""


class BulkRefused(Refusal):
    """The action cannot do this now: why, and what to do."""
