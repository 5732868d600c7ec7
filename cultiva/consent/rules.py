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
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, check_keys, read_document

Json = dict[str, Any]

KEY = "workspace"  # a workspace has one such document
LONGEST_MONTHS = 120


@dataclass(frozen=True)
class Rules:
    workspace_id: int
    jurisdiction: Jurisdiction
    expires_after_months: Mapping[str, int]

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
    return Rules(workspace_id, profile, months)


def publish_rules(*, workspace_id: int, text: str, at: datetime) -> RulesVersion:
    """Choose the jurisdiction. Raises DocumentError."""
    notice = read_rules(text)
    with workspace_scope(workspace_id):
        return RulesVersion.publish(
            workspace_id=workspace_id, key=notice.key, name=notice.name, body=notice.body, source_text=text, at=at
        )


def read_rules(text: str) -> Notice:
    """{consent_rules: workspace, jurisdiction: ES, expires_after_months: {email: 24}}. Raises DocumentError."""
    found = check_keys(
        read_document(text, name="consent rules"),
        allowed=("consent_rules", "jurisdiction", "expires_after_months"),
        required=("consent_rules", "jurisdiction"),
        place="consent_rules",
    )
    if found["consent_rules"] != KEY:
        problem = gettext("there is no %(value)r") % {"value": found["consent_rules"]}
        raise DocumentError("consent_rules", problem, gettext("write `%(line)s`") % {"line": f"consent_rules: {KEY}"})
    profile = find_jurisdiction(found["jurisdiction"])
    body: Json = {"jurisdiction": profile.code}
    months = _read_months(found.get("expires_after_months") or {}, profile)
    return Notice(KEY, profile.label["en"], body | ({"expires_after_months": months} if months else {}))


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
