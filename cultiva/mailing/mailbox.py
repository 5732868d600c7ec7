"""Reading the local mailbox."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from django.db.models import QuerySet

from cultiva.mailing.models import MailboxMessage


@dataclass(frozen=True)
class Parts:
    """One message taken apart. Show `html` in a sandboxed frame only: leads filled in parts of it."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    source: str


def newest(*, workspace_id: int, recipient: str = "") -> QuerySet[MailboxMessage]:
    """Messages without their sources, newest first; `recipient` is a part of the address."""
    found = MailboxMessage.objects.filter(workspace_id=workspace_id).defer("source")
    if recipient:
        found = found.filter(recipient__icontains=recipient)
    return found.order_by("-received_at", "-id")


def parts(message: MailboxMessage) -> Parts:
    source = bytes(message.source)
    mail = message_from_bytes(source, policy=SMTP)
    return Parts(
        headers=[(name, str(value)) for name, value in mail.items()],
        text=content_of(mail, "plain"),
        html=content_of(mail, "html"),
        source=source.decode("utf-8", "replace"),
    )


def content_of(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    return str(body.get_content()).replace("\r\n", "\n") if body else ""
