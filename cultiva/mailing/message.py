"""A finished mail as bytes: RFC 5322, multipart/alternative, plain text first (rules E-01, E-02).

Headers are encoded and folded by Python's `email`; most are the same in a whole batch, so each is folded once.
The parts are put together here: `EmailMessage` took 3 ms a mail, which alone would have cost the 500 mails/s.
"""

import logging
import re
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

log = logging.getLogger(__name__)

CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
# "=_" cannot occur in quoted-printable, so no text ever contains the boundary (RFC 2045, 6.7).
BOUNDARY = "=_cultiva"
# What SMTP carries without extensions: a dot-atom and a domain in ASCII (RFC 5321, 4.1.2).
MAILBOX = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9.-]{1,253}"
)
LINE_LIMIT = 998  # octets, RFC 5322, 2.1.1


class AddressError(ValueError):
    """No mail can go to, or come from, this address."""


@dataclass(frozen=True)
class Content:
    """What one mail says, and to whom. `commercial`: the headers that only such mail carries, already complete."""

    sender: Address
    reply_to: Address | None
    recipient: Address
    subject: str
    text: str
    html: str
    message_id: str
    at: datetime
    commercial: tuple[tuple[str, str], ...] = ()


def build_message(content: Content) -> bytes:
    head = [
        folded("From", str(content.sender)),
        folded("To", str(content.recipient)),
        folded("Reply-To", str(content.reply_to)) if content.reply_to else b"",
        folded("Subject", one_line("Subject", content.subject)),
        exact("Date", format_datetime(content.at)),
        exact("Message-ID", content.message_id),
        exact("Auto-Submitted", "auto-generated"),  # RFC 3834: nobody's holiday notice answers
        *(exact(name, value) for name, value in content.commercial),
        b"MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'.encode(),
    ]
    parts = part("plain", content.text) + part("html", content.html)
    return b"".join(head) + b"\r\n" + parts + f"--{BOUNDARY}--\r\n".encode()


def address(name: str, text: str) -> Address:
    """An address with its display name; the domain in ASCII. Raises AddressError."""
    local, _, domain = text.rpartition("@")
    try:
        plain = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise AddressError("the domain of the address cannot be used") from error
    if not MAILBOX.fullmatch(plain):
        raise AddressError("no mail can go to this form of address")
    return Address(one_line("address", name)[:120], addr_spec=plain)


def one_line(header: str, value: str) -> str:
    """Without line breaks and other controls, which could begin a header of their own (rules E-06).

    Nor does it keep what a reader would decode into one: `=?utf-8?q?=0A?=`.
    """
    clean = CONTROLS.sub(" ", value).replace("=?", "= ?")
    if clean != value:
        log.warning("event=mail.header_collapsed header=%s", header)
    return " ".join(clean.split())


def part(subtype: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    body = b2a_qp(lines.replace("\n", "\r\n").encode(), istext=True)
    head = f'--{BOUNDARY}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
    return f"{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + body + b"\r\n"


@lru_cache(maxsize=2000)
def folded(name: str, value: str) -> bytes:
    return SMTP.fold_binary(name, SMTP.header_store_parse(name, value)[1])


def exact(name: str, value: str) -> bytes:
    """A header that must not be folded or encoded: identifiers, dates and addresses of pages."""
    line = f"{name}: {one_line(name, value)}\r\n".encode("ascii")
    if len(line) > LINE_LIMIT:
        raise ValueError(
            f"The header {name} has {len(line)} bytes.\nhint: at most {LINE_LIMIT}; shorten PUBLIC_URL"
        )
    return line
