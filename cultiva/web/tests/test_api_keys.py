"""API keys by clicking: shown once, revoked with a question, owners alone."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.api_keys import api_keys_of, create_api_key, use_api_key
from cultiva.accounts.models import Role

GIVEN = {"name": "CRM", "scopes": ["leads:read", "merge"], "expires": "30", "requests_per_minute": "60"}


@pytest.fixture
def owner(huerta: Any, at: datetime) -> Client:
    return signed_in(huerta, Role.OWNER, at)


def signed_in(workspace: Any, role: str, at: datetime) -> Client:
    user = create_user(email=f"{role}@x.example", full_name=role.title(), language="en", at=at)
    grant_role(workspace_id=workspace.id, user=user, role=role, at=at)
    client = Client()
    client.force_login(user, backend="cultiva.accounts.signing_in.PasswordBackend")
    return client


def test_a_key_is_shown_once(huerta: Any, owner: Client, at: datetime) -> None:
    assert "No API key yet" in owner.get("/settings/api-keys").content.decode()
    text = owner.post("/settings/api-keys", GIVEN).content.decode()
    secret = re.search(r'id="new-key">(ck_[\w-]+)<', text)
    assert secret
    assert 'data-copy="#new-key"' in text
    later = owner.get("/settings/api-keys").content.decode()
    assert secret[1] not in later
    assert f"…{secret[1][-4:]}" in later
    assert "made by Owner" in later
    (key,) = api_keys_of(huerta.id)
    assert (key.scopes, key.requests_per_minute) == (["leads:read", "merge"], 60)
    assert key.expires_at
    assert key.expires_at - key.created_at == timedelta(days=30)
    assert use_api_key(secret[1], real_now=at)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["everything"]}, {"expires": "7"}, {"requests_per_minute": "0"}]
)
def test_a_key_that_cannot_be_is_refused_and_what_was_typed_stays(
    huerta: Any, owner: Client, wrong: dict[str, Any]
) -> None:
    answer = owner.post("/settings/api-keys", GIVEN | wrong)
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.content.decode()
    assert api_keys_of(huerta.id) == []


def test_a_revoked_key_is_refused_at_once(huerta: Any, owner: Client, at: datetime) -> None:
    key, secret = create_api_key(workspace_id=huerta.id, name="<b>CRM</b>", scopes=["*"], by="cli", at=at)
    page = owner.get("/settings/api-keys").content.decode()
    assert "data-confirm" in page
    assert "<b>CRM</b>" not in page
    answer = owner.post(f"/settings/api-keys/{key.id}/revoke", follow=True)
    assert "is revoked" in answer.content.decode()
    assert use_api_key(secret, real_now=at) is None


def test_owners_alone_make_and_revoke_keys(huerta: Any, other_co: Any, at: datetime) -> None:
    key, secret = create_api_key(workspace_id=huerta.id, name="CRM", scopes=["*"], by="cli", at=at)
    for role in set(Role.values) - {Role.OWNER}:
        client = signed_in(huerta, role, at)
        assert client.post("/settings/api-keys", GIVEN).status_code == 403
        assert client.post(f"/settings/api-keys/{key.id}/revoke").status_code == 403
        assert "Make the key" not in client.get("/settings/api-keys").content.decode()
    stranger = create_user(email="o@other.example", full_name="Other", language="en", at=at)
    grant_role(workspace_id=other_co.id, user=stranger, role=Role.OWNER, at=at)
    client = Client()
    client.force_login(stranger, backend="cultiva.accounts.signing_in.PasswordBackend")
    assert client.post(f"/settings/api-keys/{key.id}/revoke").status_code == 404
    assert "CRM" not in client.get("/settings/api-keys").content.decode().replace("CRM, Zapier", "")
    assert use_api_key(secret, real_now=at)
