"""Kinds of lead magnet: what one file can teach the product to give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext

from cultiva.lib.plugins import Plugin
from cultiva.lib.refusals import Refusal
from cultiva.magnets.models import Grant, MagnetFile, MagnetVersion

Json = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """What the lead gets: a file."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Redirect:
    """What the lead gets lies at this address, which may carry a signature."""

    address: str


@dataclass(frozen=True)
class Page:
    """What the lead gets is shown by this template; `media`: origins whose video or sound it plays."""

    template: str
    values: Json = field(default_factory=dict)
    media: tuple[str, ...] = ()


class CannotAct(Refusal):
    """What was pressed on the page of a magnet cannot be done."""


class MagnetKind(Plugin):
    """One kind of lead magnet. A complete one that gives a calendar entry:

        class Invitation(MagnetKind):
            kind = "invitation"
            label = _("Invitation")

            class Settings(forms.Form):
                file = forms.FileField(validators=[check_calendar])

            def deliver(self, grant: Grant, at: datetime) -> Delivery:
                file = self.stored_file("file", grant)
                return Delivery(file.name, "text/calendar", bytes(file.content))

    `Settings` validates the magnet's settings and draws itself when somebody edits them. A file that it takes is
    stored, and `self.settings` then holds its SHA-256 in the field's place; what was left empty is not there. A kind
    whose page has buttons says in `act` what they do. All methods run inside the workspace's transaction.
    """

    do_not_call_in_templates: ClassVar[bool] = True
    Settings: ClassVar[type[forms.Form]]
    icon: ClassVar[str] = "magnet"
    opens_as: ClassVar[str] = "magnet_opened"  # the event of somebody who came to what they were given
    what_it_is: ClassVar[str | Promise] = ""  # for whoever chooses a kind
    has_own_page: ClassVar[bool] = False  # a public page before the form, as a video that begins

    def __init__(self, magnet: MagnetVersion) -> None:
        self.magnet = magnet
        self.settings: Mapping[str, Any] = magnet.body["settings"]

    def deliver(self, grant: Grant, at: datetime) -> "Delivery | Redirect | Page":
        """What this lead gets, now. Changes nothing: scanners open every link."""
        raise NotImplementedError

    def grant(self, grant: Grant, at: datetime, cause: str = "") -> None:
        """What has to be set aside for a lead who was just granted it. `cause` tells further gifts apart."""

    def act(self, grant: Grant, act: str, fields: Mapping[str, str], at: datetime) -> None:
        """Somebody pressed a button of the page. Raises CannotAct."""
        raise CannotAct(gettext("there is nothing to do here"))

    def stored_file(self, field: str, grant: Grant) -> MagnetFile:
        return MagnetFile.objects.get(workspace_id=grant.workspace_id, sha256=self.settings[field])


class MagnetField(forms.CharField):
    """The key of another magnet, as that which a referral is rewarded with."""
