"""What people ask of us by their rights, with its clock and its history; and what was erased."""

from datetime import date
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import User, WorkspaceRow
from cultiva.leads.models import Lead


class Right(models.TextChoices):
    """Articles of the GDPR."""

    ACCESS = "access", _("access")  # 15
    RECTIFICATION = "rectification", _("rectification")  # 16
    ERASURE = "erasure", _("erasure")  # 17
    RESTRICTION = "restriction", _("restriction")  # 18
    PORTABILITY = "portability", _("portability")  # 20
    OBJECTION = "objection", _("objection")  # 21


class Way(models.TextChoices):
    """How a request came in."""

    LINK = "link", _("personal link")
    PHONE = "phone", _("telephone")
    MAIL = "mail", _("e-mail")
    POST = "post", _("letter")
    IN_PERSON = "in_person", _("in person")
    API = "api", _("another system")


class Outcome(models.TextChoices):
    DONE = "done", _("done")
    REFUSED = "refused", _("refused, with the reason")
    WITHDRAWN = "withdrawn", _("withdrawn by the person")


class PrivacyRequest(WorkspaceRow):
    """One request. Its clock runs from the day it was received; what the person wrote is in the history."""

    id = models.BigAutoField(primary_key=True)
    # null: nobody we know of yet
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, null=True, db_constraint=False, related_name="+")
    kind = models.CharField(max_length=16, choices=Right.choices)
    way = models.CharField(max_length=12, choices=Way.choices)
    contact = models.CharField(max_length=254, blank=True, default="")  # where to answer, if not to the lead's address
    language = models.CharField(max_length=5)
    jurisdiction = models.CharField(max_length=8)  # by whose law the clock runs
    received_at = models.DateTimeField()
    due_on = models.DateField()  # the last day, in the workspace's time zone
    extended_at = models.DateTimeField(null=True)
    identified_at = models.DateTimeField(null=True)  # it is they who ask
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True, default="")

    class Meta:
        db_table = "privacy_request"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "due_on", "id"], name="privacy_request_open",
                         condition=models.Q(closed_at=None)),
            models.Index(fields=["workspace", "lead"], name="privacy_request_lead"),
        ]  # fmt: skip

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def days_left(self, on: date) -> int:
        """Negative: overdue."""
        return (self.due_on - on).days


class PrivacyStep(WorkspaceRow):
    """What was done with a request. Nothing is taken away; `facts` name nobody."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(PrivacyRequest, on_delete=models.PROTECT, db_constraint=False, related_name="steps")
    at = models.DateTimeField()
    by = models.CharField(max_length=120)  # as in the audit log; lead: the person
    # received, assigned, identified, extended, noted, acted, exported, erased, closed
    what = models.CharField(max_length=16)
    facts = models.JSONField(default=dict)

    class Meta:
        db_table = "privacy_step"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "request", "id"], name="privacy_step_request")
        ]


class PrivacyText(WorkspaceRow):
    """What somebody wrote with a step, and a file beside it. An erasure empties it."""

    step = models.OneToOneField(
        PrivacyStep, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="written"
    )
    text = models.TextField()
    file_name = models.CharField(max_length=160, blank=True, default="")
    content_type = models.CharField(max_length=100, blank=True, default="")
    content = models.BinaryField(null=True)

    class Meta:
        db_table = "privacy_text"


class Erasure(WorkspaceRow):
    """One person was erased. `counts`: {table: rows}; `months`: of the archive, to be written anew."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    request = models.ForeignKey(PrivacyRequest, on_delete=models.PROTECT, null=True, db_constraint=False,
                                related_name="+")  # fmt: skip
    at = models.DateTimeField()
    by = models.CharField(max_length=120)
    counts = models.JSONField(default=dict)
    months = models.JSONField(default=list)
    archive_written_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "privacy_erasure"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "id"], name="privacy_erasure_unwritten",
                         condition=models.Q(archive_written_at=None))
        ]  # fmt: skip
