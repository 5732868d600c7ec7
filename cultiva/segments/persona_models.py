"""Personas, how close each lead is to its main one, and what was found when groups were looked for."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Workspace, WorkspaceRow
from cultiva.leads.models import Lead


class Persona(WorkspaceRow):
    """A buyer persona as it is now; `criteria` are [{when, weight}]. Ties between personas go by `position`."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    description = models.TextField(blank=True, default="")
    criteria = models.JSONField(default=list)
    content_hints = models.JSONField(default=dict)  # {es, en}: what to tell them
    tone_hints = models.JSONField(default=dict)  # {es, en}: how to talk to them
    position = models.PositiveIntegerField()
    is_draft = models.BooleanField(default=False)  # nobody is a draft's
    revision = models.PositiveIntegerField(default=1)  # of the criteria
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "persona"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace", "key"], name="persona_once")]

    def __str__(self) -> str:
        return self.name


class PersonaVersion(WorkspaceRow):
    """The criteria that a key had; the evidence of each change of a lead's persona names one of these."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    revision = models.PositiveIntegerField()
    name = models.CharField(max_length=160)
    criteria = models.JSONField()
    at = models.DateTimeField()
    by = models.CharField(max_length=120)  # as in the audit log: user:7

    class Meta:
        db_table = "persona_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "revision"], name="persona_version_once")
        ]

    @property
    def version(self) -> int:
        """As documents call it."""
        return self.revision


class LeadPersona(WorkspaceRow):
    """The main persona of a lead; null where none is close enough. Who has no row was never judged.

    `ordinal` counts the changes: each is one event.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    lead = models.OneToOneField(Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+")
    persona = models.CharField(max_length=80, null=True)  # keys: a persona may be deleted before its leads are judged
    closeness = models.FloatField(null=True)
    confidence = models.FloatField(null=True)
    runner_up = models.CharField(max_length=80, null=True)
    since = models.DateTimeField()
    ordinal = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "lead_persona"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "persona", "-closeness", "lead"], name="lead_persona_closest")
        ]


class PersonaDue(WorkspaceRow):
    """The instant at which time alone may change how close a lead is to a persona."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    lead = models.OneToOneField(Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+")
    due_at = models.DateTimeField()

    class Meta:
        db_table = "persona_due"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "due_at", "lead"], name="persona_due_next")
        ]


class PersonaBuild(WorkspaceRow):
    """A workspace whose leads are judged anew, in the order of their ids, because a persona changed."""

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True, related_name="+")
    wanted_at = models.DateTimeField()
    after_lead = models.BigIntegerField(default=0)
    leads_done = models.PositiveIntegerField(default=0)
    leads_known = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "persona_build"


class Discovery(WorkspaceRow):
    """One look for groups among the leads. `result` is what discovering.py says of them, where done."""

    id = models.BigAutoField(primary_key=True)
    state = models.CharField(max_length=8)  # waiting | running | done | failed
    seed = models.PositiveIntegerField()
    by = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    step = models.CharField(max_length=20, blank=True, default="")
    percent = models.PositiveSmallIntegerField(default=0)
    leads = models.PositiveIntegerField(default=0)  # looked at
    leads_known = models.PositiveIntegerField(default=0)  # that might have been
    result = models.JSONField(default=dict)
    problem = models.TextField(blank=True, default="")
    leased_until = models.DateTimeField(null=True)  # in real time: a worker that died gives it back

    class Meta:
        db_table = "persona_discovery"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=models.Q(state__in=("waiting", "running")),
                name="one_discovery_at_a_time",
            )
        ]
