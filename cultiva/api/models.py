"""Scoring models: those in force, what changed in them, what is wrong with one, and which is the primary one."""

from datetime import datetime
from typing import Any, Literal

from django.utils import translation
from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, accepted_language, endpoint
from cultiva.api.errors import ApiError, not_found, one_line
from cultiva.api.shapes import Body, Key, Page
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.refusals import Refusal
from cultiva.scoring.actions import make_primary, primary_model
from cultiva.scoring.differences import differences
from cultiva.scoring.lint import Fault, find_faults
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion

Json = dict[str, Any]
MOST_VERSIONS = 50


class ModelRow(BaseModel):
    key: str
    name: str
    version: int
    is_primary: bool = Field(description="Whether temperatures and grades of leads are its own.")
    published_at: datetime


class ModelFault(BaseModel):
    place: str = Field(description="As in rules[2].when.")
    kind: str
    message: str
    hint: str


class ModelChange(BaseModel):
    version: int
    published_at: datetime
    differences: list[str] = Field(description="From the version before, a sentence each.")


class Model(ModelRow):
    text: str = Field(description="YAML, as its author wrote it.")
    versions: list[ModelChange] = Field(description="The newest 50, newest first.")
    faults: list[ModelFault] = Field(description="What it probably does not mean; nothing of it is forbidden.")


class ModelFaults(BaseModel):
    faults: list[ModelFault]


class ModelQuery(BaseModel):
    language: Literal["", "es", "en"] = Field("", description="Of the words; else that of Accept-Language.")


class ModelText(Body):
    text: str = Field(max_length=1_000_000, description="A model as YAML or JSON, published or not.")


@endpoint(
    "GET", "/models", scope="scores:read", tag="Scores", summary="List scoring models by key",
    answers={200: Page[ModelRow]}, example={"data": [examples.MODEL_ROW], "next_cursor": None},
)  # fmt: skip
def list_models(request: ApiRequest) -> Answer:
    """All that are in force, on one page."""
    found, primary = ModelVersion.currents(request.call.workspace_id), primary_model(request.call.workspace_id)
    return 200, {"data": [_row(each, primary) for each in found], "next_cursor": None}


@endpoint(
    "POST", "/models/lint", scope="scores:read", tag="Scores", summary="What is probably wrong with a model",
    answers={200: ModelFaults}, example={"faults": [examples.MODEL_FAULT]}, body_example=examples.MODEL_TEXT,
)  # fmt: skip
def lint_model(request: ApiRequest, body: ModelText) -> Answer:
    """Rules that nobody meets or that count twice, thresholds out of reach, points without effect. 422 where it cannot
    be read at all. Nothing is changed."""
    try:
        model = ScoringModel.read(read_document(body.text, name="model"))
    except DocumentError as error:
        raise ApiError(422, "invalid_documents", one_line(error), field="text") from error
    with translation.override(accepted_language(request)):
        return 200, {"faults": _faults(request, model)}


@endpoint(
    "GET", "/models/{key}", scope="scores:read", tag="Scores", summary="One scoring model",
    answers={200: Model}, example=examples.MODEL,
)  # fmt: skip
def get_model(request: ApiRequest, key: Key, query: Query[ModelQuery]) -> Answer:
    """Its text, what changed from version to version in words, and what is probably wrong with it. It is published
    and taken out as the document `model/KEY`."""
    version = ModelVersion.current(request.call.workspace_id, key)
    if version is None:
        raise not_found(f"model {key}")
    with translation.override(query.language or accepted_language(request)):
        return 200, _whole(request, version)


@endpoint(
    "POST", "/models/{key}/primary", scope="scores:write", tag="Scores", summary="Make a model the primary one",
    answers={200: ModelRow}, example=examples.MODEL_ROW,
)  # fmt: skip
def post_primary(request: ApiRequest, key: Key) -> Answer:
    """Its next version, of the same text. Leads follow at once; in a large workspace once a worker has scored them."""
    call = request.call
    if ModelVersion.current(call.workspace_id, key) is None:
        raise not_found(f"model {key}")
    try:
        version = make_primary(workspace_id=call.workspace_id, key=key, at=call.at)
    except Refusal as error:
        raise ApiError(422, "invalid_documents", one_line(error)) from error
    return 200, _row(version, primary_model(call.workspace_id))


def _row(version: ModelVersion, primary: ModelVersion | None) -> Json:
    return {
        "key": version.key, "name": version.name, "version": version.version,
        "is_primary": primary is not None and primary.key == version.key, "published_at": version.published_at,
    }  # fmt: skip


def _whole(request: ApiRequest, version: ModelVersion) -> Json:
    workspace_id, model = request.call.workspace_id, ScoringModel.read(version.body)
    found = ModelVersion.objects.filter(workspace_id=workspace_id, key=version.key, version__lte=version.version)
    versions = list(found.order_by("-version")[: MOST_VERSIONS + 1])
    read = [ScoringModel.read(each.body) for each in versions]
    changes = [
        {"version": each.version, "published_at": each.published_at,
         "differences": differences(read[place + 1], read[place]) if place + 1 < len(read) else []}
        for place, each in enumerate(versions[:MOST_VERSIONS])
    ]  # fmt: skip
    more = {"text": version.source_text, "versions": changes, "faults": _faults(request, model)}
    return _row(version, primary_model(workspace_id)) | more


def _faults(request: ApiRequest, model: ScoringModel) -> list[Json]:
    found: list[Fault] = find_faults(model, workspace_id=request.call.workspace_id, at=request.call.at)
    return [vars(each) for each in found]
