"""People and mails of the tests of this room."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, cast

from aiosmtpd import smtp
from aiosmtpd.controller import Controller

from cultiva.accounts.actions import create_workspace
from cultiva.accounts.models import Workspace
from cultiva.consent.actions import (
    confirm,
    confirmation_token,
    publish_policy,
    publish_purpose,
    record_consents,
    request_confirmation,
)
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import execute, workspace_scope
from cultiva.mailing.actions import Addressee, publish_template, put_in_outbox
from cultiva.mailing.models import MailboxMessage, Outbox

NEWS = """
template: novedades
purpose: marketing
name: Novedades
languages:
  es:
    subject: "{{ lead.first_name | default: 'Hola' }}, novedades de riego"
    preheader: Tres ideas para gastar menos agua este verano en tu huerta.
    text: |
      # Hola {{ lead.first_name | default: "de nuevo" }}

      {% if lead.company %}
      Para **{{ lead.company }}**.
      {% endif %}

      Lee [la guía](https://huerta.example/guia?a=1&b=2) y [los precios](https://huerta.example/precios),
      o escribe a [Marta](mailto:marta@huerta.example).

      [Pedir presupuesto](https://huerta.example/presupuesto)
  en:
    subject: "{{ lead.first_name | default: 'Hello' }}, irrigation news"
    text: |
      Hello {{ lead.first_name | default: "again" }}

      [Get a quote](https://huerta.example/en/quote)
"""


def furnish(workspace: Workspace, at: datetime) -> Workspace:
    publish_policy(workspace_id=workspace.id, text=POLICY, at=at)
    publish_purpose(workspace_id=workspace.id, text=MARKETING, at=at)
    publish_template(workspace_id=workspace.id, text=NEWS, at=at)
    return workspace


@contextmanager
def committed_company(at: datetime) -> Iterator[Workspace]:
    """A workspace whose rows are committed, for what must commit between its steps."""
    workspace = create_workspace(slug=f"huerta-{uuid.uuid4().hex[:12]}", name="Huerta", language="es", at=at)
    with workspace_scope(workspace.id):
        furnish(workspace, at)
    yield workspace
    with workspace_scope(workspace.id):  # nobody's `flow` is to work on these
        execute("DELETE FROM event_inbox WHERE workspace_id = %s", [workspace.id])
        execute("UPDATE outbox SET state = 'cancelled' WHERE workspace_id = %s", [workspace.id])


def make_reader(
    workspace: Workspace,
    at: datetime,
    email: str = "ana@example.com",
    *,
    consents: bool = True,
    confirms: bool = True,
    language: str = "es",
    **attributes: Any,
) -> Lead:
    """A lead who accepted the policy and, with `consents`, agreed to marketing and proved the address."""
    with workspace_scope(workspace.id):
        lead, _ = save_lead(
            workspace_id=workspace.id,
            email=email,
            attributes=attributes or {"first_name": "Ana"},
            language=language,
            source_kind="form",
            at=at,
        )
        policy = PolicyVersion.current(workspace.id, "privacy")
        marketing = PurposeVersion.current(workspace.id, "marketing")
        assert policy
        assert marketing
        record_consents(
            workspace_id=workspace.id,
            lead_id=lead.id,
            policy=policy,
            purposes=[marketing] if consents else [],
            language=language,
            circumstances=Circumstances(),
            at=at,
        )
        if consents:
            confirmation = request_confirmation(workspace_id=workspace.id, lead_id=lead.id, at=at)
            assert confirmation
            if confirms:
                confirm(token=confirmation_token(confirmation), at=at)
    return lead


def ask_for_news(workspace: Workspace, leads: list[Lead], at: datetime, cause: str = "1") -> int:
    with workspace_scope(workspace.id):
        return put_in_outbox(
            workspace_id=workspace.id,
            cause_kind="workflow",
            template="novedades",
            addressees=[Addressee(cause, lead.id) for lead in leads],
            at=at,
        )


def outbox_of(workspace: Workspace) -> list[Outbox]:
    with workspace_scope(workspace.id):
        return list(Outbox.objects.filter(workspace_id=workspace.id).order_by("id"))


def states_of(workspace: Workspace) -> list[str]:
    return [row.state for row in outbox_of(workspace)]


def mails_of(workspace: Workspace) -> list[EmailMessage]:
    """What the mailbox holds, oldest first."""
    with workspace_scope(workspace.id):
        found = MailboxMessage.objects.filter(workspace_id=workspace.id).order_by("id")
        return [parse(bytes(each.source)) for each in found]


def parse(source: bytes) -> EmailMessage:
    return message_from_bytes(source, policy=SMTP)


def text_of(mail: EmailMessage, subtype: str = "plain") -> str:
    body = mail.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class Sink:
    """A mail server that keeps what it takes. `replies`: answers to recipients by address, 250 where none."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    data_replies: dict[str, str] = field(default_factory=dict)
    sender_reply: str = "250 OK"
    on_data: Callable[[], object] | None = None  # what happens while a mail arrives

    async def handle_MAIL(  # noqa: N802
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.sender_reply

    async def handle_RCPT(  # noqa: N802
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope) -> str:  # noqa: N802
        if self.on_data:
            await asyncio.to_thread(self.on_data)
        reply = self.data_replies.get(envelope.rcpt_tos[0], "250 OK")
        if reply == "hang up":
            cast(asyncio.Transport, server.transport).abort()
            return "421 gone"
        if reply.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(parse(envelope.content))
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        return reply


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_server(sink: Sink) -> Iterator[int]:
    """The port of a server on this machine."""
    controller = AnyPort(sink, hostname="127.0.0.1", port=0, ready_timeout=10)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
