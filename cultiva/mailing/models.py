"""Templates, the outbox, and the local mailbox of installations without a mail server."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, User, Workspace, WorkspaceRow
from cultiva.leads.models import Lead


class TemplateVersion(Document):
    """A mail. body: {purpose, languages: {es: {subject, preheader, text: markdown + liquid}, ..}}"""

    class Meta:
        db_table = "template_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="template_version_once")
        ]


UNCONFIRMED = "unconfirmed"  # the reason of a mail that waits for its reader to confirm the address


class OutboxState(models.TextChoices):
    READY = "ready"
    CLAIMED = "claimed"  # a sender has it for the length of its lease
    SENDING = "sending"  # committed before the first byte of the message leaves
    ACCEPTED = "accepted"
    RETRY = "retry"
    FAILED = "failed"
    REFUSED = "refused"  # by consent, suppression or a rule, with its reason
    UNCERTAIN = "uncertain"  # a sender died in the middle; marketing mail is not sent again
    CANCELLED = "cancelled"


class Outbox(WorkspaceRow):
    """One mail to one person for one cause. Each row is written four times, so it has few indexes."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False, related_name="+")
    id = models.BigAutoField(primary_key=True)
    cause_kind = models.CharField(max_length=20)  # confirmation | reminder | grant | workflow | sign_in
    cause_id = models.CharField(max_length=120)
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, null=True, related_name="mails"
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, db_index=False, null=True, related_name="+")
    template = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    purpose = models.CharField(max_length=80)  # transactional, or the purpose whose consent is asked
    variables = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=OutboxState.choices, default=OutboxState.READY)
    not_before = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)  # real time
    message_id = models.CharField(max_length=320)
    reason = models.CharField(max_length=300, blank=True, default="")
    consent_evidence_id = models.BigIntegerField(null=True)
    links = models.JSONField(default=list)  # targets of the tracked links, by number
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "outbox"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "cause_kind", "cause_id", "lead"],
                name="one_mail_a_cause",
                nulls_distinct=False,
            )
        ]
        # The queue's own indexes (outbox_soon, outbox_due, outbox_leases) are made in SQL.
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="outbox_lead")]


class MailboxMessage(WorkspaceRow):
    """A mail kept in the product instead of leaving it."""

    id = models.BigAutoField(primary_key=True)
    message_id = models.CharField(max_length=320)
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.CharField(max_length=998)
    source = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "mailbox_message"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "message_id"], name="mailbox_message_once")
        ]
