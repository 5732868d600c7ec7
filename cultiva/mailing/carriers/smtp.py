"""Sends by SMTP, one connection a batch (RFC 5321; enhanced status codes RFC 3463)."""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cultiva.lib.config import SmtpServer
from cultiva.mailing.carriers.base import ACCEPTED, Carrier, CarrierDown, Mail, Outcome

TIMEOUT_SECONDS = 10  # a mail is at most four exchanges: well inside the lease of sending.py
SERVICE_CLOSING = 421
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
ADDRESS = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")


class Smtp(Carrier):
    kind = "smtp"
    label = _("Mail server (SMTP)")

    def __enter__(self) -> Self:
        server: SmtpServer | None = settings.SMTP
        if server is None:
            raise CarrierDown("SMTP_URL is not set.\nhint: smtp+tls://user:password@host:587")
        try:
            self.connection = connect(server)
        except (OSError, smtplib.SMTPException) as error:
            raise CarrierDown(f"{server.host}:{server.port}: {without_addresses(str(error))}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self.connection.quit()
        self.connection.close()

    def send(self, mails: Sequence[Mail]) -> Iterator[Outcome]:
        for mail in mails:
            outcome, is_open = self._send(mail)
            yield outcome
            if not is_open:
                return  # the rest waits for the next connection

    def _send(self, mail: Mail) -> tuple[Outcome, bool]:
        """What became of the mail, and whether the connection can carry another."""
        try:
            code, reply = self.connection.mail(mail.sender)
            if code != 250:
                # They refuse our address, not the reader's: nothing to hold against this mail.
                return self._refused(code, reply, is_final=False)
            code, reply = self.connection.rcpt(mail.recipient)
            if code not in (250, 251):
                return self._refused(code, reply)
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(reply=f"connection lost: {type(error).__name__}"), False
        try:
            code, reply = self.connection.data(mail.source)
        except smtplib.SMTPDataError as error:  # refused before a byte of the message left
            return self._refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            # Between the last byte and the answer nobody knows whether the mail was taken.
            return Outcome(is_unknown=True, reply=f"no answer: {type(error).__name__}"), False
        return (ACCEPTED, True) if code == 250 else self._refused(code, reply)

    def _refused(self, code: int, reply: bytes | str, *, is_final: bool = True) -> tuple[Outcome, bool]:
        words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        status = STATUS.search(words)
        outcome = Outcome(
            permanent=is_final and 500 <= code < 600,
            status=status[1] if status else "",
            reply=f"{code} {without_addresses(words)}"[:300],
        )
        is_open = code not in (SERVICE_CLOSING, -1)
        if is_open:
            try:
                self.connection.rset()
            except (OSError, smtplib.SMTPException):
                is_open = False
        return outcome, is_open


def connect(server: SmtpServer) -> smtplib.SMTP:
    """An open connection, signed in. Raises OSError or SMTPException."""
    own_name = greeting_name()
    connection: smtplib.SMTP
    if server.security == "tls":
        connection = smtplib.SMTP_SSL(
            server.host, server.port, own_name, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS)
    try:
        if server.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user:
            connection.login(server.user, server.password)
        connection.ehlo_or_helo_if_needed()
        if connection.sock:  # else the last part of a message waits for an acknowledgement
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def greeting_name() -> str:
    """How we introduce ourselves. smtplib would ask the name service, which may take seconds."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    try:
        return f"[{ip_address(host)}]"
    except ValueError:
        return host


def without_addresses(words: str) -> str:
    """Servers repeat the address in their answers; it must not spread into logs and reasons."""
    return ADDRESS.sub("<…>", " ".join(words.split()))
