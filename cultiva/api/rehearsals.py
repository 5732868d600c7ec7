"""Rehearsals of scoring models on the workspace's own past: asked for, followed, read."""

from typing import Any

from ninja import Query

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, endpoint
from cultiva.api.errors import ApiError, not_found
from cultiva.api.shapes import Id, Page, Rehearsal, RehearsalIn, RehearsalQuery, RehearsalRow
from cultiva.lib.documents import DocumentError
from cultiva.lib.refusals import Refusal
from cultiva.scoring.actions import primary_model
from cultiva.scoring.models import Rehearsal as Row
from cultiva.scoring.rehearsal.workspace import ask_rehearsal, stop_rehearsal

Json = dict[str, Any]

PLAIN = (
    "id", "name", "state", "first", "last", "horizon_days", "goal", "capacity", "asked_at", "done", "dates",
    "problem",
)  # fmt: skip


@endpoint(
    "GET", "/rehearsals", scope="scores:read", tag="Scores", summary="List rehearsals, newest first",
    answers={200: Page[RehearsalRow]}, example={"data": [examples.REHEARSAL_ROW], "next_cursor": None},
)  # fmt: skip
def list_rehearsals(request: ApiRequest, query: Query[RehearsalQuery]) -> Answer:
    """The last 200, without their reports."""
    found = Row.objects.filter(workspace_id=request.call.workspace_id).defer("report", "texts").order_by("-id")
    return 200, {"data": [_row(each) for each in found[: query.limit]], "next_cursor": None}


@endpoint(
    "POST", "/rehearsals", scope="scores:write", tag="Scores", summary="Rehearse models on the past",
    answers={201: Rehearsal}, example=examples.REHEARSAL, body_example=examples.REHEARSAL_IN,
)  # fmt: skip
def ask(request: ApiRequest, body: RehearsalIn) -> Answer:
    """The model in force is asked first, then each text; a worker does it, and `state` tells when it is done."""
    call = request.call
    live = primary_model(call.workspace_id)
    if live is None:
        raise ApiError(409, "no_model", "There is no scoring model in force. Publish one first.")
    try:
        found = ask_rehearsal(
            workspace_id=call.workspace_id, texts=[live.source_text, *body.models], first=body.first, last=body.last,
            horizon_days=body.horizon_days, goal=body.goal, capacity=body.capacity, name=body.name,
            by=call.caller.actor, at=call.at,
        )  # fmt: skip
    except (DocumentError, Refusal) as error:
        raise ApiError(422, "invalid", " ".join(str(error).split())) from error
    return 201, _whole(found)


@endpoint(
    "GET", "/rehearsals/{rehearsal_id}", scope="scores:read", tag="Scores", summary="One rehearsal, with its report",
    answers={200: Rehearsal}, example=examples.REHEARSAL,
)  # fmt: skip
def get_rehearsal(request: ApiRequest, rehearsal_id: Id) -> Answer:
    """The report is null until `state` is `done`; docs/guides/rehearse-models.md says what it holds."""
    return 200, _whole(_find(request, rehearsal_id))


@endpoint(
    "POST", "/rehearsals/{rehearsal_id}/stop", scope="scores:write", tag="Scores", summary="Stop a rehearsal",
    answers={200: Rehearsal}, example=examples.REHEARSAL,
)  # fmt: skip
def stop(request: ApiRequest, rehearsal_id: Id) -> Answer:
    """What is done already stays as it is."""
    found = _find(request, rehearsal_id)
    stop_rehearsal(workspace_id=found.workspace_id, rehearsal_id=found.id)
    return 200, _whole(_find(request, rehearsal_id))


def _find(request: ApiRequest, rehearsal_id: int) -> Row:
    found = Row.objects.filter(workspace_id=request.call.workspace_id, id=rehearsal_id).first()
    if found is None:
        raise not_found(f"rehearsal {rehearsal_id}")
    return found


def _row(found: Row) -> Json:
    return {name: getattr(found, name) for name in PLAIN}


def _whole(found: Row) -> Json:
    return _row(found) | {"models": found.texts, "report": found.report or None}
