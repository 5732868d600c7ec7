"""Content given in exchange for data, and who got it."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, WorkspaceRow
from cultiva.leads.models import Lead


class MagnetVersion(Document):
    """An offer. body: {kind, objective, title: {es, en}, settings: {..}} (settings: the kind's own form), and what it
    may leave out: intro: {es, en}, persona, stage, library"""

    class Meta:
        db_table = "magnet_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="magnet_version_once")
        ]


class MagnetDraft(WorkspaceRow):
    """An offer being written: the document as it stands, and its files by SHA-256. Publishing it ends it."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    source_text = models.TextField()
    files = models.JSONField(default=dict)  # {name in the document: SHA-256}
    changed_at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta:
        db_table = "magnet_draft"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_draft_a_magnet")
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


class MagnetCost(WorkspaceRow):
    """Money that staff say a magnet took, in the workspace's currency."""

    id = models.BigAutoField(primary_key=True)
    magnet = models.CharField(max_length=80)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    what = models.CharField(max_length=160)
    spent_on = models.DateField()
    by = models.CharField(max_length=80)
    entered_at = models.DateTimeField()

    class Meta:
        db_table = "magnet_cost"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "magnet"], name="magnet_cost_of")]


class Grant(WorkspaceRow):
    """A lead got a magnet; once, however often they ask. `via`: form, api, staff, referral.

    `origin`: {form, campaign: {source, medium, name, ..}, page, referral}, as far as known.
    """

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="grants")
    magnet = models.CharField(max_length=80)
    granted_at = models.DateTimeField()
    via = models.CharField(max_length=12, default="form", db_default="form")
    origin = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    opened_at = models.DateTimeField(null=True)  # when somebody first came to it, written by `flow` from the events

    class Meta:
        db_table = "magnet_grant"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "magnet"], name="granted_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "magnet", "-id"], name="magnet_grant_newest")
        ]


class DiscountCode(WorkspaceRow):
    """A code that is good once. Looked up by its keyed hash; the code itself is kept encrypted, to show its owner.

    Without a grant it waits in the pool. `cause`: "" for the grant itself, referral:7 for a friend who came.
    """

    id = models.BigAutoField(primary_key=True)
    magnet = models.CharField(max_length=80)
    code_key = models.CharField(max_length=64)
    sealed = models.TextField()
    shown = models.CharField(max_length=4)  # its last characters
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, db_constraint=False, null=True, related_name="codes")
    cause = models.CharField(max_length=40, default="")
    given_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    redeemed_at = models.DateTimeField(null=True)
    redeemed_by = models.CharField(max_length=80, default="")  # lead, user:7, api_key:3
    purchase = models.CharField(max_length=80, default="")  # the order it was used for
    made_at = models.DateTimeField()

    class Meta:
        db_table = "discount_code"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "code_key"], name="discount_code_once"),
            models.UniqueConstraint(fields=["workspace", "grant", "cause"], name="one_code_a_cause"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["workspace", "magnet", "id"], name="discount_code_waiting", condition=models.Q(grant=None)
            )
        ]


class CodeGuess(WorkspaceRow):
    """Wrong codes of one sender since they last paused; the row goes when a code is right."""

    id = models.BigAutoField(primary_key=True)
    sender = models.CharField(max_length=64)  # keyed hash of the address or the key
    tries = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "code_guess"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "sender"], name="one_count_a_sender")
        ]


class WebinarSession(WorkspaceRow):
    """One date of a webinar. `seats`: None without a limit."""

    id = models.BigAutoField(primary_key=True)
    magnet = models.CharField(max_length=80)
    starts_at = models.DateTimeField()
    minutes = models.PositiveIntegerField()
    time_zone = models.CharField(max_length=60)
    seats = models.PositiveIntegerField(null=True)
    join_url = models.CharField(max_length=500, default="")
    replay_url = models.CharField(max_length=500, default="")
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webinar_session"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "magnet", "starts_at"], name="webinar_session_of")
        ]


class Registration(WorkspaceRow):
    """Somebody who got a webinar, in one session. `state`: seated, waiting, cancelled."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(
        WebinarSession, on_delete=models.CASCADE, db_constraint=False, related_name="registrations"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, db_constraint=False, related_name="registrations")
    state = models.CharField(max_length=10)
    changed_at = models.DateTimeField()  # who has waited longest is first
    attended_at = models.DateTimeField(null=True)
    attended_minutes = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "webinar_registration"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "session", "grant"], name="registered_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "grant"], name="registration_of_grant")
        ]


class Referral(WorkspaceRow):
    """A new lead whom another brought. `grant` is the referrer's: of the magnet that is their link."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, db_constraint=False, related_name="referrals")
    came_at = models.DateTimeField()
    rewarded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "referral"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace", "lead"], name="referred_once")]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "grant"], name="referral_of_grant")]
