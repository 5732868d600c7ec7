"""API keys: what programs prove themselves by, what each may do, and how often."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from cultiva.accounts.actions import AccountError, record_audit
from cultiva.accounts.models import ApiIdempotency, ApiKey
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.signing import hash_token

PREFIX = "ck_"
FORM = re.compile(r"ck_[A-Za-z0-9_-]{16,64}")
ALL_SCOPES = "*"
SCOPES = (
    "leads:read",
    "leads:write",
    "consents:read",
    "consents:write",
    "events:read",
    "scores:read",
    "scores:write",
    "companies:read",
    "companies:write",
    "attributes:read",
    "attributes:write",
    "documents:read",
    "documents:write",
    "segments:read",
    "segments:write",
    "campaigns:read",
    "campaigns:write",
    "magnets:read",
    "magnets:write",
    "bulk:read",
    "bulk:write",
    "exports:read",
    "merge",
)
REQUESTS_A_MINUTE = 600
MOST_REQUESTS_A_MINUTE = 100_000
NOTE_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ApiCaller:
    """Who calls, found by their key. `is_allowed`: within the rate; `tokens`: requests left at this instant."""

    workspace_id: int
    id: int
    name: str
    scopes: list[str]
    requests_per_minute: int
    expires_at: datetime | None
    last_used_at: datetime | None
    is_allowed: bool
    tokens: float

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ALL_SCOPES in self.scopes

    @property
    def actor(self) -> str:
        return f"api_key:{self.id}"

    @property
    def seconds_to_wait(self) -> float:
        """Until one request is allowed."""
        return max(0.0, 1 - self.tokens) * 60 / self.requests_per_minute

    @property
    def seconds_to_full(self) -> float:
        return (self.requests_per_minute - self.tokens) * 60 / self.requests_per_minute


def create_api_key(
    *,
    workspace_id: int,
    name: str,
    scopes: Sequence[str],
    by: str,
    at: datetime,
    expires_at: datetime | None = None,
    requests_per_minute: int = REQUESTS_A_MINUTE,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown this once and stored as a hash. Raises AccountError."""
    check_scopes(scopes)
    if not name.strip():
        raise AccountError("An API key needs a name.\nhint: say which program it is for")
    if expires_at and expires_at <= at:
        raise AccountError(f"A key cannot expire at {expires_at.isoformat()}.\nhint: give an instant to come")
    if not 1 <= requests_per_minute <= MOST_REQUESTS_A_MINUTE:
        raise AccountError(
            f"A key cannot make {requests_per_minute} requests a minute.\nhint: from 1 to {MOST_REQUESTS_A_MINUTE}"
        )
    secret = PREFIX + secrets.token_urlsafe(24)
    with workspace_scope(workspace_id):
        key = ApiKey.objects.create(
            workspace_id=workspace_id,
            name=name.strip()[:120],
            key_hash=hash_token(secret),
            shown=secret[-4:],
            scopes=sorted(set(scopes)),
            requests_per_minute=requests_per_minute,
            created_by=by,
            created_at=at,
            expires_at=expires_at,
        )
        detail = {"name": key.name, "scopes": key.scopes}
        record_audit(
            workspace_id=workspace_id,
            actor=by,
            action="api_key.created",
            target=f"api_key:{key.id}",
            detail=detail,
            at=at,
        )
    return key, secret


def check_scopes(scopes: Sequence[str]) -> None:
    if not scopes:
        raise AccountError(f"A key without a scope may do nothing.\nhint: any of {', '.join(SCOPES)}, or * for all")
    for scope in scopes:
        if scope not in (*SCOPES, ALL_SCOPES):
            raise AccountError(f"No scope {scope!r}.\nhint: any of {', '.join(SCOPES)}, or * for all")


def api_keys_of(workspace_id: int) -> list[ApiKey]:
    """Every key of a workspace, those in force first, newest first."""
    found = ApiKey.objects.filter(workspace_id=workspace_id).order_by("-id")
    return sorted(found, key=lambda key: key.revoked_at is not None)


def revoke_api_key(*, workspace_id: int, key_id: int, by: str, at: datetime) -> ApiKey:
    """From now on the key is unknown; again changes nothing. Raises AccountError where there is no such key."""
    with workspace_scope(workspace_id):
        key = ApiKey.objects.select_for_update().filter(workspace_id=workspace_id, id=key_id).first()
        if key is None:
            raise AccountError(f"There is no API key {key_id}.\nhint: cultiva apikey list")
        if key.revoked_at is None:
            key.revoked_at = at
            key.save(update_fields=["revoked_at"])
            record_audit(
                workspace_id=workspace_id, actor=by, action="api_key.revoked", target=f"api_key:{key.id}", at=at
            )
    return key


def use_api_key(secret: str, *, real_now: datetime) -> ApiCaller | None:
    """Who calls, with one request taken from their allowance; asked before the workspace is known.

    None: no such key, or revoked. `expires_at` is for the caller to check: it is in the product's time.
    """
    if not FORM.fullmatch(secret):
        return None
    rows = fetch_all("SELECT * FROM api_key_use(%s, %s)", [hash_token(secret), real_now])
    return ApiCaller(**{**rows[0], "scopes": list(rows[0]["scopes"])}) if rows else None


def note_use(caller: ApiCaller, *, at: datetime) -> None:
    """Remember when the key was last used, at most once a minute."""
    if caller.last_used_at is None or at - caller.last_used_at >= NOTE_USE_EVERY:
        used = ApiKey.objects.filter(workspace_id=caller.workspace_id, id=caller.id, last_used_at=caller.last_used_at)
        used.update(last_used_at=at)


@dataclass(frozen=True)
class KeptAnswer:
    """What a request was answered with before; `is_same` says whether it was this request."""

    is_same: bool
    status: int
    body: str


def begin_once(*, caller: ApiCaller, idempotency_key: str, request_hash: str, at: datetime) -> KeptAnswer | None:
    """None: the work is ours, and `keep_answer` must follow in this transaction. Else what was answered before.

    A second request with the same key waits here until the first one's transaction has ended.
    """
    parameters = {
        "workspace": caller.workspace_id,
        "key": caller.id,
        "idempotency_key": idempotency_key,
        "request_hash": request_hash,
        "at": at,
    }
    if fetch_all(load_sql("accounts", "begin_once"), parameters):
        return None
    before = _answer(caller, idempotency_key).get()
    return KeptAnswer(before.request_hash == request_hash, before.status or 0, before.body)


def keep_answer(*, caller: ApiCaller, idempotency_key: str, status: int, body: str) -> None:
    _answer(caller, idempotency_key).update(status=status, body=body)


def _answer(caller: ApiCaller, idempotency_key: str) -> "QuerySet[ApiIdempotency]":
    return ApiIdempotency.objects.filter(
        workspace_id=caller.workspace_id, key_id=caller.id, idempotency_key=idempotency_key
    )


def forget_answers(*, workspace_id: int, before: datetime, limit: int = 10_000) -> int:
    """Drop kept answers too old to be asked for again; returns how many went."""
    old = ApiIdempotency.objects.filter(workspace_id=workspace_id, created_at__lt=before)
    ids = list(old.order_by("created_at", "id").values_list("id", flat=True)[:limit])
    return ApiIdempotency.objects.filter(workspace_id=workspace_id, id__in=ids).delete()[0]
