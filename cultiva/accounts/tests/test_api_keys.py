"""Keys of programs: scopes, expiry, a shared allowance, answers kept for who asks again."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.accounts.actions import AccountError
from cultiva.accounts.api_keys import (
    ApiCaller,
    KeptAnswer,
    api_keys_of,
    begin_once,
    create_api_key,
    forget_answers,
    keep_answer,
    note_use,
    revoke_api_key,
    use_api_key,
)
from cultiva.accounts.models import ApiKey, AuditEntry
from cultiva.lib.database import execute, workspace_scope
from cultiva.lib.signing import hash_token


def made(workspace: Any, at: datetime, **more: Any) -> tuple[ApiKey, str]:
    given = {"name": "CRM", "scopes": ["leads:read"], "by": "user:1"} | more
    return create_api_key(workspace_id=workspace.id, at=at, **given)


def used(secret: str, real_now: datetime) -> ApiCaller:
    caller = use_api_key(secret, real_now=real_now)
    assert caller
    return caller


def test_a_key_is_found_without_its_workspace_and_stored_as_a_hash(huerta: Any, at: datetime) -> None:
    key, secret = made(huerta, at, scopes=["merge", "leads:read", "merge"])
    execute("SELECT set_config('cultiva.workspace', '', true)")
    caller = used(secret, at)
    assert (caller.workspace_id, caller.id, caller.scopes) == (huerta.id, key.id, ["leads:read", "merge"])
    assert secret.startswith("ck_")
    assert secret.endswith(key.shown)
    assert (key.key_hash, key.shown) == (hash_token(secret), secret[-4:])
    assert caller.may("merge")
    assert not caller.may("leads:write")


@pytest.mark.parametrize(
    "secret", ["", "ck_", "ck_" + "x" * 32, "pk_" + "x" * 32, "ck_\x00" + "x" * 32, "ck_" + "é" * 20]
)
def test_an_unknown_key_is_nobody(huerta: Any, at: datetime, secret: str) -> None:
    made(huerta, at)
    assert use_api_key(secret, real_now=at) is None


def test_a_revoked_key_is_nobody_at_once(huerta: Any, at: datetime) -> None:
    key, secret = made(huerta, at)
    revoke_api_key(workspace_id=huerta.id, key_id=key.id, by="user:1", at=at)
    revoke_api_key(workspace_id=huerta.id, key_id=key.id, by="user:1", at=at + timedelta(hours=1))
    assert use_api_key(secret, real_now=at) is None
    assert api_keys_of(huerta.id)[0].revoked_at == at
    actions = AuditEntry.objects.filter(workspace_id=huerta.id, target=f"api_key:{key.id}").order_by("id")
    assert [entry.action for entry in actions] == ["api_key.created", "api_key.revoked"]
    assert secret not in str(actions.values())


def test_another_workspace_cannot_revoke_it(huerta: Any, other_co: Any, at: datetime) -> None:
    key, secret = made(huerta, at)
    with workspace_scope(other_co.id):
        assert api_keys_of(other_co.id) == []
    with pytest.raises(AccountError, match="no API key"):
        revoke_api_key(workspace_id=other_co.id, key_id=key.id, by="user:1", at=at)
    assert use_api_key(secret, real_now=at)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scopes": []}, "without a scope"),
        ({"scopes": ["leads:red"]}, "No scope 'leads:red'"),
        ({"name": " "}, "needs a name"),
        ({"requests_per_minute": 0}, "0 requests a minute"),
        ({"expires_at": datetime.fromisoformat("2026-03-10T11:00Z")}, "cannot expire at"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_way_out(
    huerta: Any, at: datetime, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(AccountError, match=says) as error:
        made(huerta, at, **wrong)
    assert "hint:" in str(error.value)
    assert api_keys_of(huerta.id) == []


def test_an_allowance_ends_and_fills_up_again(huerta: Any, at: datetime) -> None:
    _, secret = made(huerta, at, requests_per_minute=3)
    callers = [used(secret, at) for _ in range(5)]
    assert [caller.is_allowed for caller in callers] == [True, True, True, False, False]
    assert callers[-1].seconds_to_wait == 20
    assert not used(secret, at + timedelta(seconds=19)).is_allowed
    assert used(secret, at + timedelta(seconds=20)).is_allowed
    assert not used(secret, at + timedelta(seconds=20)).is_allowed
    assert [used(secret, at + timedelta(hours=1)).is_allowed for _ in range(4)] == [True, True, True, False]
    assert not used(secret, at).is_allowed  # a host whose clock is behind gives nothing away


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 20))
def test_the_allowance_is_a_token_bucket(huerta: Any, at: datetime, steps: list[int], rate: int) -> None:
    _, secret = made(huerta, at, requests_per_minute=rate)
    level, now = Fraction(rate), at
    for step in steps:
        now += timedelta(seconds=step)
        level = min(Fraction(rate), level + Fraction(step * rate, 60))
        caller = used(secret, now)
        if abs(level - 1) > 1e-6:  # what floats cannot tell apart
            assert caller.is_allowed is (level >= 1)
        level -= 1 if caller.is_allowed else 0
        assert caller.tokens == pytest.approx(float(level), abs=1e-6)


def test_the_last_use_is_written_once_a_minute(huerta: Any, at: datetime) -> None:
    key, secret = made(huerta, at)
    for seconds, expected in ((0, 0), (59, 0), (60, 60), (61, 60)):
        note_use(used(secret, at), at=at + timedelta(seconds=seconds))
        assert ApiKey.objects.get(id=key.id).last_used_at == at + timedelta(seconds=expected)


def test_an_answer_is_kept_for_who_asks_again(huerta: Any, at: datetime) -> None:
    _, secret = made(huerta, at)
    caller = used(secret, at)
    again = {"caller": caller, "idempotency_key": "order-7", "at": at}
    assert begin_once(request_hash="a", **again) is None  # type: ignore[arg-type]
    keep_answer(caller=caller, idempotency_key="order-7", status=201, body="{}")
    assert begin_once(request_hash="a", **again) == KeptAnswer(True, 201, "{}")  # type: ignore[arg-type]
    assert begin_once(request_hash="b", **again) == KeptAnswer(False, 201, "{}")  # type: ignore[arg-type]
    assert forget_answers(workspace_id=huerta.id, before=at) == 0
    assert forget_answers(workspace_id=huerta.id, before=at + timedelta(seconds=1)) == 1
    assert begin_once(request_hash="b", **again) is None  # type: ignore[arg-type]
