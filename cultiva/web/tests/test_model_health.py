"""The page and the address of how a model fares."""

from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.api_keys import create_api_key
from cultiva.lib import clock
from cultiva.scoring.health import note_health
from cultiva.scoring.tests.test_health import AT, cast

PATH = "/models/readiness/health"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT)


def signed_in(workspace: Any, language: str) -> Client:
    user = create_user(email=f"{language}@x.example", full_name="Eva", language=language, at=AT)
    grant_role(workspace_id=workspace.id, user=user, role="marketing", at=AT)
    client = Client()
    client.force_login(user, backend="cultiva.accounts.signing_in.PasswordBackend")
    return client


def test_the_page_says_what_became_of_bands_which_rules_are_dead_and_who_has_no_score(huerta: Any) -> None:
    cast(huerta)
    english, spanish = signed_in(huerta, "en"), signed_in(huerta, "es")
    assert "Nothing is known yet" in english.get(PATH).content.decode()
    note_health(workspace_id=huerta.id, at=AT)
    page = english.get(PATH).content.decode()
    assert "4 of 10: 40 % (16.8–68.7)" in page
    assert "Dead: nobody has had points of it for 90 days" in page
    assert "tells nobody apart" in page
    assert "Objected to profiling" in page
    assert "Salud de" in spanish.get(PATH).content.decode()
    assert english.get("/models/nothing/health").status_code == 404


def test_a_model_that_names_no_goal_says_what_to_do(huerta: Any) -> None:
    cast(huerta, goal="")
    note_health(workspace_id=huerta.id, at=AT)
    assert "The model names no goal" in signed_in(huerta, "en").get(PATH).content.decode()


def test_programs_get_the_same(huerta: Any) -> None:
    cast(huerta)
    note_health(workspace_id=huerta.id, at=AT)
    _, secret = create_api_key(workspace_id=huerta.id, name="bi", scopes=["scores:read"], by="user:1", at=AT)
    found = Client().get("/api/v1/models/readiness/health", headers={"authorization": f"Bearer {secret}"}).json()
    december = next(each for each in found["months"] if each["month"] == "2025-12-01")
    assert december["within_30_days"][0]["converted"] == 4
    assert {rule["key"]: rule["finding"] for rule in found["rules"]}["webinar"] == "dead_long"
    assert found["days"][-1]["bands"] == {"hot": 10, "warm": 0, "cold": 10}
