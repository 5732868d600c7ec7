"""Workflows and each lead's trip through one version of them."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class WorkflowVersion(Document):
    """A graph that nurtures (docs/reference/workflows.md). body: the document."""

    class Meta:
        db_table = "workflow_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="workflow_version_once")
        ]


class Enrolment(WorkspaceRow):
    """One trip. Its position is (version, node, due_at); `exited_at` ends it."""

    id = models.BigAutoField(primary_key=True)
    workflow = models.CharField(max_length=80)
    version = models.ForeignKey(
        WorkflowVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="enrolments"
    )
    ordinal = models.PositiveIntegerField()
    entered_at = models.DateTimeField()
    node = models.CharField(max_length=80)
    node_entered_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    trail = models.JSONField(default=dict)  # {node: when it was last entered}, for `since`
    exited_at = models.DateTimeField(null=True)
    exit_reason = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        db_table = "enrolment"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "workflow", "lead", "ordinal"], name="enrolled_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["workspace", "due_at", "id"],
                name="enrolment_due",
                condition=models.Q(exited_at__isnull=True),
            ),
            models.Index(fields=["workspace", "lead"], name="enrolment_lead"),
        ]
