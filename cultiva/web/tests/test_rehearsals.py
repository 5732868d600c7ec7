"""Screens of rehearsals: asked for, followed, read, revealed, shared."""

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.lib import clock
from cultiva.scoring.actions import publish_model
from cultiva.scoring.models import Rehearsal
from cultiva.scoring.rehearsal.workspace import run_next
from cultiva.scoring.tests.test_rehearsals import LIVE, REAL, made
from cultiva.web.tests.test_screens import signed_in

FORM = {
    "name": "Puntos para febrero",
    "first": "2026-01-05",
    "last": "2026-02-02",
    "horizon_days": "30",
    "capacity": "2",
}


@pytest.fixture
def ids(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[int]:
    """Leads with a past, and a model in force."""
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))
    publish_model(workspace_id=huerta.id, text=LIVE, at=at)
    return made(huerta, at)


def asked(client: Any, **more: str) -> Rehearsal:
    page = client.post("/rehearsals/new", FORM | {"draft": LIVE.replace("points: 10", "points: 20"), **more})
    assert page.status_code == 302, page.content.decode()
    return Rehearsal.objects.latest("id")


def test_without_a_model_there_is_nothing_to_rehearse(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    assert 'class="empty"' in client.get("/rehearsals").content.decode()
    assert client.get("/rehearsals/new").status_code == 302


@pytest.mark.usefixtures("ids")
def test_a_rehearsal_is_followed_read_and_revealed(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    found = asked(client)
    part = {"HX-Request": "true", "HX-Target": "rehearsal-state"}
    waiting = client.get(f"/rehearsals/{found.id}", headers=part).content.decode()
    assert "<progress" in waiting
    assert "hx-get" in waiting
    run_next(workspace_id=huerta.id, at=at, real_now=REAL)
    page = client.get(f"/rehearsals/{found.id}").content.decode()
    assert 'hx-trigger="load' not in page
    assert "AUC" not in page
    assert page.count('<svg class="chart') == 4
    revealed = client.get(f"/rehearsals/{found.id}?revealed").content.decode()
    assert "AUC" in revealed
    assert revealed.count('<svg class="chart') == 8
    assert "Puntos para febrero" in client.get("/rehearsals").content.decode()
    report = json.loads(client.get(f"/rehearsals/{found.id}/report.json").content)
    assert (report["capacity_per_week"], [each["model"] for each in report["models"]]) == (2, ["live", "live"])


def test_whose_band_differs_is_listed_with_a_link(huerta: Any, at: datetime, ids: list[int]) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    found = asked(client, draft=LIVE.replace("points: 10", "points: 1"))
    run_next(workspace_id=huerta.id, at=at, real_now=REAL)
    assert f"/leads/{ids[0]}" in client.get(f"/rehearsals/{found.id}").content.decode()


@pytest.mark.usefixtures("ids")
def test_who_has_the_link_reads_the_report_until_it_ends(huerta: Any, at: datetime, monkeypatch: Any) -> None:
    monkeypatch.setattr(clock, "now", lambda: at)
    client, stranger = signed_in(huerta, Role.OWNER, at), Client()
    found = asked(client)
    run_next(workspace_id=huerta.id, at=at, real_now=REAL)
    page = client.post(f"/rehearsals/{found.id}/share", follow=True).content.decode()
    [path] = set(re.findall(r"(/rehearsals/shared/[^\"<]+)", page))
    read = stranger.get(path)
    assert (read.status_code, "AUC" in read.content.decode(), "/leads/" in read.content.decode()) == (200, True, False)
    assert stranger.get(path[:-2] + "xx").status_code == 404
    client.post(f"/rehearsals/{found.id}/share", {"ends": "1"})
    assert stranger.get(path).status_code == 410


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"draft": "model: x"}, "rules"),
        ({"last": "2027-03-01"}, "2027-03-01"),
        ({"horizon_days": "0"}, "1"),
        ({"goal": "", "draft": "", "last": "2025-01-01"}, "2025-01-01"),
    ],
)
def test_what_cannot_be_rehearsed_is_said_beside_the_form(huerta: Any, at: datetime, more: Any, said: str) -> None:
    answer = signed_in(huerta, Role.OWNER, at).post("/rehearsals/new", FORM | more)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Rehearsal.objects.exists()


@pytest.mark.usefixtures("ids")
def test_it_can_be_stopped_and_sales_only_read(huerta: Any, other_co: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    found = asked(client)
    sales = signed_in(huerta, Role.SALES, at)
    assert sales.post(f"/rehearsals/{found.id}/stop").status_code == 403
    client.post(f"/rehearsals/{found.id}/stop")
    assert Rehearsal.objects.get().state == "stopped"
    assert signed_in(other_co, Role.MARKETING, at).get(f"/rehearsals/{found.id}").status_code == 404
