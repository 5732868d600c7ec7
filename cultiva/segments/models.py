"""Segments, who is and was in them, and when time alone may change that."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cultiva.accounts.models import Workspace, WorkspaceRow
from cultiva.leads.models import Lead

DYNAMIC, FIXED = "dynamic", "fixed"


class Segment(WorkspaceRow):
    """The leads who meet criteria now; or a fixed list, whose criteria are met by nobody and whose members are pins."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=8)  # dynamic | fixed
    criteria = models.JSONField(default=dict)
    source_text = models.TextField(blank=True, default="")  # as its author wrote it
    takes_only_valid = models.BooleanField(default=True)  # who did not accept the data-protection policy is left out
    folder = models.CharField(max_length=120, blank=True, default="")
    tags = models.JSONField(default=list)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=1)  # of the criteria: what was compiled before is stale
    level = models.PositiveSmallIntegerField(default=0)  # above every segment it reads
    reads_states = models.BooleanField(default=False)  # scores, stages and the like: refreshed after those
    # The criteria changed and who meets them is still to be worked out: until then the members stay, and what
    # happens is only marked.
    wants_build = models.BooleanField(default=False)
    built_at = models.DateTimeField(null=True)
    # A build's entries and exits, which are told of in chunks: until which of them that is done.
    tells_at = models.DateTimeField(null=True)
    told_entry = models.BigIntegerField(default=0)
    told_exit = models.BigIntegerField(default=0)

    class Meta:
        db_table = "segment"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace", "key"], name="segment_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_fixed(self) -> bool:
        return self.kind == FIXED


class SegmentRow(WorkspaceRow):
    """A row of a segment; the one index that begins with the workspace is each table's own."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    segment = models.ForeignKey(
        Segment, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class Member(SegmentRow):
    """One stay of a lead in a segment; `until` is null while it lasts."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "segment_member"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "segment", "lead"], condition=models.Q(until=None), name="member_once"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # With the id, who is asked about many segments is answered from the index alone.
            models.Index(
                fields=["workspace", "lead", "segment"],
                include=["id"],
                condition=models.Q(until=None),
                name="segment_member_present",
            ),
            models.Index(
                fields=["workspace", "lead"], condition=models.Q(until__isnull=False), name="segment_member_past"
            ),
            models.Index(
                fields=["workspace", "segment", "until", "id"],
                condition=models.Q(until__isnull=False),
                name="segment_member_former",
            ),
        ]


class Pin(SegmentRow):
    """A person put a lead into a segment, or keeps it out, whatever the criteria say."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    is_included = models.BooleanField()
    by = models.CharField(max_length=120)  # as in the audit log: user:7
    at = models.DateTimeField()

    class Meta:
        db_table = "segment_pin"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "segment", "lead"], name="one_pin_a_lead")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="segment_pin_lead")]


class Wake(WorkspaceRow):
    """The instants at which time alone may change which segments a lead is in: one of each segment, or none.

    One row a lead: a person who visits is told of by as many instants as there are segments that ask for visits. An
    instant that moved away stays as it was, and the lead is then looked at once in vain: who visits every day would
    be written every day otherwise. A segment may be named twice, or be gone.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    lead = models.OneToOneField(Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+")
    due_at = models.DateTimeField()  # the earliest of due_ats
    segment_ids = ArrayField(models.BigIntegerField())
    due_ats = ArrayField(models.DateTimeField())  # one a segment

    class Meta:
        db_table = "segment_wake"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "due_at", "lead"], name="segment_wake_next")
        ]


class Mark(SegmentRow):
    """Something happened to a lead that the segment does not know of: while it was being built, or behind its step of
    `flow`. It is asked about the lead as soon as it is not being built."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "segment_mark"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "segment", "lead"], name="marked_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "lead"], name="segment_mark_lead"),
            models.Index(fields=["workspace", "at", "lead"], name="segment_mark_next"),
        ]


class DueBlock(SegmentRow):
    """The same instants as a build finds them, many in a row: a million rows of their own would take seconds.

    They are told to each lead's `Wake` when their time comes (unfold_due.sql).
    """

    id = models.BigAutoField(primary_key=True)
    from_at = models.DateTimeField()  # the earliest of due_ats
    lead_ids = ArrayField(models.BigIntegerField())
    due_ats = ArrayField(models.DateTimeField())  # one a lead

    class Meta:
        db_table = "segment_due_block"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "from_at"], name="segment_due_block_next"),
            models.Index(fields=["workspace", "segment"], name="segment_due_block_segment"),
        ]


class Known(WorkspaceRow):
    """Leads that were asked about every segment once: from then on only what changed is looked at."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    lead = models.OneToOneField(Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+")

    class Meta:
        db_table = "segment_known"


class Input(SegmentRow):
    """What a segment reads: `attribute:country`, `event:page`, `segment:vip`, `stage`, ... (reading.py)."""

    id = models.BigAutoField(primary_key=True)
    input = models.TextField()

    class Meta:
        db_table = "segment_input"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "input", "segment"], name="one_input_a_segment")
        ]


class Day(SegmentRow):
    """How many leads entered and left a segment on a day, in the workspace's time zone.

    In shares: two workers that write at once seldom wait for each other.
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    share = models.SmallIntegerField()
    entered = models.BigIntegerField()
    gone = models.BigIntegerField()

    class Meta:
        db_table = "segment_day"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "segment", "day", "share"], name="one_day_a_share")
        ]
