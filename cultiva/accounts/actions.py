"""Making workspaces and users, and keeping the record of who did what."""

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.text import slugify
from email_validator import EmailNotValidError, validate_email

from cultiva.accounts.models import LANGUAGES, AuditEntry, Membership, Role, SignInLink, User, Workspace
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lib.signing import hash_token
from cultiva.lib.zones import time_zones

LINK_LIFE = timedelta(minutes=30)


class AccountError(ValueError):
    """Something about a workspace or user that cannot be; the message says what and the way out."""


def create_workspace(
    *, name: str, at: datetime, slug: str = "", language: str = "es", time_zone: str = "Europe/Madrid"
) -> Workspace:
    """A new, empty workspace. Raises AccountError for a taken slug, an unknown language or time zone."""
    slug = slug or slugify(name)
    if not slug or slug != slugify(slug):
        raise AccountError(f"No address can be made of {slug or name!r}.\nhint: give --slug in a-z, 0-9 and -")
    check_language_and_zone(language, time_zone)
    if find_workspace(slug):
        raise AccountError(f"There is already a workspace `{slug}`.\nhint: give another --slug")
    row = fetch_all("SELECT workspace_create(%s, %s, %s, %s, %s) AS id", [slug, name, language, time_zone, at])[0]
    with workspace_scope(row["id"]):
        record_audit(workspace_id=row["id"], actor="system", action="workspace.created", target=slug, at=at)
        return Workspace.objects.get(id=row["id"])


def find_workspace(slug: str) -> Workspace | None:
    """By its public name; one of the few look-ups made before the workspace is known."""
    return next(iter(Workspace.objects.raw("SELECT * FROM workspace_by_slug(%s)", [slug])), None)


def workspace_ids() -> list[int]:
    """Every workspace, for recurring work."""
    return [row["id"] for row in fetch_all("SELECT workspace_ids() AS id")]


def workspaces_of(user: User) -> list[dict[str, Any]]:
    """[{id, slug, name, role}] by name: where a user may work."""
    return fetch_all("SELECT * FROM workspaces_of_user(%s)", [user.id])


def create_user(
    *,
    email: str,
    full_name: str,
    at: datetime,
    password: str = "",
    language: str = "es",
    time_zone: str = "Europe/Madrid",
) -> User:
    """A new user; without a password they sign in by one-time link. Raises AccountError."""
    check_language_and_zone(language, time_zone)
    key = User.email_key(email)
    try:
        validate_email(key, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AccountError(f"{email!r} is not an e-mail address.\nhint: {error}") from error
    if User.objects.with_email(key).exists():
        raise AccountError(f"There is already a user {key}.\nhint: add the user to a workspace instead")
    user = User(email=key, full_name=full_name, language=language, time_zone=time_zone)
    if password:
        check_password_strength(password, user)
        user.set_password(password)
    else:
        user.set_unusable_password()
    user.save()
    return user


def check_password_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise AccountError("This password is too easy to guess.\nhint: " + " ".join(error.messages)) from error


def check_language_and_zone(language: str, time_zone: str) -> None:
    if language not in dict(LANGUAGES):
        raise AccountError(f"No language {language!r}.\nhint: accepted: {', '.join(dict(LANGUAGES))}")
    if time_zone not in time_zones():
        raise AccountError(f"No time zone {time_zone!r}.\nhint: an IANA name such as Europe/Madrid")


def grant_role(*, workspace_id: int, user: User, role: str, at: datetime, actor: str = "system") -> Membership:
    """Give a user a role in a workspace, or change it. Raises AccountError for an unknown role."""
    if role not in Role.values:
        raise AccountError(f"No role {role!r}.\nhint: accepted: {', '.join(Role.values)}")
    with workspace_scope(workspace_id):
        membership, _ = Membership.objects.update_or_create(
            workspace_id=workspace_id, user=user, defaults={"role": role}
        )
        record_audit(
            workspace_id=workspace_id,
            actor=actor,
            action="role.granted",
            target=f"user:{user.id}",
            detail={"role": role},
            at=at,
        )
    return membership


def make_sign_in_link(*, user: User, at: datetime, life: timedelta = LINK_LIFE) -> str:
    """A one-time token; only its hash is stored."""
    token = secrets.token_urlsafe(24)
    SignInLink.objects.create(user=user, token_hash=hash_token(token), expires_at=at + life)
    return token


def use_sign_in_link(*, token: str, at: datetime) -> User | None:
    """The user of a link that is good and unused, once; None otherwise."""
    with transaction.atomic():
        link = (
            SignInLink.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(token_hash=hash_token(token), used_at=None, expires_at__gt=at, user__is_active=True)
            .first()
        )
        if link is None:
            return None
        link.used_at = at
        link.save(update_fields=["used_at"])
        return link.user


def record_audit(
    *,
    workspace_id: int,
    actor: str,
    action: str,
    at: datetime,
    target: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Add to the audit log, chained to the entry before it (one writer at a time per workspace)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('audit'), %s)", [workspace_id % 2**31])
        last = AuditEntry.objects.filter(workspace_id=workspace_id).order_by("-id").first()
        previous = last.hash if last else "0" * 64
        fact = [previous, at.isoformat(), actor, action, target, detail or {}]
        digest = hashlib.sha256(json.dumps(fact, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        return AuditEntry.objects.create(
            workspace_id=workspace_id,
            at=at,
            actor=actor,
            action=action,
            target=target,
            detail=detail or {},
            previous_hash=previous,
            hash=digest,
        )
