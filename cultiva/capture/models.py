"""Forms and what people sent through them."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class FormVersion(Document):
    """A form. body: {objective, magnet, policy, purposes: [..], fields: [{key, kind, label: {es, en}, ..}],
    languages: {es: {title, intro, button, thanks}, ..}}"""

    class Meta:
        db_table = "form_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="form_version_once")
        ]


class Submission(WorkspaceRow):
    """One sending of one form; the render token makes a double click one submission."""

    id = models.BigAutoField(primary_key=True)
    form = models.ForeignKey(FormVersion, on_delete=models.PROTECT, db_constraint=False, related_name="submissions")
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="submissions")
    token_hash = models.CharField(max_length=64)
    fields = models.JSONField(default=dict)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "submission"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "token_hash"], name="one_submission_a_token")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="submission_lead")]
