"""A model and a guard that read each other."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.criteria.references import GoesInCircles
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.scoring.actions import publish_model
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.tests.test_several_models import ASKS
from cultiva.segments.actions import save_segment


def sales(guard: str) -> str:
    return (
        "lifecycle: sales\nstages: [{key: lead}, {key: ready}]\n"
        f"transitions: [{{key: up, from: lead, to: ready, when: {guard}}}]"
    )


def test_a_model_that_reads_stages_and_a_guard_that_reads_its_score_are_refused_in_either_order(
    huerta: Any, at: datetime
) -> None:
    reads_stages = ASKS.format(key="m", when="{event: stage, where: [{property: to, is: ready}]}")
    circle = "score `m` → event `stage` → lifecycle `sales` → segment `{key}` → score `m`"
    publish_model(workspace_id=huerta.id, text=ASKS.format(key="m", when="{event: page}"), at=at)
    segment = save_segment(workspace_id=huerta.id, name="Warm", criteria={"score": "m", "gte": 1}, by="user:1", at=at)
    publish_lifecycle(workspace_id=huerta.id, text=sales(f"{{segment: {segment.key}}}"), at=at)
    with pytest.raises(GoesInCircles, match=circle.format(key=segment.key)):
        publish_model(workspace_id=huerta.id, text=reads_stages, at=at)
    assert ModelVersion.current(huerta.id, "m").version == 1  # type: ignore[union-attr]
    publish_lifecycle(workspace_id=huerta.id, text=sales("{event: page}"), at=at)
    publish_model(workspace_id=huerta.id, text=reads_stages, at=at)
    with pytest.raises(GoesInCircles, match="lifecycle `sales` → score `m` → event `stage` → lifecycle `sales`"):
        publish_lifecycle(workspace_id=huerta.id, text=sales("{score: m, gte: 1}"), at=at)
