"""How mails leave the house."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Self

from cultiva.lib.plugins import Plugin


@dataclass(frozen=True)
class Mail:
    """One finished message. `source` is RFC 5322, CRLF, ASCII; `at` is the product's time."""

    workspace_id: int
    outbox_id: int
    message_id: str
    sender: str
    recipient: str
    subject: str
    source: bytes
    at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of one mail.

    `permanent`: sending it again will not help. `is_unknown`: it left, and the answer never came.
    `status`: the enhanced status code (RFC 3463) where there was one.
    """

    is_accepted: bool = False
    permanent: bool = False
    is_unknown: bool = False
    status: str = ""
    reply: str = ""


ACCEPTED = Outcome(is_accepted=True)


class CarrierDown(Exception):
    """The carrier cannot be reached or will not work with us; no mail was touched."""


class Carrier(Plugin):
    """Base of all carriers: opened once a batch, then given at most 20 mails at a time.

    `send` is a generator: the next mail leaves when its outcome is asked for, and the caller may stop asking.
    Mails without an outcome count as not sent. `__enter__` may raise CarrierDown. A complete one:

        class Folder(Carrier):
            kind = "folder"
            label = _("Files in a folder")

            def send(self, mails):
                for mail in mails:
                    try:
                        Path("/var/mail/out", f"{mail.outbox_id}.eml").write_bytes(mail.source)
                        yield ACCEPTED
                    except OSError as error:
                        yield Outcome(permanent=False, reply=str(error))
    """

    is_local: ClassVar[bool] = False  # True: what it takes is undone with the surrounding transaction

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what `__enter__` opened."""

    def send(self, mails: Sequence[Mail]) -> Iterator[Outcome]:
        raise NotImplementedError
