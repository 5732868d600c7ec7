"""Documents: forms, models, workflows and the like, one at a time or as the files of a whole folder."""

import binascii
from base64 import b64decode
from typing import Annotated, Any, Literal

from ninja import Path
from pydantic import BaseModel, Field, StringConstraints

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, endpoint
from cultiva.api.errors import ApiError, invalid, not_found, one_line
from cultiva.api.shapes import Body
from cultiva.documents.applying import (
    ChangedMeanwhile,
    HasDrifted,
    HasProblems,
    apply_files,
    delete_document,
)
from cultiva.documents.kinds import DocumentKind, Name, Present, kinds
from cultiva.documents.planning import PublishedMeanwhile, plan_files
from cultiva.documents.reading import BadFile, Given, Problem, path_of, read_text, read_tree
from cultiva.documents.trees import UnreadableFiles, read_map

Json = dict[str, Any]
AsItIs = Annotated[str, StringConstraints(strip_whitespace=False)]
Word = Annotated[str, Path(min_length=1, max_length=200)]


class DocumentRow(BaseModel):
    kind: str
    key: str
    version: int
    path: str = Field(description="Where its file lies in a folder of documents.")


class Document(DocumentRow):
    text: str = Field(description="YAML, as its author wrote it.")


class Documents(BaseModel):
    data: list[DocumentRow]
    next_cursor: None


class DocumentIn(Body):
    text: AsItIs = Field(max_length=1_000_000, description="YAML or JSON; its key is that of the address.")


class Files(Body):
    files: dict[str, AsItIs] = Field(description="{path: text}, for example models/readiness.yaml.")
    attachments: dict[str, str] = Field({}, description="{path: content in base64}: what lead magnets give.")
    delete: list[str] = Field([], max_length=500, description="KIND/KEY of documents to take out.")


class FilesToApply(Files):
    overwrite: bool = Field(False, description="Also what was changed in the product since the last apply.")
    digest: str = Field("", max_length=64, description="Of the plan that was looked at: refused where it is another.")


class PlannedDocument(BaseModel):
    kind: str
    key: str
    path: str
    status: Literal["created", "changed", "unchanged", "deleted"]
    is_drift: bool = Field(description="Changed in the product since files last applied it.")
    drifted_since: str | None
    diff: str = Field(description="Unified, both sides in normal form.")
    notes: list[str]


class DocumentName(BaseModel):
    kind: str
    key: str


class FileProblem(BaseModel):
    path: str
    line: int | None
    place: str
    problem: str
    hint: str


class PlanOfFiles(BaseModel):
    workspace: str
    digest: str
    created: int
    changed: int
    deleted: int
    unchanged: int
    drifted: int
    documents: list[PlannedDocument]
    only_in_product: list[DocumentName] = Field(description="These stay, unless `delete` names them.")
    problems: list[FileProblem] = Field(description="Nothing is applied while there is one.")


@endpoint(
    "GET", "/documents", scope="documents:read", tag="Documents", summary="List documents",
    answers={200: Documents}, example={"data": [examples.DOCUMENT_ROW], "next_cursor": None},
)  # fmt: skip
def list_documents(request: ApiRequest) -> Answer:
    """All of them on one page, kind by kind, by key."""
    found = [
        row_of(kind, key, present)
        for kind in kinds().values()
        for key, present in sorted(kind.present(request.call.workspace_id).items())
    ]
    return 200, {"data": found, "next_cursor": None}


@endpoint(
    "GET", "/documents/{kind}/{key}", scope="documents:read", tag="Documents", summary="Get a document",
    answers={200: Document}, example=examples.DOCUMENT,
)  # fmt: skip
def get_document(request: ApiRequest, kind: Word, key: Word) -> Answer:
    """The version in force, as its author wrote it."""
    return 200, shown(request, kind, key)


@endpoint(
    "PUT", "/documents/{kind}/{key}", scope="documents:write", tag="Documents", summary="Publish a document",
    answers={200: Document, 201: Document}, example=examples.DOCUMENT, body_example=examples.DOCUMENT_IN,
)  # fmt: skip
def put_document(request: ApiRequest, kind: Word, key: Word, body: DocumentIn) -> Answer:
    """201: new; 200: the next version, or nothing changed. To a folder that is applied later it is a change in the
    product."""
    plugin = kind_or_404(kind)
    is_new = plugin.find(request.call.workspace_id, key) is None
    try:
        given = read_text(plugin, key, body.text)
    except BadFile as error:
        raise invalid_files([error.problem]) from error
    apply(request, [given], is_remembered=False, overwrite=True)
    return 201 if is_new else 200, shown(request, kind, key)


@endpoint(
    "DELETE", "/documents/{kind}/{key}", scope="documents:write", tag="Documents", summary="Take a document out",
    answers={200: Document}, example=examples.DOCUMENT,
)  # fmt: skip
def take_document_out(request: ApiRequest, kind: Word, key: Word) -> Answer:
    """What it was. Refused while another document names it."""
    before = shown(request, kind, key)
    call = request.call
    try:
        delete_document(
            workspace_id=call.workspace_id, kind=kind_or_404(kind), key=key, by=call.caller.actor, at=call.at
        )
    except HasProblems as error:
        raise invalid_files(error.plan.problems) from error
    return 200, before


@endpoint(
    "POST", "/documents/plan", scope="documents:read", tag="Documents", summary="Plan files",
    answers={200: PlanOfFiles}, example=examples.PLAN, body_example=examples.FILES,
)  # fmt: skip
def plan_documents(request: ApiRequest, body: Files) -> Answer:
    """What applying them would change, and what is wrong with them. Nothing is changed."""
    given, problems, delete = read(body)
    call = request.call
    try:
        plan = plan_files(
            workspace_id=call.workspace_id, given=given, problems=problems, delete=delete, by=call.caller.actor,
            at=call.at,
        )  # fmt: skip
    except PublishedMeanwhile as error:
        raise ApiError(409, "conflict", one_line(error)) from error
    return 200, plan.as_json()


@endpoint(
    "POST", "/documents/apply", scope="documents:write", tag="Documents", summary="Apply files",
    answers={200: PlanOfFiles}, example=examples.PLAN, body_example=examples.FILES,
)  # fmt: skip
def apply_documents(request: ApiRequest, body: FilesToApply) -> Answer:
    """All of them or none. 409 where the product has changed one since the last apply, or the plan is another."""
    given, problems, delete = read(body)
    plan = apply(request, given, problems=problems, delete=delete, overwrite=body.overwrite, expected=body.digest)
    return 200, plan


def read(body: Files) -> tuple[list[Given], list[Problem], list[Name]]:
    attachments = {}
    for path, content in body.attachments.items():
        try:
            attachments[path] = b64decode(content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid(f"attachments.{path}", content, "it is no base64.") from error
    try:
        given, problems = read_tree(read_map(body.files, attachments))
    except UnreadableFiles as error:
        raise ApiError(422, "invalid_documents", one_line(error), field="files") from error
    return given, problems, [named(word) for word in body.delete]


def named(word: str) -> Name:
    kind, found, key = word.partition("/")
    if not (kind and found and key):
        raise invalid("delete", word, "it names no document. Send KIND/KEY, for example form/contact.")
    return kind, key


def apply(request: ApiRequest, given: list[Given], **more: Any) -> Json:
    call = request.call
    try:
        plan = apply_files(workspace_id=call.workspace_id, given=given, by=call.caller.actor, at=call.at, **more)
    except HasProblems as error:
        raise invalid_files(error.plan.problems) from error
    except HasDrifted as error:
        drifted = ", ".join(f"{step.kind}/{step.key}" for step in error.plan.drift)
        message = (
            f"Changed in the product since the last apply: {drifted}. Send `overwrite`, or take it into the files."
        )
        raise ApiError(409, "drifted", message) from error
    except ChangedMeanwhile as error:
        raise ApiError(409, "plan_changed", one_line(error), field="digest") from error
    except PublishedMeanwhile as error:
        raise ApiError(409, "conflict", one_line(error)) from error
    return plan.as_json()


def invalid_files(problems: Any) -> ApiError:
    message = " ".join(one_line(ValueError(str(each).replace("\nhint: ", ".\nhint: "))) for each in problems)
    return ApiError(422, "invalid_documents", message, field=problems[0].path[:80])


def shown(request: ApiRequest, kind: str, key: str) -> Json:
    plugin = kind_or_404(kind)
    present = plugin.find(request.call.workspace_id, key)
    if present is None:
        raise not_found("such document")
    return row_of(plugin, key, present) | {"text": present.text}


def row_of(kind: DocumentKind, key: str, present: Present) -> Json:
    return {"kind": kind.kind, "key": key, "version": present.version, "path": path_of(kind, key)}


def kind_or_404(kind: str) -> DocumentKind:
    found = kinds().get(kind)
    if found is None:
        raise not_found("such document")
    return found
