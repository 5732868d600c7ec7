"""What was applied from files, to tell what was changed in the product since; and files on their way to it."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import User, WorkspaceRow


class AppliedDocument(WorkspaceRow):
    """A document as files last put it in force, or found it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # documents.normal.digest
    text = models.TextField()  # the file, for whoever pulls what nobody has changed since
    at = models.DateTimeField()
    by = models.CharField(max_length=120)  # as in the audit log: user:7, cli

    class Meta:
        db_table = "applied_document"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "kind", "key"], name="applied_once")
        ]


class UploadedFiles(WorkspaceRow):
    """A ZIP that a person looks at before it is applied; the newest of each person alone is kept."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        db_table = "uploaded_files"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_upload_a_person")
        ]
