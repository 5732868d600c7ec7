"""What a file's columns mean."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from cultiva.capture.imports.presets import EVENT_SPECIAL, SPECIAL
from cultiva.leads.values import MAX_ATTRIBUTES, MAX_KEY
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]
TYPES = ("text", "number", "date", "date_time", "boolean", "list")
DATE_ORDERS = ("ymd", "dmy", "mdy")
NUMBER_STYLES = (".", ",")  # the decimal mark; the other one groups thousands


class BadPlan(Refusal):
    """A mapping that cannot work; the message says why and what to do."""


@dataclass(frozen=True)
class Column:
    """`target`: one of SPECIAL (or EVENT_SPECIAL), an attribute's key, or empty: left out.

    `order` says where in a date the day stands (DATE_ORDERS), `decimal` how numbers are written.
    """

    target: str = ""
    type: str = "text"
    order: str = "ymd"
    decimal: str = "."
    is_sure: bool = True  # False: 03/04/2026 may be either day


@dataclass(frozen=True)
class Plan:
    """How a file is taken over; stored with the import.

    `purposes`: those that the proof or the declaration covers. `incomplete`: what becomes of rows whose proof is
    not whole (reject, or none: they come in without basis). `covers_confirmation`: the declaration says that the
    addresses were confirmed too. `event_source`: the key of the source that events are put down to.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    preset: str = ""
    time_zone: str = "Europe/Madrid"
    country: str = "ES"
    language: str = "es"
    purposes: tuple[str, ...] = ()
    consent_text: str = ""
    consent_version: str = ""
    incomplete: str = "reject"
    covers_confirmation: bool = False
    event_source: str = ""

    def to_json(self) -> Json:
        return asdict(self) | {"columns": [[name, asdict(column)] for name, column in self.columns.items()]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Plan":
        known = dict(stored)
        known["columns"] = {name: Column(**column) for name, column in known.get("columns", [])}
        known["purposes"] = tuple(known.get("purposes", ()))
        return cls(**known)

    def has(self, target: str) -> bool:
        return any(column.target == target for column in self.columns.values())


def check_plan(plan: Plan, *, kind: str, basis: str) -> None:
    """Raises BadPlan for what could not work."""
    targets = [column.target for column in plan.columns.values() if column.target]
    special = EVENT_SPECIAL if kind == "events" else SPECIAL
    twice = {target for target in targets if targets.count(target) > 1 and (target in special or kind == "leads")}
    if twice:
        raise BadPlan(
            gettext("Two columns are meant to be %(names)s.") % {"names": ", ".join(sorted(twice))},
            gettext("leave one of them out, or rename it"),
        )
    for name, column in plan.columns.items():
        if column.type not in TYPES or column.order not in DATE_ORDERS or column.decimal not in NUMBER_STYLES:
            said = {"name": name, "type": column.type, "order": column.order, "decimal": column.decimal}
            raise BadPlan(gettext("%(name)s: %(type)s, %(order)s, %(decimal)r is not known.") % said)
        if len(column.target) > MAX_KEY + 11:
            raise BadPlan(
                gettext("%(name)s: %(key)s… is too long for a key.") % {"name": name, "key": column.target[:40]},
                gettext("at most %(most)d characters") % {"most": MAX_KEY},
            )
    try:
        ZoneInfo(plan.time_zone)
    except (KeyError, ValueError) as error:
        raise BadPlan(
            gettext("No time zone %(zone)r.") % {"zone": plan.time_zone}, gettext("for example Europe/Madrid")
        ) from error
    if kind == "events":
        _check_events(targets)
        return
    if not {"email", "phone", "external_id"} & set(targets):
        raise BadPlan(gettext("No column says who a row is about."), gettext("map one to email, phone or external_id"))
    if len([target for target in targets if target not in SPECIAL]) > MAX_ATTRIBUTES:
        raise BadPlan(
            gettext("More than %(most)d attributes.") % {"most": MAX_ATTRIBUTES}, gettext("leave some columns out")
        )
    if basis == "proof" and not {"consent_time", "consent_ip"} <= set(targets):
        raise BadPlan(
            gettext("A proof says at least when consent was given and from which address (IP)."),
            gettext("map columns to consent_time and consent_ip, or choose another basis"),
        )


def _check_events(targets: Sequence[str]) -> None:
    if not {"user_id", "anonymous_id", "email"} & set(targets):
        raise BadPlan(gettext("No column says who did it."), gettext("map one to user_id, anonymous_id or email"))
    if "timestamp" not in targets:
        raise BadPlan(gettext("No column says when it happened."), gettext("map one to timestamp"))
    if not {"event", "type"} & set(targets):
        raise BadPlan(gettext("No column says what happened."), gettext("map one to event"))
