"""Mail templates as files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.consent.notices import TRANSACTIONAL
from cultiva.documents.kinds import CannotDelete, Need, VersionedKind
from cultiva.mailing.actions import publish_template
from cultiva.mailing.models import TemplateVersion
from cultiva.mailing.templating import SYSTEM_VARIABLES


class Template(VersionedKind):
    kind, folder, label = "template", "templates", _("Mail template")
    model = TemplateVersion

    def needs(self, body: dict[str, Any]) -> list[Need]:
        return [Need("purpose", body["purpose"], "purpose")] if body["purpose"] != TRANSACTIONAL else []

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_template(workspace_id=workspace_id, text=text, at=at)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        if key in SYSTEM_VARIABLES:
            raise CannotDelete(
                gettext("Cultiva itself sends `%(key)s`.") % {"key": key}, gettext("change its texts instead")
            )
        super().delete(workspace_id=workspace_id, key=key, by=by, at=at)
