"""Kinds of lead magnet: what one file can teach the product to give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from cultiva.lib.plugins import Plugin
from cultiva.magnets.models import Grant, MagnetFile


@dataclass(frozen=True)
class Delivery:
    """What the lead gets: a file."""

    name: str
    content_type: str
    content: bytes


class MagnetKind(Plugin):
    """One kind of lead magnet. A complete one that gives a calendar entry:

        class Invitation(MagnetKind):
            kind = "invitation"
            label = _("Invitation")

            class Settings(forms.Form):
                file = forms.FileField(validators=[check_calendar])

            def deliver(self, grant: Grant) -> Delivery:
                file = self.stored_file("file", grant)
                return Delivery(file.name, "text/calendar", bytes(file.content))

    `Settings` validates the magnet's settings and draws itself when somebody edits them. A file that it takes is
    stored, and `self.settings` then holds its SHA-256 in the field's place.
    """

    Settings: ClassVar[type[forms.Form]]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def deliver(self, grant: Grant) -> Delivery:
        """What this lead gets, now. Runs inside the workspace of the grant."""
        raise NotImplementedError

    def stored_file(self, field: str, grant: Grant) -> MagnetFile:
        return MagnetFile.objects.get(workspace_id=grant.workspace_id, sha256=self.settings[field])
