"""Keeps mails in the product: for trying it out, and where there is no mail server."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import workspace_scope
from cultiva.mailing.carriers.base import ACCEPTED, Carrier, Mail, Outcome
from cultiva.mailing.models import MailboxMessage


class Mailbox(Carrier):
    kind = "mailbox"
    label = _("Mailbox in the product")
    is_local = True

    def send(self, mails: Sequence[Mail]) -> Iterator[Outcome]:
        for mail in mails:
            with workspace_scope(mail.workspace_id):
                MailboxMessage.objects.bulk_create([message_of(mail)], ignore_conflicts=True)
            yield ACCEPTED


def message_of(mail: Mail) -> MailboxMessage:
    return MailboxMessage(
        workspace_id=mail.workspace_id,
        message_id=mail.message_id,
        sender=mail.sender,
        recipient=mail.recipient,
        subject=mail.subject,
        source=mail.source,
        received_at=mail.at,
    )
