"""Several models in force: which is the primary one, which go, and who may read whom."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.criteria.references import GoesInCircles, StillUsed
from cultiva.criteria.tests.cast import Person
from cultiva.documents.kinds import CannotDelete
from cultiva.leads.models import LeadState
from cultiva.lib.refusals import Refusal
from cultiva.scoring.actions import make_primary, primary_model, publish_model, retire_model
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.tests.test_scoring import DAY, HOUR, MODEL, downloads, make_leads, score_at
from cultiva.segments.actions import delete_segment, save_segment

OTHER = (
    MODEL.replace("model: readiness", "model: other").replace("points: 10", "points: 60").replace("max: 50", "max: 60")
)
ASKS = "{{model: {key}, dimensions: {{all: {{}}}}, rules: [{{key: r, when: {when}, points: 1}}]}}"


def models_of_scores(workspace: Any) -> set[str]:
    return set(Score.objects.filter(workspace=workspace).values_list("model__key", flat=True))


def test_another_model_becomes_the_primary_one_and_the_state_of_leads_follows_at_once(
    huerta: Any, at: datetime
) -> None:
    (id,) = make_leads(huerta, [Person({}, downloads(DAY))], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    publish_model(workspace_id=huerta.id, text=OTHER, at=at, is_primary=False)
    state = LeadState.objects.get(workspace=huerta, lead_id=id)
    assert (state.score, state.temperature) == (10, "cold")
    version = make_primary(workspace_id=huerta.id, key="other", at=at + HOUR)
    assert primary_model(huerta.id) == version
    state.refresh_from_db()
    assert (state.score, state.temperature) == (60, "hot")
    assert make_primary(workspace_id=huerta.id, key="other", at=at + HOUR) == version
    assert models_of_scores(huerta) == {"readiness", "other"}
    with pytest.raises(Refusal, match=r"no model `othr` is in force\nhint: did you mean `other`"):
        make_primary(workspace_id=huerta.id, key="othr", at=at)


def test_a_model_is_retired_with_its_scores_and_may_come_back(huerta: Any, other_co: Any, at: datetime) -> None:
    ids = make_leads(huerta, [Person({}, downloads(DAY)), Person()], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    publish_model(workspace_id=huerta.id, text=OTHER, at=at, is_primary=False)
    with pytest.raises(CannotDelete, match="`readiness` is the primary model"):
        retire_model(workspace_id=huerta.id, key="readiness", by="user:1", at=at)
    segment = save_segment(
        workspace_id=huerta.id, name="Hot", criteria={"score": "other", "gte": 50}, by="user:1", at=at
    )
    with pytest.raises(StillUsed, match=f"score `other` is used by segment `{segment.key}`"):
        retire_model(workspace_id=huerta.id, key="other", by="user:1", at=at)
    delete_segment(workspace_id=huerta.id, segment_id=segment.id, by="user:1", at=at)
    with pytest.raises(Refusal, match="no model `other`"):
        retire_model(workspace_id=other_co.id, key="other", by="user:1", at=at)
    retire_model(workspace_id=huerta.id, key="other", by="user:1", at=at)
    assert models_of_scores(huerta) == {"readiness"}
    assert list(ModelVersion.currents(huerta.id).values_list("key", flat=True)) == ["readiness"]
    score_at(huerta, ids, at + HOUR)
    assert models_of_scores(huerta) == {"readiness"}
    again = publish_model(workspace_id=huerta.id, text=OTHER, at=at + DAY, is_primary=False)
    assert again.version == 2
    assert models_of_scores(huerta) == {"readiness", "other"}


def test_a_model_that_reads_who_enters_a_segment_of_its_own_score_is_refused(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=ASKS.format(key="m", when="{event: page}"), at=at)
    segment = save_segment(workspace_id=huerta.id, name="Warm", criteria={"score": "m", "gte": 1}, by="user:1", at=at)
    entered = f"{{event: segment, where: [{{property: segment, is: {segment.key}}}]}}"
    with pytest.raises(GoesInCircles, match=f"score `m` → segment `{segment.key}` → score `m`"):
        publish_model(workspace_id=huerta.id, text=ASKS.format(key="m", when=entered), at=at)
    publish_model(workspace_id=huerta.id, text=ASKS.format(key="n", when=entered), at=at, is_primary=False)
