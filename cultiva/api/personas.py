"""Personas: listed, looked at, saved by key, deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, accepted_language, endpoint
from cultiva.api.errors import ApiError, not_found
from cultiva.api.shapes import Key, Page, Persona, PersonaIn
from cultiva.criteria.language import parse, say
from cultiva.criteria.references import GoesInCircles, StillUsed, used_by
from cultiva.insights.personas import persona_sizes
from cultiva.lib.documents import DocumentError
from cultiva.segments.persona_models import Persona as PersonaRow
from cultiva.segments.personas import actions

Json = dict[str, Any]


@endpoint(
    "GET", "/personas", scope="segments:read", tag="Personas", summary="List personas in their order",
    answers={200: Page[Persona]}, example={"data": [examples.PERSONA], "next_cursor": None},
)  # fmt: skip
def list_personas(request: ApiRequest) -> Answer:
    """All of them, drafts too, with how many leads each is the main persona of."""
    found = actions.list_personas(request.call.workspace_id)
    return 200, {"data": persona_rows(request, found), "next_cursor": None}


@endpoint(
    "GET", "/personas/{key}", scope="segments:read", tag="Personas", summary="One persona",
    answers={200: Persona}, example=examples.PERSONA,
)  # fmt: skip
def get_persona(request: ApiRequest, key: Key) -> Answer:
    """With its criteria in words and what uses it."""
    return 200, persona_rows(request, [find(request, key)])[0]


@endpoint(
    "POST", "/personas", scope="segments:write", tag="Personas", summary="Make a persona, or change the one of a key",
    answers={200: Persona, 201: Persona}, example=examples.PERSONA, body_example=examples.PERSONA_IN,
)  # fmt: skip
def save_persona(request: ApiRequest, body: PersonaIn) -> Answer:
    """201: new; 200: known by its key. In a large workspace the leads follow in the background."""
    call, given = request.call, body.model_dump()
    key = given["key"] or actions.free_key(call.workspace_id, given["name"])
    is_new = actions.find_persona(call.workspace_id, key) is None
    with refusals():
        found = actions.save_persona(
            workspace_id=call.workspace_id, by=call.caller.actor, at=call.at, **given | {"key": key}
        )  # fmt: skip
    return 201 if is_new else 200, persona_rows(request, [found])[0]


@endpoint(
    "POST", "/personas/{key}/delete", scope="segments:write", tag="Personas", summary="Delete a persona",
    answers={200: Persona}, example=examples.PERSONA,
)  # fmt: skip
def delete_persona(request: ApiRequest, key: Key) -> Answer:
    """The answer shows it for the last time. What something else refers to stays (409)."""
    found = find(request, key)
    row = persona_rows(request, [found])[0]
    with refusals():
        actions.delete_persona(
            workspace_id=found.workspace_id, key=key, by=request.call.caller.actor, at=request.call.at
        )  # fmt: skip
    return 200, row


def find(request: ApiRequest, key: str) -> PersonaRow:
    found = actions.find_persona(request.call.workspace_id, key)
    if found is None:
        raise not_found(f"persona {key}")
    return found


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except (DocumentError, GoesInCircles) as error:
        raise ApiError(422, "invalid_criteria", " ".join(str(error).split()), field="criteria") from error
    except StillUsed as error:
        raise ApiError(409, "persona_in_use", " ".join(str(error).split())) from error
    except actions.PersonaRefused as error:
        raise ApiError(422, "invalid", " ".join(str(error).split())) from error


def persona_rows(request: ApiRequest, found: list[PersonaRow]) -> list[Json]:
    language, workspace_id = accepted_language(request), request.call.workspace_id
    sizes, building = persona_sizes(workspace_id=workspace_id), actions.building(workspace_id)
    plain = ("key", "name", "description", "content_hints", "tone_hints", "is_draft", "revision", "created_at",
             "changed_at")  # fmt: skip
    return [
        {name: getattr(each, name) for name in plain}
        | {
            "criteria": [one | {"words": say(parse(one["when"]), language)} for one in each.criteria],
            "lead_count": sizes[each.key]["leads"] if each.key in sizes else 0,
            "is_being_built": building is not None and not each.is_draft,
            "used_by": [
                {"kind": use.kind, "key": use.key}
                for use in used_by(workspace_id=workspace_id, kind="persona", key=each.key)
            ],
        }
        for each in found
    ]
