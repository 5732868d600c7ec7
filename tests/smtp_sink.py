"""A real SMTP server that keeps what it is given."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.product import free_port


class Sink:
    """`mails` holds what was accepted, oldest first."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.mails += [(recipient, message) for recipient in envelope.rcpt_tos]
        return "250 kept"

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for address, message in self.mails if address.lower() == recipient.lower()]


@contextmanager
def smtp_sink() -> Iterator[tuple[Sink, str]]:
    """(sink, SMTP_URL) of a server on loopback."""
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def links_of(message: EmailMessage) -> list[str]:
    return [link.rstrip(").,>") for link in re.findall(r"https?://\S+", text_of(message))]
