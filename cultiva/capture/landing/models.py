"""Landing pages, their pictures, how often they were seen, and the brand that all pages of a workspace carry."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow


class PageVersion(Document):
    """A landing page. body: {path, theme, languages: {es: {title, description}, ..}, blocks: [{kind, settings}, ..]},
    and what it may leave out: picture, noindex"""

    class Meta:
        app_label = "capture"
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
        app_label = "capture"
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
        app_label = "capture"
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
        app_label = "capture"
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
        app_label = "capture"
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
        app_label = "capture"
        db_table = "brand"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace"], name="one_brand")]
