"""Models to begin with: they read, are explained, and tell a typical history from another."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from cultiva.criteria.tests.cast import Act, Person
from cultiva.leads.attributes import define
from cultiva.lib.documents import read_document
from cultiva.scoring.actions import publish_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import Score
from cultiva.scoring.starters import STARTERS, starters
from cultiva.scoring.tests.test_columns import totals_of
from cultiva.scoring.tests.test_scoring import make_leads
from cultiva.segments.personas.actions import save_persona

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))


def page(path: str, days: float, referrer: str = "https://search.example") -> Act:
    return Act("page", days * DAY, kind="page", properties={"path": path, "referrer": referrer})


def did(name: str, days: float, **properties: str) -> Act:
    return Act(name, days * DAY, properties=properties)


DECIDER = {"job_title": "Directora de compras", "company": "Riegos SA", "employees": "50-249", "how_known": "un amigo"}
READS = [page("/precios", 2), page("/quienes-somos", 3, ""), page("/blog", 5), did("email_clicked", 4)]
BUYS = [did("quote_requested", 2), did("form_submitted", 2), did("download", 6, asset="guia"), *READS]
PEOPLE = [
    Person({}, []),
    Person({"job_title": "estudiante"}, [page("/blog", 3)]),
    Person(DECIDER, [page("/blog", 60)]),
    Person(DECIDER, [*READS, did("form_submitted", 8), did("social", 3, action="comment")]),
    Person(DECIDER, BUYS),
    Person(DECIDER, [did("purchase", 200), did("purchase", 20), did("service_request", 3), page("/precios", 2)]),
]
NOBODY, STUDENT, SLEEPS, READER, BUYER, CUSTOMER = range(len(PEOPLE))
BANDS = {
    "first-steps": {NOBODY: "cold", STUDENT: "cold", SLEEPS: "cold", READER: "warm", BUYER: "hot"},
    "complete": {NOBODY: "cold", STUDENT: "cold", SLEEPS: "cold", READER: "warm", BUYER: "hot"},
    "expansion": {NOBODY: "cold", STUDENT: "cold", SLEEPS: "cold", READER: "cold", BUYER: "cold", CUSTOMER: "hot"},
}


@pytest.mark.parametrize("personas", [[], ["tecnica"]], ids=["without", "with"])
def test_each_starter_gives_sensible_points_in_both_engines(huerta: Any, at: datetime, personas: list[str]) -> None:
    for name in ("job_title", "employees"):
        define(workspace_id=huerta.id, subject="lead", key=name, type="text", at=at)
    for key in personas:
        criteria = [
            {"when": {"attribute": "job_title", "contains": "directora"}, "weight": 3},
            {"when": {"attribute": "employees", "is": "50-249"}, "weight": 1},
        ]
        save_persona(workspace_id=huerta.id, key=key, name="Técnica", criteria=criteria, by="user:1", at=at)
    ids = make_leads(huerta, PEOPLE, at)
    for starter in starters("es", personas=personas):
        version = publish_model(workspace_id=huerta.id, text=starter.text, at=at, is_primary=False)
        scores = dict(Score.objects.filter(model=version).values_list("lead_id", "temperature"))
        assert {place: scores[ids[place]] for place in BANDS[starter.key]} == BANDS[starter.key], starter.key
        live = dict(Score.objects.filter(model=version).values_list("lead_id", "total"))
        (columnar,) = totals_of(version, [at])
        assert columnar == pytest.approx(live)


def test_closeness_is_asked_of_the_workspace_s_own_personas_where_it_has_some() -> None:
    with_persona, without = (
        {each.key: read_document(each.text) for each in starters("en", personas=personas)}["complete"]
        for personas in (["tecnica", "direccion"], [])
    )
    rules = {rule["key"]: rule for rule in with_persona["rules"]}
    assert rules["near-persona"]["when"] == {
        "any": [{"persona": "tecnica", "gte": 0.5}, {"persona": "direccion", "gte": 0.5}]
    }
    assert "decides" not in rules
    assert {"decides", "size"} <= {rule["key"] for rule in without["rules"]}
    assert not any(rule["key"].endswith("persona") for rule in without["rules"])


def test_every_starter_and_every_rule_is_explained_in_both_languages() -> None:
    spanish, english = starters("es"), starters("en")
    assert [each.key for each in spanish] == list(STARTERS)
    for es, en in zip(spanish, english, strict=True):
        assert es.name != en.name
        assert min(len(es.explanation), len(en.explanation)) > 100
        model = ScoringModel.read(read_document(es.text))
        assert (model.key, model.name) == (es.key, es.name)
        for rule in model.rules:
            assert rule.name["es"] != rule.name["en"], rule.key


def test_the_position_in_the_funnel_is_read_from_acts_and_never_from_the_stage() -> None:
    complete = ScoringModel.read(read_document(starters("es")[1].text))
    funnel = [rule for rule in complete.rules if rule.dimension == "funnel"]
    assert len(funnel) == 3
    assert not any("stage" in str(rule.when) for rule in complete.rules)
    assert {dimension.name for dimension in complete.dimensions} == {
        "closeness", "knowledge", "social", "engagement", "funnel",
    }  # fmt: skip
