"""Who uses what: the names that each saved document needs."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import WorkspaceRow


class CriteriaReference(WorkspaceRow):
    """A document (`kind` segment, score, workflow, ..) refers to a name, by the kind of condition that knows it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    refers_kind = models.CharField(max_length=40)
    refers_key = models.CharField(max_length=200)

    class Meta:
        db_table = "criteria_reference"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "key", "refers_kind", "refers_key"], name="one_reference_a_name"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "refers_kind", "refers_key"], name="criteria_reference_used")
        ]
