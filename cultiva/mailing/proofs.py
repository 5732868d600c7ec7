"""What mailing brings to a bundle of proof: the confirmation's mails, with their headers as they were sent."""

import json
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.consent.bundle import Proof
from cultiva.mailing.models import Outbox


class ConfirmationMails(Proof):
    kind, label = "confirmation_mails", _("Mails that asked to confirm the address")

    def files(self, *, workspace_id: int, lead_id: int) -> dict[str, bytes]:
        sent = Outbox.objects.filter(
            workspace_id=workspace_id, lead_id=lead_id, cause_kind__in=("confirmation", "reminder")
        ).order_by("id")
        rows: list[dict[str, Any]] = [
            {
                "cause": f"{row.cause_kind}:{row.cause_id}",
                "message_id": row.message_id,
                "template": row.template_id,
                "state": row.state,
                "asked_at": row.created_at.isoformat(),
                "accepted_at": row.accepted_at.isoformat() if row.accepted_at else None,
            }
            for row in sent
        ]
        return {"confirmation-mails.json": json.dumps(rows, indent=1, ensure_ascii=False).encode()} if rows else {}
