"""Scoring models and the present score of each lead under them."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class ModelVersion(Document):
    """A scoring model (docs/reference/models.md). The primary one fills `lead_state`."""

    is_primary = models.BooleanField(default=False)

    class Meta:
        db_table = "model_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="model_version_once")
        ]


class Score(WorkspaceRow):
    """The score of one lead under one model version, as of `at`. No row: not scored (null, not 0)."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="scores")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    total = models.FloatField()
    dimensions = models.JSONField()  # {name: shown value}
    points = ArrayField(models.FloatField(), null=True)  # of each rule, clamped, in the order of the model
    temperature = models.CharField(max_length=8, null=True)
    grade = models.CharField(max_length=2, null=True)
    at = models.DateTimeField()
    next_change_at = models.DateTimeField(null=True)  # when time alone changes it next

    class Meta:
        db_table = "score"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "model"], name="one_score_a_model")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["workspace", "next_change_at"],
                name="score_due",
                condition=models.Q(next_change_at__isnull=False),
            )
        ]
