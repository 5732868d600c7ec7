"""The ledger: everything that happened, immutable. It knows visitors and leads only as ids."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import WorkspaceRow

# Records of our own, beside what SDKs send (track, page, screen).
OWN_KINDS = ("identify", "consent", "stage", "score", "segment", "send", "workflow", "staff")
SOURCE_BASES = ("consent", "contract", "legitimate_interest", "legal_obligation")
OWN_SOURCE = 0  # the `source_id` of what the product itself records


class EventSource(WorkspaceRow):
    """A site, app, server or shop that sends events."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, default="site")  # site | server | a connector's kind
    # Origins (scheme://host[:port]) from which browsers may send; empty: from anywhere.
    allowed_origins = models.JSONField(default=list)
    # Events without the sender's word that tracking was consented to are counted and not stored.
    requires_tracking_consent = models.BooleanField(default=False)
    consent_category = models.CharField(max_length=60, default="analytics")
    # Of a server or connector, on what grounds it tells of people; "" is not declared (SOURCE_BASES).
    basis = models.CharField(max_length=20, blank=True, default="", db_default="")
    basis_note = models.CharField(max_length=300, blank=True, default="", db_default="")  # where that is written down
    # Who is named by a secret key's identify event, or by a connector, becomes a lead where unknown; not valid yet.
    makes_leads = models.BooleanField(default=False)
    requests_per_second = models.PositiveIntegerField(default=1000)  # per key; Segment advises its senders the same
    secret = models.TextField(blank=True, default="")  # lib.secrets: what a connector verifies its sender by
    created_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)  # from then on its keys are unknown

    class Meta:
        db_table = "event_source"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_source_a_key")
        ]


class WriteKey(WorkspaceRow):
    """What a sender proves itself by. A publishable one stands in pages and may only write events."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(EventSource, on_delete=models.PROTECT, db_constraint=False, related_name="keys")
    kind = models.CharField(max_length=12)  # publishable | secret
    key_hash = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=60, blank=True, default="")  # publishable: the key; secret: its last four
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "write_key"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "source"], name="write_key_source")]


class EventQuarantine(WorkspaceRow):
    """A message that could not become an event, kept with the reason until it is retried or discarded."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    received_at = models.DateTimeField()  # the last time it came
    code = models.TextField()
    message = models.TextField()  # the reason, in English
    payload = models.TextField()  # ASCII JSON, so that anything that was sent can be kept
    payload_hash = models.BinaryField()
    is_cut = models.BooleanField(default=False)  # too long to be kept whole, and so to be retried
    arrival = models.JSONField(default=dict)  # messages.Arrival
    times = models.IntegerField(default=1)

    class Meta:
        db_table = "event_quarantine"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "source_id", "payload_hash"], name="one_faulty_message")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "source_id", "id"], name="event_quarantine_source")
        ]


class EventQuarantineDropped(WorkspaceRow):
    """How many messages of a source went from a full quarantine."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    count = models.BigIntegerField()

    class Meta:
        db_table = "event_quarantine_dropped"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "source_id"], name="one_dropped_count")
        ]


class EventUncovered(WorkspaceRow):
    """How many messages came without consent to tracking; of the messages nothing is kept."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    day = models.DateField()  # UTC
    kind = models.TextField()
    name = models.TextField()
    count = models.BigIntegerField()

    class Meta:
        db_table = "event_uncovered"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "source_id", "day", "kind", "name"], name="one_uncovered_count"
            )
        ]


class Delivery(WorkspaceRow):
    """One webhook of a shop, as it came; the same body again is the same delivery, whatever number it bears."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(EventSource, on_delete=models.PROTECT, db_constraint=False, related_name="deliveries")
    delivery_id = models.CharField(max_length=200)  # the provider's number
    topic = models.CharField(max_length=80)
    outcome = models.CharField(max_length=20)  # taken | ignored | test | unreadable
    digest = models.CharField(max_length=64)  # sha-256 of topic and body
    body = models.TextField()  # lib.secrets
    received_at = models.DateTimeField()

    class Meta:
        db_table = "connector_delivery"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "source", "digest"], name="one_delivery_a_body")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "received_at"], name="delivery_age")]


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


class MachineEvent(WorkspaceRow):
    """An event that staff know to be a machine's, whatever was heard of it. View `lead_event` says so, too."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.BigIntegerField()
    by = models.CharField(max_length=80)  # user:<id>
    marked_at = models.DateTimeField()

    class Meta:
        db_table = "machine_event"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "event_id"], name="one_verdict_an_event")
        ]
