"""Leads and what is known of them. Rows are projections of the ledger."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import User, WorkspaceRow


class Lead(WorkspaceRow):
    """A person who gave their data of their own will."""

    id = models.BigAutoField(primary_key=True)
    email = models.CharField(max_length=254, blank=True, default="")
    email_key = models.CharField(max_length=254, null=True)  # casefolded, NFKC; null: no address known
    attributes = models.JSONField(default=dict)
    folded = models.JSONField(null=True)  # lib.folding
    language = models.CharField(max_length=5, default="es")
    source_kind = models.CharField(max_length=20)  # form, import, api, manual, event
    created_at = models.DateTimeField()
    search_text = models.TextField(default="")  # folded name, company, address: what the list searches

    class Meta:
        db_table = "lead"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "email_key"], name="one_lead_an_address")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="lead_newest")
        ]

    @property
    def full_name(self) -> str:
        known = (self.attributes.get("first_name"), self.attributes.get("last_name"))
        return " ".join(str(part) for part in known if part) or self.email


class VisitorLink(WorkspaceRow):
    """Which lead a visitor turned out to be. Events keep naming the visitor."""

    id = models.BigAutoField(primary_key=True)
    visitor = models.UUIDField()
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    linked_at = models.DateTimeField()

    class Meta:
        db_table = "visitor_link"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "visitor"], name="one_lead_a_visitor")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="visitor_link_lead")]


class LeadState(WorkspaceRow):
    """What lists and searches need of a lead, one narrow row, written once a batch.

    Each column has one writer: stage, stage_since, cycle: lifecycle; temperature, grade, score: scoring (the
    primary model); owner: sales; last_seen_at: leads.
    """

    lead = models.OneToOneField(
        Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="state"
    )
    stage = models.CharField(max_length=40, default="lead")
    stage_since = models.DateTimeField()
    cycle = models.PositiveSmallIntegerField(default=1)
    temperature = models.CharField(max_length=8, null=True)  # null: no score
    grade = models.CharField(max_length=2, null=True)
    score = models.FloatField(null=True)  # shown total of the primary model; null: not scored
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    last_seen_at = models.DateTimeField(null=True)  # the person's own last act

    class Meta:
        db_table = "lead_state"
