"""Forms and what people sent through them, landing pages, and what was imported."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, User, WorkspaceRow
from cultiva.capture.campaigns.models import Campaign, CampaignCost, CampaignLink, CampaignMember
from cultiva.capture.connectors.models import Inbound, InboundFact, LeadOrigin
from cultiva.consent.models import LeadRow
from cultiva.leads.models import Lead

__all__ = [
    "Campaign", "CampaignCost", "CampaignLink", "CampaignMember", "FormDay", "FormDraft", "FormUpload", "FormVersion",
    "HeldSubmission", "Import", "ImportChange", "ImportPart", "ImportReject", "Inbound", "InboundFact", "LeadOrigin",
    "Submission",
]  # fmt: skip


class FormVersion(Document):
    """A form. body: {objective, magnet, policy, purposes: [..], fields: [{key, kind, label: {es, en}, required,
    settings}], languages: {es: {title, intro, button, thanks}, ..}}, and what it may leave out: then, notify, origins,
    proof_of_work, unknown_at_most, subscriptions; of a field: help, when, ask, prefill"""

    class Meta:
        db_table = "form_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="form_version_once")
        ]


class FormDraft(WorkspaceRow):
    """A form being written: the document as it stands, sound or not. Publishing it ends it."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    source_text = models.TextField()
    changed_at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta:
        db_table = "form_draft"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_draft_a_form")
        ]


class FormDay(WorkspaceRow):
    """How often a form was opened, and begun, on one local day. Nobody is named, nothing is kept in browsers."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    day = models.DateField()
    views = models.PositiveIntegerField(default=0)
    starts = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "form_day"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "day"], name="form_day_once")
        ]


class Submission(WorkspaceRow):
    """One sending of one form; the render token makes a double click one submission."""

    id = models.BigAutoField(primary_key=True)
    form = models.ForeignKey(FormVersion, on_delete=models.PROTECT, db_constraint=False, related_name="submissions")
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="submissions")
    token_hash = models.CharField(max_length=64)
    fields = models.JSONField(default=dict)
    objective = models.CharField(
        max_length=20, default=""
    )  # the form's; a lead's first and latest are of their submissions
    via = models.CharField(max_length=12, default="page")  # page, embed, post, api, hubspot
    landing_page = models.CharField(max_length=80, db_default="")  # the key of the page on which the form stood
    received_at = models.DateTimeField()

    class Meta:
        db_table = "submission"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "token_hash"], name="one_submission_a_token")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="submission_lead")]


class FormUpload(WorkspaceRow):
    """A file that somebody sent with a form, in the database so that any host can serve it."""

    id = models.BigAutoField(primary_key=True)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, db_constraint=False, related_name="uploads")
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    field = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    content_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        db_table = "form_upload"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="form_upload_lead")]


class HeldSubmission(WorkspaceRow):
    """What a program seems to have sent. A person decides; what nobody lets in is forgotten after 30 days.

    `posted`: {name: [values]} as they came, without files; `facts`: those of the request. `state`: waiting, let_in,
    refused.
    """

    id = models.BigAutoField(primary_key=True)
    form = models.ForeignKey(FormVersion, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    reason = models.CharField(max_length=20)  # actions.SUSPICIONS
    token = models.TextField()
    posted = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="waiting")
    received_at = models.DateTimeField()

    class Meta:
        db_table = "held_submission"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "-received_at"], name="held_submission_newest")
        ]


class PageVersion(Document):
    """A landing page. body: {path, theme, languages: {es: {title, description}, ..}, blocks: [{kind, settings}, ..]},
    and what it may leave out: picture, noindex"""

    class Meta:
        db_table = "page_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="page_version_once")
        ]


class PageDraft(WorkspaceRow):
    """A page being written: the document as it stands, sound or not. Publishing it ends it."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    source_text = models.TextField()
    changed_at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta:
        db_table = "page_draft"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_draft_a_page")
        ]


class PagePath(WorkspaceRow):
    """Where a page in force stands: two pages cannot share an address."""

    id = models.BigAutoField(primary_key=True)
    path = models.CharField(max_length=120)
    key = models.CharField(max_length=80)

    class Meta:
        db_table = "page_path"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "path"], name="one_page_a_path"),
            models.UniqueConstraint(fields=["workspace", "key"], name="one_path_a_page"),
        ]


class PageDay(WorkspaceRow):
    """How often a page was seen on one local day. Nobody is named, nothing is kept in browsers."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    day = models.DateField()
    views = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "page_day"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "day"], name="page_day_once")
        ]


class PagePicture(WorkspaceRow):
    """A picture for pages and mails, known by its name. It is shown as `large` and `small` alone, which were drawn
    anew: `original` may carry where it was taken, and stays here."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)  # of the original
    width = models.PositiveIntegerField()  # of `large`, in pixels
    height = models.PositiveIntegerField()
    original = models.BinaryField()
    large = models.BinaryField()
    small = models.BinaryField()
    added_at = models.DateTimeField()

    class Meta:
        db_table = "page_picture"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "name"], name="page_picture_once")
        ]


class Brand(WorkspaceRow):
    """How the pages of a workspace look: at most one row. `colour`: #rrggbb, empty: the theme's."""

    id = models.BigAutoField(primary_key=True)
    colour = models.CharField(max_length=7, blank=True, default="")
    font = models.CharField(max_length=20, default="system")  # themes.FONTS
    logo = models.CharField(max_length=120, blank=True, default="")  # the name of a picture

    class Meta:
        db_table = "brand"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace"], name="one_brand")]


class Import(WorkspaceRow):
    """One file of leads or events that came in, or is about to.

    state: uploaded -> checking -> checked -> running -> done, and aside stopped and failed; undoing -> undone.
    `position` counts the records that are done with, so that whoever goes on knows where.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8)  # leads | events
    name = models.CharField(max_length=200)  # of the file
    state = models.CharField(max_length=12, default="uploaded")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    dialect = models.JSONField(default=dict)  # imports.tables.Dialect
    plan = models.JSONField(default=dict)  # imports.mapping.Plan
    basis = models.CharField(max_length=12, blank=True, default="")  # proof, declared, customers, none
    declared_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    document_name = models.CharField(max_length=200, blank=True, default="")
    document_sha256 = models.CharField(max_length=64, blank=True, default="")
    rehearsal = models.JSONField(default=dict)  # the counts of the dry run
    counts = models.JSONField(default=dict)
    position = models.BigIntegerField(default=0)
    lanes = models.JSONField(default=list)  # the position of each lane, where several bring it in; empty: as one
    total = models.BigIntegerField(null=True)  # records in the file, once counted
    problem = models.TextField(blank=True, default="")  # why it failed, for people
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    language = models.CharField(max_length=5, default="en")  # in which who made it is told of its rows
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)  # real time; whose lease ran out has died

    class Meta:
        db_table = "import_run"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "-id"], name="import_newest")]


class ImportPart(WorkspaceRow):
    """A megabyte of an uploaded file, so that any worker on any host can read it. `what`: rows | document."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Import, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    what = models.CharField(max_length=8)
    ordinal = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "import_part"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "run", "what", "ordinal"], name="import_part_once")
        ]


class ImportChange(LeadRow):
    """A lead that an import made (`before` is null) or changed (the values its keys had; null: none)."""

    # `run` is not checked: the transaction that writes these holds its row.
    pk = models.CompositePrimaryKey("workspace_id", "run_id", "lead_id")
    run = models.ForeignKey(Import, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    before = models.JSONField(null=True)

    class Meta:
        db_table = "import_change"


class ImportReject(WorkspaceRow):
    """A row that could not be taken, as it stood in the file."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Import, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    part = models.CharField(max_length=120, blank=True, default="")  # the file within an archive
    line = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    cells = models.JSONField(default=list)

    class Meta:
        db_table = "import_reject"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "run", "id"], name="import_reject_run")
        ]
