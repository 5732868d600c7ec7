"""Who uses what."""

from typing import Any

import pytest

from cultiva.criteria.language import parse
from cultiva.criteria.references import (
    GoesInCircles,
    StillUsed,
    forget_references,
    references_of,
    save_references,
    used_by,
)


def test_what_is_used_says_by_whom_and_is_not_deleted(huerta: Any, other_co: Any) -> None:
    refers = references_of([parse({"all": [{"attribute": "country", "is": "ES"}, {"persona": "it", "gte": 0.5}]})])
    assert refers == {("attribute", "country"), ("persona", "it")}
    save_references(workspace_id=huerta.id, kind="segment", key="spain", refers=refers)
    save_references(workspace_id=huerta.id, kind="segment", key="spain", refers=refers)
    assert used_by(workspace_id=huerta.id, kind="persona", key="it") == [("segment", "spain")]
    assert used_by(workspace_id=other_co.id, kind="persona", key="it") == []
    with pytest.raises(StillUsed, match="persona `it` is used by segment `spain`"):
        forget_references(workspace_id=huerta.id, kind="persona", key="it")
    save_references(workspace_id=huerta.id, kind="segment", key="spain", refers={("attribute", "country")})
    forget_references(workspace_id=huerta.id, kind="persona", key="it")
    forget_references(workspace_id=huerta.id, kind="segment", key="spain")
    assert used_by(workspace_id=huerta.id, kind="attribute", key="country") == []


def test_a_document_that_would_need_itself_is_refused_with_the_way(huerta: Any) -> None:
    def save(key: str, *needs: tuple[str, str]) -> None:
        save_references(workspace_id=huerta.id, kind="segment", key=key, refers=set(needs))

    save("a", ("segment", "b"), ("score", "m"))
    save_references(workspace_id=huerta.id, kind="score", key="m", refers={("segment", "b"), ("attribute", "x")})
    save("b", ("attribute", "x"))
    with pytest.raises(GoesInCircles, match="segment `b` → segment `a` → segment `b`") as error:
        save("b", ("attribute", "x"), ("segment", "a"))
    assert error.value.way == [("segment", "b"), ("segment", "a"), ("segment", "b")]
    with pytest.raises(GoesInCircles, match="segment `c` → segment `c`"):
        save("c", ("segment", "c"))
    save("c", ("segment", "a"), ("segment", "b"))


def test_stages_close_a_circle_only_through_a_score(huerta: Any) -> None:
    """A lifecycle's guards may ask for stage changes; not for a score that stage changes raise."""

    def save(kind: str, key: str, *needs: tuple[str, str]) -> None:
        save_references(workspace_id=huerta.id, kind=kind, key=key, refers=set(needs))

    stages = ("event", "stage")
    save("lifecycle", "sales", stages, ("segment", "hot"))
    save("lifecycle", "sales", stages, ("segment", "hot"))
    save("segment", "hot", ("attribute", "x"), stages)
    save("score", "m", stages)
    with pytest.raises(GoesInCircles) as error:
        save("segment", "hot", ("score", "m"))
    circle = [("segment", "hot"), ("score", "m"), stages, ("lifecycle", "sales"), ("segment", "hot")]
    assert error.value.way == circle
    save("score", "m", ("event", "page"))
    save("segment", "hot", ("score", "m"))
    with pytest.raises(
        GoesInCircles, match="score `m` → event `stage` → lifecycle `sales` → segment `hot` → score `m`"
    ):
        save("score", "m", stages)
    save("score", "other", stages)
    with pytest.raises(GoesInCircles) as error:
        save("lifecycle", "sales", ("score", "other"))
    assert error.value.way == [("lifecycle", "sales"), ("score", "other"), stages, ("lifecycle", "sales")]


def test_the_first_lifecycle_is_refused_as_well_where_its_score_reads_stages(huerta: Any, other_co: Any) -> None:
    save_references(workspace_id=huerta.id, kind="score", key="m", refers={("event", "stage")})
    with pytest.raises(GoesInCircles, match="lifecycle `sales` → score `m` → event `stage` → lifecycle `sales`"):
        save_references(workspace_id=huerta.id, kind="lifecycle", key="sales", refers={("score", "m")})
    save_references(workspace_id=other_co.id, kind="lifecycle", key="sales", refers={("score", "m")})
