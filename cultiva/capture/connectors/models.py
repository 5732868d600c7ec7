"""Inbound connectors, what they brought, and how leads came that nobody sent through a form."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import WorkspaceRow
from cultiva.leads.models import Lead


class Inbound(WorkspaceRow):
    """One place elsewhere that sends us leads, and what each of its fields means here.

    `mapping`: {field: target}, targets as in `mapping.TARGETS`; a field that is not in it has not been decided yet.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    secret = models.TextField()  # lib.secrets: what the sender proves itself by
    token = models.TextField(blank=True, default="")  # lib.secrets: what we ask the network with
    mapping = models.JSONField(default=dict)
    sample = models.TextField(blank=True, default="")  # lib.secrets: the last fields that came, as JSON
    sample_at = models.DateTimeField(null=True)
    refused = models.PositiveIntegerField(default=0)  # deliveries without the right proof; nothing else of them is kept
    refused_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "inbound"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_inbound_a_key")
        ]


class InboundFact(WorkspaceRow):
    """One thing a connector told us, once. `state`: waiting, taken, test, quarantined, discarded.

    `payload` is what came, and after a fetch what the network answered.
    """

    id = models.BigAutoField(primary_key=True)
    inbound = models.ForeignKey(Inbound, on_delete=models.PROTECT, db_constraint=False, related_name="facts")
    fact_key = models.CharField(max_length=200)  # the sender's own id, or a digest with its window of time
    state = models.CharField(max_length=12, default="waiting")
    reason = models.CharField(max_length=400, blank=True, default="")
    payload = models.TextField(blank=True, default="")  # lib.secrets
    payload_sha256 = models.CharField(max_length=64)
    is_fetched = models.BooleanField(default=True)  # False: the payload only names what is to be fetched
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, null=True, related_name="+")
    received_at = models.DateTimeField()

    class Meta:
        db_table = "inbound_fact"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "inbound", "fact_key"], name="inbound_fact_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "state", "due_at"], name="inbound_fact_due"),
            models.Index(fields=["workspace", "lead"], name="inbound_fact_lead"),
        ]


class LeadOrigin(WorkspaceRow):
    """How we came to the data of a lead whom staff entered, and when they must be told of it (art. 14.3 GDPR)."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    how = models.CharField(max_length=20)
    detail = models.CharField(max_length=300, blank=True, default="")
    basis = models.CharField(max_length=20)
    obtained_on = models.DateField()
    notice_due_on = models.DateField(null=True)  # None: they gave the data themselves
    notified_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=80)

    class Meta:
        db_table = "lead_origin"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "lead"], name="lead_origin_lead"),
            models.Index(
                fields=["workspace", "notice_due_on"], name="lead_origin_due",
                condition=models.Q(notified_at=None, notice_due_on__isnull=False),
            ),
        ]  # fmt: skip
