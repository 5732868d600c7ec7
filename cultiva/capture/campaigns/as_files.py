"""Campaigns as files. What came of them stays in the product."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.capture.campaigns.actions import (
    delete_campaign,
    find_campaign,
    list_campaigns,
    save_campaign,
    settings_of,
)
from cultiva.capture.campaigns.documents import document_of, member_kinds, read_campaign
from cultiva.documents.kinds import DocumentKind, Need, Present, read_once

Json = dict[str, Any]


class CampaignFile(DocumentKind):
    kind, folder, label = "campaign", "campaigns", _("Campaign")

    def present(self, workspace_id: int) -> dict[str, Present]:
        return {
            each.key: Present(document_of(settings_of(each)), each.revision) for each in list_campaigns(workspace_id)
        }

    def find(self, workspace_id: int, key: str) -> Present | None:
        campaign = find_campaign(workspace_id, key)
        return Present(document_of(settings_of(campaign)), campaign.revision) if campaign else None

    def needs(self, body: Json) -> list[Need]:
        members = body.get("members")
        if not isinstance(members, dict):
            return []
        return [
            Need(kind, key, f"members.{kind}[{n}]")
            for kind, keys in members.items()
            if kind in member_kinds() and isinstance(keys, list)
            for n, key in enumerate(keys)
            if isinstance(key, str)
        ]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        settings = read_campaign(read_once(text), workspace_id=workspace_id)
        save_campaign(workspace_id=workspace_id, settings=settings, by=by, at=at)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        delete_campaign(workspace_id=workspace_id, key=key, by=by, at=at)
