"""Signing in with e-mail and password, slowed down for those who guess."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from cultiva.accounts.models import SignInAttempt, User
from cultiva.lib.signing import keyed_hash

WINDOW = timedelta(minutes=10)
ATTEMPTS_AN_ACCOUNT = 10
ATTEMPTS_AN_ADDRESS = 50


class PasswordBackend(BaseBackend):
    def authenticate(self, request: HttpRequest | None, email: str = "", password: str = "", **_: Any) -> User | None:
        user = User.objects.with_email(email).first()
        if user is None:
            User().set_password(password)  # takes as long as a real check: nobody learns which addresses exist
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(id=user_id, is_active=True).first()


def may_try(*, email: str, address: str, at: datetime) -> bool:
    """Fewer than 10 failures in 10 minutes for this account and fewer than 50 from this address."""
    recent = SignInAttempt.objects.filter(at__gt=at - WINDOW)
    of_account = recent.filter(account=keyed_hash("account", User.email_key(email))).count()
    of_address = recent.filter(address=keyed_hash("address", address)).count()
    return of_account < ATTEMPTS_AN_ACCOUNT and of_address < ATTEMPTS_AN_ADDRESS


def record_failure(*, email: str, address: str, at: datetime) -> None:
    """Remember a failed try; tries older than an hour are dropped on the way."""
    SignInAttempt.objects.filter(at__lt=at - timedelta(hours=1)).delete()
    SignInAttempt.objects.create(
        account=keyed_hash("account", User.email_key(email)), address=keyed_hash("address", address), at=at
    )
