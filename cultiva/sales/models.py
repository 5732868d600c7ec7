"""Hand-overs: a sales-qualified lead given to a person, with a clock."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import User, WorkspaceRow
from cultiva.leads.models import Lead


class HandOvers(models.Manager["HandOver"]):
    def open(self) -> models.QuerySet["HandOver"]:
        return self.filter(accepted_at=None, rejected_at=None, lapsed_at=None)


class HandOver(WorkspaceRow):
    """One lead given to one seller because of one stage change; open until accepted, rejected or lapsed."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="hand_overs"
    )
    stage_change_id = models.BigIntegerField()
    owner = models.ForeignKey(  # to whom it was given; null: nobody sells here
        User, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    rejected_at = models.DateTimeField(null=True)
    lapsed_at = models.DateTimeField(null=True)  # the lead left the stage before anybody answered
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")
    reason = models.TextField(blank=True, default="")

    objects: ClassVar[HandOvers] = HandOvers()

    class Meta:
        db_table = "hand_over"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "stage_change_id"], name="one_hand_over_a_change")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "lead"], name="hand_over_lead"),
            models.Index(fields=["workspace", "owner", "id"], name="hand_over_owner"),  # whose turn is next
            models.Index(
                fields=["workspace", "due_at", "id"],
                name="hand_over_waiting",
                condition=models.Q(accepted_at=None, rejected_at=None, lapsed_at=None),
            ),
        ]

    @property
    def is_open(self) -> bool:
        return not (self.accepted_at or self.rejected_at or self.lapsed_at)

    def is_overdue(self, at: datetime) -> bool:
        return self.is_open and at > self.due_at
