"""What holds in one workspace: its jurisdiction, and where it is stricter than the law."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.consent.jurisdictions import DEFAULT, Jurisdiction, find_jurisdiction, jurisdictions, months_before
from cultiva.consent.models import RulesVersion
from cultiva.consent.notices import CHANNELS, Notice
from cultiva.documents.normal import write_yaml
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, check_keys, read_document

Json = dict[str, Any]

KEY = "workspace"  # a workspace has one such document
LONGEST_MONTHS = 120
UNCONFIRMED_DAYS = 30  # until somebody chooses
ERASE_AFTER = {"unconfirmed_days": (7, 365), "inactive_months": (1, LONGEST_MONTHS)}  # {name: (least, most)}


@dataclass(frozen=True)
class Rules:
    workspace_id: int
    jurisdiction: Jurisdiction
    expires_after_months: Mapping[str, int]
    unconfirmed_days: int = UNCONFIRMED_DAYS  # after which who never proved their address is erased
    inactive_months: int | None = None  # after which who did nothing themselves is erased; None: never

    def expired_before(self, at: datetime) -> dict[str, str]:
        """{channel: the instant before which a consent has to have been given to be over by `at`}"""
        return {channel: months_before(at, months).isoformat() for channel, months in self.expires_after_months.items()}

    def opens_at(self, channel: str, at: datetime) -> datetime | None:
        """As the jurisdiction's, in the time zone of the workspace."""
        if channel not in self.jurisdiction.hour_channels:
            return None
        zone = Workspace.objects.values_list("time_zone", flat=True).get(id=self.workspace_id)
        return self.jurisdiction.opens_at(channel, at, zone)


def rules_of(workspace_id: int) -> Rules:
    """Those of the European Union until somebody chooses."""
    version = RulesVersion.current(workspace_id, KEY)
    body: Json = version.body if version else {"jurisdiction": DEFAULT}
    profile = jurisdictions()[body["jurisdiction"]]
    months = {**profile.expires_after_months, **body.get("expires_after_months", {})}
    return Rules(workspace_id, profile, months, **body.get("erase_after", {}))


def with_changes(workspace_id: int, **changes: Any) -> str:
    """The document in force with other values, to be published; None takes a key away."""
    version = RulesVersion.current(workspace_id, KEY)
    body: Json = {"consent_rules": KEY, "jurisdiction": DEFAULT, **(version.body if version else {}), **changes}
    return write_yaml({key: value for key, value in body.items() if value})


def publish_rules(*, workspace_id: int, text: str, at: datetime) -> RulesVersion:
    """Choose the jurisdiction. Raises DocumentError."""
    notice = read_rules(text)
    with workspace_scope(workspace_id):
        return RulesVersion.publish(
            workspace_id=workspace_id, key=notice.key, name=notice.name, body=notice.body, source_text=text, at=at
        )


def read_rules(text: str) -> Notice:
    """{consent_rules: workspace, jurisdiction: ES, expires_after_months: {email: 24},
    erase_after: {unconfirmed_days: 30, inactive_months: 36}}. Raises DocumentError."""
    found = check_keys(
        read_document(text, name="consent rules"),
        allowed=("consent_rules", "jurisdiction", "expires_after_months", "erase_after"),
        required=("consent_rules", "jurisdiction"),
        place="consent_rules",
    )
    if found["consent_rules"] != KEY:
        problem = gettext("there is no %(value)r") % {"value": found["consent_rules"]}
        raise DocumentError("consent_rules", problem, gettext("write `%(line)s`") % {"line": f"consent_rules: {KEY}"})
    profile = find_jurisdiction(found["jurisdiction"])
    body: Json = {"jurisdiction": profile.code}
    months = _read_months(found.get("expires_after_months") or {}, profile)
    if months:
        body["expires_after_months"] = months
    if erase_after := _read_erase_after(found.get("erase_after") or {}):
        body["erase_after"] = erase_after
    return Notice(KEY, profile.label["en"], body)


def _read_erase_after(value: Any) -> dict[str, int]:
    found = check_keys(value, allowed=tuple(ERASE_AFTER), place="erase_after")
    for name, figure in found.items():
        least, most = ERASE_AFTER[name]
        if not isinstance(figure, int) or isinstance(figure, bool) or not least <= figure <= most:
            problem = gettext("%(value)r is no whole number in that range") % {"value": figure}
            hint = gettext("from %(least)s to %(most)s") % {"least": least, "most": most}
            raise DocumentError(f"erase_after.{name}", problem, hint)
    return found


def _read_months(value: Any, profile: Jurisdiction) -> dict[str, int]:
    found = check_keys(value, allowed=CHANNELS, place="expires_after_months")
    for channel, months in found.items():
        place = f"expires_after_months.{channel}"
        if not isinstance(months, int) or isinstance(months, bool) or not 1 <= months <= LONGEST_MONTHS:
            raise DocumentError(
                place,
                gettext("%(value)r is no number of months") % {"value": months},
                gettext("from 1 to %(most)s") % {"most": LONGEST_MONTHS},
            )
        most = profile.expires_after_months.get(channel, months)
        if months > most:
            said = {"law": profile.code, "most": most, "months": months}
            problem = gettext("the law of %(law)s allows %(most)s months, not %(months)s") % said
            raise DocumentError(place, problem, gettext("give fewer"))
    return found
