"""Scoring models and the present score of each lead under them."""

from typing import Any, ClassVar, Self

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

    @classmethod
    def currents(cls, workspace_id: int) -> models.QuerySet[Self]:
        """The version in force of every model, by key: the one before, while everybody is scored under a new one."""
        held = Rescoring.objects.filter(
            workspace_id=models.OuterRef("workspace_id"), model=models.OuterRef("id"), holds_back=True
        )
        return super().currents(workspace_id).filter(~models.Exists(held))


class ScoreDay(WorkspaceRow):
    """How a version of a model stood on a day of the workspace: counts alone, of no lead."""

    objects: ClassVar[models.Manager["ScoreDay"]]

    id = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    day = models.DateField()
    settled_on = models.DateField()  # when it was worked out; conversions come for 90 days more
    leads = models.IntegerField()  # with a score
    bands = models.JSONField(default=dict)  # {hot: leads, ..}; of past months by the limits alone
    buckets = models.JSONField(default=dict)  # {low, width, leads: [..]} of totals
    rules = models.JSONField(default=dict)  # {rule: [leads who have points of it, mean share of their points]}
    conversions = models.JSONField(default=dict)  # {band: [leads, converted in 30 days, in 90]}, first days of months
    unscored = models.JSONField(default=dict)  # {not_valid, objected, no_basis, new: leads}, known of days lived

    class Meta:
        db_table = "score_day"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "model", "day"], name="one_row_a_model_and_day")
        ]


class Rescoring(WorkspaceRow):
    """Everybody's scores under a version that was published: how far the work is. No row: there was nobody to score.

    While it `holds_back`, the version is not in force.
    """

    WAITING, DONE, SUPERSEDED, FAILED = "waiting", "done", "superseded", "failed"

    model = models.OneToOneField(
        ModelVersion, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="rescoring"
    )
    state = models.CharField(max_length=12, default=WAITING)
    holds_back = models.BooleanField()
    acts_on_bands = models.BooleanField()  # bands that were crossed hand over and start workflows
    stage = models.CharField(max_length=12, default="")  # reading, scoring, writing
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)  # real time
    ended_at = models.DateTimeField(null=True)  # real time
    leads = models.IntegerField(null=True)  # that were scored
    changed = models.IntegerField(null=True)  # that crossed a band
    problem = models.TextField(blank=True, default="")  # why it failed

    class Meta:
        db_table = "rescoring"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace"], name="rescoring_waiting", condition=models.Q(state="waiting"))
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


class Rehearsal(WorkspaceRow):
    """Models on the workspace's own past. `report` is what scoring.rehearsal.report says, without anybody's id."""

    WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"
    GOING = (WAITING, RUNNING)

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=160)
    texts = models.JSONField()  # [YAML], the one in force first
    first = models.DateField()
    last = models.DateField()
    horizon_days = models.PositiveIntegerField()
    goal = models.CharField(max_length=200)
    capacity = models.FloatField(null=True)  # hand-overs a week
    by = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, default=WAITING)
    done = models.PositiveIntegerField(default=0)  # dates, of all models together
    dates = models.PositiveIntegerField()  # of all models together
    begun_at = models.DateTimeField(null=True)  # real time
    ended_at = models.DateTimeField(null=True)  # real time
    leased_until = models.DateTimeField(null=True)  # real time: a worker that died gives it back
    report = models.JSONField(default=dict)
    problem = models.TextField(blank=True, default="")
    shared_until = models.DateTimeField(null=True)  # who has the link may read it until then

    class Meta:
        db_table = "rehearsal"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "-id"], name="rehearsal_newest")]


class RehearsalChange(WorkspaceRow):
    """A lead who stands in another band under a rehearsed model than under the one in force, on the last date."""

    id = models.BigAutoField(primary_key=True)
    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.CASCADE, db_constraint=False, related_name="changes")
    place = models.PositiveSmallIntegerField()  # of the model
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    from_band = models.CharField(max_length=8)
    to_band = models.CharField(max_length=8)
    total_before = models.FloatField()
    total_after = models.FloatField()

    class Meta:
        db_table = "rehearsal_change"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["rehearsal", "place", "lead"], name="one_change_a_rehearsal")
        ]
