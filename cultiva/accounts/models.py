"""Workspaces, the people who work in them, and what they did."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

LANGUAGES = [("es", "Español"), ("en", "English")]


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    MARKETING = "marketing", _("marketing")
    SALES = "sales", _("sales")
    ANALYST = "analyst", _("analyst")
    PRIVACY = "privacy", _("privacy officer")
    CLIENT = "client", _("client (read only)")


class Workspace(models.Model):
    """One company's data, wholly apart from every other's."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    language = models.CharField(max_length=5, choices=LANGUAGES, default="es")
    time_zone = models.CharField(max_length=60, default="Europe/Madrid")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "workspace"

    def __str__(self) -> str:
        return self.name


class WorkspaceRow(models.Model):
    """A row of one workspace; row-level security keeps it there."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class Document(WorkspaceRow):
    """One published version of a model, workflow, form and the like. Published versions never change."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=160)
    body = models.JSONField()
    source_text = models.TextField(blank=True, default="")  # as its author wrote it
    published_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"

    @classmethod
    def publish(
        cls, *, workspace_id: int, key: str, name: str, body: Any, source_text: str, at: datetime, **more: Any
    ) -> Self:
        """The next version of a document; the current one where nothing changed, so publishing again is safe."""
        current = cls.current(workspace_id, key)
        if current and current.body == body and current.name == name:
            return current
        # One that was ended counts on from its last version.
        last = cls._default_manager.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
        return cls._default_manager.create(
            workspace_id=workspace_id,
            key=key,
            version=last.version + 1 if last else 1,
            name=name,
            body=body,
            source_text=source_text,
            published_at=at,
            **more,
        )

    @classmethod
    def current(cls, workspace_id: int, key: str) -> Self | None:
        """The version now in force, or None."""
        return cls.currents(workspace_id).filter(key=key).first()

    @classmethod
    def currents(cls, workspace_id: int) -> models.QuerySet[Self]:
        """The version in force of every document of this sort, by key."""
        ended = EndedDocument.objects.filter(
            workspace_id=models.OuterRef("workspace_id"), document=cls._meta.db_table, key=models.OuterRef("key"),
            version__gte=models.OuterRef("version"),
        )  # fmt: skip
        newest = cls._default_manager.filter(~models.Exists(ended), workspace_id=workspace_id)
        return newest.order_by("key", "-version").distinct("key")

    def end(self, *, by: str, at: datetime) -> None:
        """Take it out of force: its versions stay, none is current; publishing its key goes on counting from here."""
        EndedDocument.objects.bulk_create(
            [
                EndedDocument(
                    workspace_id=self.workspace_id, document=self._meta.db_table, key=self.key, version=self.version,
                    by=by, at=at,
                )
            ],
            ignore_conflicts=True,
        )  # fmt: skip


class EndedDocument(WorkspaceRow):
    """A document that was taken out of force, up to this version. `document`: the table of its sort."""

    id = models.BigAutoField(primary_key=True)
    document = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    by = models.CharField(max_length=120)  # as in the audit log: user:7, cli
    at = models.DateTimeField()

    class Meta:
        db_table = "ended_document"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "document", "key", "version"], name="ended_once")
        ]


class Users(BaseUserManager["User"]):
    def with_email(self, email: str) -> "models.QuerySet[User]":
        return self.filter(email=User.email_key(email))


class User(AbstractBaseUser):
    """A person who signs in; may belong to several workspaces."""

    id = models.BigAutoField(primary_key=True)
    email = models.CharField(max_length=254, unique=True)
    full_name = models.CharField(max_length=120)
    language = models.CharField(max_length=5, choices=LANGUAGES, default="es")
    time_zone = models.CharField(max_length=60, default="Europe/Madrid")
    is_active = models.BooleanField(default=True)

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        db_table = "staff_user"

    def __str__(self) -> str:
        return self.full_name or self.email

    def get_full_name(self) -> str:
        return self.full_name

    @staticmethod
    def email_key(email: str) -> str:
        return email.strip().casefold()


class Membership(WorkspaceRow):
    """A user's role in one workspace."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        db_table = "membership"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_role_a_workspace")
        ]


class SignInLink(models.Model):
    """A one-time link, stored as a hash."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sign_in_link"


class SignInAttempt(models.Model):
    """Failed sign-ins and links asked for, kept an hour to slow down guessing."""

    id = models.BigAutoField(primary_key=True)
    account = models.CharField(max_length=64)  # keyed hash of the address
    address = models.CharField(max_length=64)  # keyed hash of the IP
    at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "sign_in_attempt"


class AuditEntry(WorkspaceRow):
    """Who did what, hash-chained per workspace; the application can only add to it."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=120)  # user:7, system, cli
    action = models.CharField(max_length=80)
    target = models.CharField(max_length=160, blank=True, default="")
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_entry"


class ApiKey(WorkspaceRow):
    """What a program proves itself by at the API: kept as a hash, bounded by scopes, an expiry and a rate."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    key_hash = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=8)  # its last four characters
    scopes = models.JSONField(default=list)  # accounts.api_keys.SCOPES
    requests_per_minute = models.PositiveIntegerField(default=600)
    created_by = models.CharField(max_length=120)  # user:7, cli
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # written at most once a minute

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return self.name


class ApiAllowance(WorkspaceRow):
    """How many requests a key may still make, shared by all web processes. Unlogged: a crash fills it up anew."""

    key = models.OneToOneField(
        ApiKey, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="allowance"
    )
    tokens = models.FloatField()
    filled_at = models.DateTimeField()  # real time
    was_allowed = models.BooleanField()  # the last request

    class Meta:
        db_table = "api_allowance"


class ApiIdempotency(WorkspaceRow):
    """The answer to a request that named an Idempotency-Key, for a sender who asks again."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)  # null: only within the transaction that works on it
    body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "api_idempotency"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "idempotency_key"], name="one_answer_a_key")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "created_at"], name="api_idempotency_age")
        ]
