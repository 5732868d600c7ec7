"""The ledger: everything that happened, immutable. It knows visitors and leads only as ids."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import WorkspaceRow

# Records of our own, beside what SDKs send (track, page, screen).
OWN_KINDS = ("identify", "consent", "stage", "score", "segment", "send", "workflow", "staff")
OWN_SOURCE = 0  # the `source_id` of what the product itself records


class EventSource(WorkspaceRow):
    """A site, app or connector that sends events."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    write_key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "event_source"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_source_a_key")
        ]


class Event(WorkspaceRow):
    """One thing that happened. Partitioned by the month of `received_at`; the table is made in SQL."""

    id = models.BigIntegerField(primary_key=True)
    source_id = models.BigIntegerField()
    kind = models.TextField()
    name = models.TextField()
    visitor = models.UUIDField(null=True)
    lead_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    by = models.TextField()  # lead | staff | system
    actor = models.TextField()  # human | machine | unknown
    properties = models.JSONField(default=dict)
    folded = models.JSONField(null=True)  # lib.folding: the compared text where it differs
    context = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "event"
