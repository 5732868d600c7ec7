"""Policies and purposes as files."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.cookie_notices import publish_cookie_notice
from cultiva.consent.models import CookieNoticeVersion, PolicyVersion, PurposeVersion, RulesVersion
from cultiva.consent.rules import publish_rules
from cultiva.documents.kinds import VersionedKind


class ConsentRules(VersionedKind):
    kind, folder, label = "consent_rules", "consent", _("Law of the workspace")
    model = RulesVersion

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_rules(workspace_id=workspace_id, text=text, at=at)
        return []


class Policy(VersionedKind):
    kind, folder, label = "policy", "policies", _("Privacy policy")
    model = PolicyVersion

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_policy(workspace_id=workspace_id, text=text, at=at)
        return []


class Purpose(VersionedKind):
    kind, folder, label = "purpose", "purposes", _("Purpose")
    model = PurposeVersion

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_purpose(workspace_id=workspace_id, text=text, at=at)
        return []


class CookieNotice(VersionedKind):
    kind, folder, label = "cookie_notice", "cookies", _("Cookie notice")
    model = CookieNoticeVersion

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_cookie_notice(workspace_id=workspace_id, text=text, at=at)
        return []
