"""What was done to many leads at once, to whom, and what it takes to undo it."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import User, WorkspaceRow
from cultiva.consent.models import LeadRow
from cultiva.leads.models import Lead


class BulkAction(WorkspaceRow):
    """One action on a set of leads.

    state: counting -> counted -> running -> done, and aside stopped and failed; undoing -> undone or undo_failed. The
    set is fixed when it is counted. `after_lead` is the last lead that is done with, so that whoever goes on knows
    where.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)  # a plug-in of `bulk_actions`
    settings = models.JSONField(default=dict)  # as its form cleaned them
    selection = models.JSONField(default=dict)  # bulk.choosing
    state = models.CharField(max_length=12, default="counting")
    total = models.BigIntegerField(null=True)  # leads, once counted
    position = models.BigIntegerField(default=0)  # leads done, or undone
    after_lead = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)  # changed, unchanged, gone; restored, kept
    worked_seconds = models.FloatField(default=0)  # on the leads of `position`
    problem = models.TextField(blank=True, default="")  # why it failed, for people
    by = models.CharField(max_length=120)  # as in the audit log: user:7
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)  # real time; whose lease ran out has died
    file_name = models.CharField(max_length=120, blank=True, default="")  # of an export
    file_bytes = models.BigIntegerField(null=True)  # null: there is no file, or no more
    expires_at = models.DateTimeField(null=True)  # when the file, or the way to undo it, goes

    class Meta:
        db_table = "bulk_action"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "-id"], name="bulk_action_newest")]


class BulkLead(LeadRow):
    """A lead of an action; `before` is what undoing gives back, null where nothing changed."""

    pk = models.CompositePrimaryKey("workspace_id", "action_id", "lead_id")
    action = models.ForeignKey(
        BulkAction, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    before = models.JSONField(null=True)

    class Meta:
        db_table = "bulk_lead"


class BulkPart(WorkspaceRow):
    """A piece of an export. `what`: rows, as they were read, until they are put together to the file."""

    id = models.BigAutoField(primary_key=True)
    action = models.ForeignKey(BulkAction, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    what = models.CharField(max_length=8)  # rows | file
    ordinal = models.BigIntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "bulk_part"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "action", "what", "ordinal"], name="bulk_part_once")
        ]
