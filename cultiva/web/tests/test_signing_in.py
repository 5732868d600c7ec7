"""Signing in: password, one-time link, and those who guess."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.actions import AccountError, create_user, grant_role, make_sign_in_link
from cultiva.accounts.models import AuditEntry, SignInLink, User
from cultiva.lib import clock

PASSWORD = "tres palabras tranquilas"


@pytest.fixture
def ana(huerta: Any, at: datetime) -> User:
    user = create_user(email="Ana@Huerta.example", full_name="Ana Pérez", password=PASSWORD, at=at)
    grant_role(workspace_id=huerta.id, user=user, role="owner", at=at)
    return user


def test_a_password_opens_the_home_screen(ana: User, client: Client) -> None:
    answer = client.post("/sign-in", {"how": "password", "email": "ana@huerta.EXAMPLE", "password": PASSWORD})
    assert answer.status_code == 302
    page = client.get("/")
    assert page.status_code == 200
    assert "Ana Pérez" in page.content.decode()
    assert AuditEntry.objects.filter(action="user.signed_in").count() == 1


def test_passwords_are_kept_with_argon2id(ana: User) -> None:
    assert ana.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize("email", ["ana@huerta.example", "nobody@huerta.example"])
def test_a_wrong_password_says_the_same_for_everybody(ana: User, client: Client, email: str) -> None:
    answer = client.post(
        "/sign-in", {"how": "password", "email": email, "password": "wrong"}, headers={"accept-language": "en"}
    )
    assert answer.status_code == 422
    assert "E-mail or password is not right." in answer.content.decode()


def test_those_who_guess_are_slowed_down(ana: User, client: Client) -> None:
    for _try in range(10):
        client.post("/sign-in", {"how": "password", "email": ana.email, "password": "wrong"})
    answer = client.post(
        "/sign-in", {"how": "password", "email": ana.email, "password": PASSWORD}, headers={"accept-language": "en"}
    )
    assert "Too many tries" in answer.content.decode()


def test_a_link_works_once_and_only_by_its_button(ana: User, client: Client) -> None:
    token = make_sign_in_link(user=ana, at=clock.now())
    for _scan in range(2):  # scanners follow links
        assert client.get(f"/sign-in/{token}").status_code == 200
    assert client.post(f"/sign-in/{token}").status_code == 302
    assert Client().post(f"/sign-in/{token}").status_code == 410
    assert token not in str(SignInLink.objects.values_list("token_hash", flat=True))


def test_an_old_link_is_refused(ana: User, client: Client) -> None:
    token = make_sign_in_link(user=ana, at=clock.now() - timedelta(hours=1))
    assert client.post(f"/sign-in/{token}").status_code == 410


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "\\\\evil.example", "javascript:alert(1)"]
)
def test_going_on_never_leaves_the_site(ana: User, client: Client, target: str) -> None:
    answer = client.post("/sign-in", {"how": "password", "email": ana.email, "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_weak_password_and_a_wrong_address_are_refused(huerta: Any, at: datetime) -> None:
    with pytest.raises(AccountError, match="too easy"):
        create_user(email="x@huerta.example", full_name="X", password="12345678", at=at)
    with pytest.raises(AccountError, match="not an e-mail"):
        create_user(email="x", full_name="X", at=at)


def test_language_and_workspace_are_the_persons_choice(ana: User, other_co: Any, client: Client, at: datetime) -> None:
    client.force_login(ana, backend="cultiva.accounts.signing_in.PasswordBackend")
    client.post("/language", {"language": "en"})
    assert "Ready for sales now" in client.get("/").content.decode()
    client.post("/language", {"language": "es"})
    assert "Ready for sales now" not in client.get("/").content.decode()
    assert client.post("/workspace", {"workspace": other_co.id}).status_code == 404
    grant_role(workspace_id=other_co.id, user=ana, role="analyst", at=at)
    assert client.post("/workspace", {"workspace": other_co.id}).status_code == 302
    assert "Other Co." in client.get("/").content.decode()


def test_signing_out_needs_a_post(ana: User, client: Client) -> None:
    client.force_login(ana, backend="cultiva.accounts.signing_in.PasswordBackend")
    assert client.get("/sign-out").status_code == 405
    client.post("/sign-out")
    assert client.get("/").status_code == 302
