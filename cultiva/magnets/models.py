"""Content given in exchange for data, and who got it."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class MagnetVersion(Document):
    """An offer. body: {kind, objective, title: {es, en}, settings: {..}} (settings: the kind's own form)."""

    class Meta:
        db_table = "magnet_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="magnet_version_once")
        ]


class MagnetFile(WorkspaceRow):
    """A file that a magnet gives; kept in the database so that any host can serve it."""

    id = models.BigAutoField(primary_key=True)
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=160)
    content_type = models.CharField(max_length=80)
    content = models.BinaryField()

    class Meta:
        db_table = "magnet_file"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "sha256"], name="magnet_file_once")
        ]


class Grant(WorkspaceRow):
    """A lead got a magnet; once, however often they ask."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="grants")
    magnet = models.CharField(max_length=80)
    granted_at = models.DateTimeField()

    class Meta:
        db_table = "magnet_grant"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "magnet"], name="granted_once")
        ]
