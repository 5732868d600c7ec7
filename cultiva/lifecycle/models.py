"""Stages, the guards between them, and why each lead stands where it stands."""

from typing import Any, ClassVar, Self

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class LifecycleVersion(Document):
    """The graph of stages (docs/reference/lifecycle.md)."""

    class Meta:
        db_table = "lifecycle_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="lifecycle_version_once")
        ]

    @classmethod
    def in_force(cls, workspace_id: int) -> Self | None:
        """The newest version of the workspace's one lifecycle, or None."""
        return cls.currents(workspace_id).first()


class StageChange(WorkspaceRow):
    """One step of one lead, with its evidence; a stage is the fold of these."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="stage_changes"
    )
    ordinal = models.PositiveIntegerField()
    from_stage = models.CharField(max_length=40)
    to_stage = models.CharField(max_length=40)
    cycle = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=120)  # guard | user:7
    reason = models.TextField(blank=True, default="")
    # {lifecycle, version, guard, words: {es, en}, score, temperature, grade, dimensions, model,
    # model_version, events: [{id, name, occurred_at}]}; guard and words only where a guard moved the lead
    evidence = models.JSONField(default=dict)

    class Meta:
        db_table = "stage_change"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "ordinal"], name="stage_change_once")
        ]
