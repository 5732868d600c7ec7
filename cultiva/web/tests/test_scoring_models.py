"""Screens of scoring models: begun from a ready one, tried while written, published, compared, gone back to."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry, Role
from cultiva.criteria.tests.cast import Person
from cultiva.lib import clock
from cultiva.scoring import rescoring
from cultiva.scoring.actions import primary_model, publish_model
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.starters import STARTERS, starters
from cultiva.scoring.tests.test_scoring import DAY, MODEL, downloads, make_leads, totals
from cultiva.web.tests.test_screens import signed_in

HIGHER = MODEL.replace("points: 10", "points: 40")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def ids(huerta: Any, at: datetime) -> list[int]:
    found = make_leads(huerta, [Person({"first_name": "Ana"}, downloads(DAY)), Person()], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    return found


def tried(client: Any, text: str) -> str:
    return str(client.post("/models/try", {"text": text}).content.decode())


def test_the_first_model_begins_with_a_ready_one(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    page = client.get("/models/new").content.decode()
    assert all(f"?from={key}" in page for key in STARTERS)
    first = starters("en")[0]
    assert first.name in client.get(f"/models/new?from={first.key}").content.decode()
    answer = client.post("/models/new", {"text": first.text, "is_primary": "on"})
    assert answer.headers["Location"] == f"/models/{first.key}"
    assert primary_model(huerta.id) == ModelVersion.objects.get()
    assert AuditEntry.objects.filter(action="model.publish").count() == 1


@pytest.mark.usefixtures("ids")
def test_a_draft_is_tried_on_leads_while_it_is_written_and_changes_nothing(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    found = tried(client, HIGHER)
    assert "10 → 40" in found or "+10 → +40" in found, found
    assert "Cold → Warm" in found
    assert "Ana" in found
    assert "chart-axis" in found
    assert ModelVersion.objects.count() == 1
    assert "Nobody of them changes band" in tried(client, MODEL)


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: [", "model"),
        (MODEL.replace("points: 10", "points: .nan"), "rules[1].points"),
        (MODEL.replace("job_title, contains: director", "religion, is: x"), "religion"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(huerta: Any, at: datetime, text: str, said: str) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    assert said in tried(client, text)
    answer = client.post("/models/readiness/edit", {"text": text, "is_primary": "on"})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert ModelVersion.objects.count() == 1


def test_a_version_is_published_told_apart_and_gone_back_to(huerta: Any, at: datetime, ids: list[int]) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    assert client.post("/models/readiness/edit", {"text": HIGHER, "is_primary": "on"}).status_code == 302
    assert totals(huerta) == {ids[0]: 40, ids[1]: 0}
    page = client.get("/models/readiness/versions").content.decode()
    assert "?version=1" in page
    assert "40" in page
    assert "points: 10" in client.get("/models/readiness/edit?version=1").content.decode()
    client.post("/models/readiness/edit?version=1", {"text": MODEL, "is_primary": "on"})
    assert (totals(huerta)[ids[0]], str(primary_model(huerta.id))) == (10, "readiness v3")


@pytest.mark.usefixtures("ids")
def test_another_key_and_no_primary_model_are_refused(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    other = {"text": MODEL.replace("model: readiness", "model: other"), "is_primary": "on"}
    assert client.post("/models/readiness/edit", other).status_code == 422
    assert client.post("/models/readiness/edit", {"text": MODEL}).status_code == 422
    assert client.post("/models/new", {"text": MODEL}).status_code == 422
    assert client.post("/models/new", {"text": other["text"]}).status_code == 302
    assert str(primary_model(huerta.id)) == "readiness v1"


@pytest.mark.usefixtures("ids")
def test_how_far_a_large_workspace_is_stands_in_the_list(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescoring, "SMALL", 0)
    client = signed_in(huerta, Role.OWNER, at)
    client.post("/models/readiness/edit", {"text": HIGHER, "is_primary": "on"})
    page = client.get("/models").content.decode()
    assert "v2 comes into force once everybody is scored" in page
    assert Score.objects.get(total__gt=0).total == 10


@pytest.mark.usefixtures("ids")
def test_sales_and_others_change_nothing(huerta: Any, other_co: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.SALES, at)
    assert client.post("/models/readiness/edit", {"text": HIGHER, "is_primary": "on"}).status_code == 403
    assert client.post("/models/try", {"text": HIGHER}).status_code == 403
    assert signed_in(other_co, Role.OWNER, at).get("/models/readiness/edit").status_code == 404
    assert ModelVersion.objects.count() == 1


@pytest.mark.usefixtures("ids")
def test_another_model_becomes_the_primary_one_and_the_first_is_retired(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    publish_model(workspace_id=huerta.id, text=HIGHER.replace("readiness", "second"), at=at, is_primary=False)
    assert "primary model" in client.post("/models/readiness/retire", follow=True).content.decode()
    assert "Retire" in client.get("/models/second").content.decode()
    client.post("/models/second/primary")
    assert str(primary_model(huerta.id)) == "second v2"
    client.post("/models/readiness/retire")
    assert client.get("/models/readiness").status_code == 404
    assert AuditEntry.objects.filter(action__in=["model.make_primary", "model.retire"]).count() == 2
