"""Merging two leads, seeing beforehand what it would do, and taking it back."""

from typing import Any

from django.utils import translation
from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, accepted_language, endpoint
from cultiva.api.errors import ApiError, not_found, one_line
from cultiva.api.leads import lead_row
from cultiva.api.shapes import Id, Merge, MergeIn, MergePreview
from cultiva.leads import merging
from cultiva.leads.models import Lead
from cultiva.leads.models import Merge as MergeRow

Json = dict[str, Any]


class PreviewQuery(BaseModel):
    merged_id: int = Field(ge=1, lt=2**63)


@endpoint(
    "GET", "/leads/{lead_id}/merge-preview", scope="merge", tag="Merging", summary="What a merge would do",
    answers={200: MergePreview}, example=examples.MERGE_PREVIEW,
)  # fmt: skip
def preview_merge(request: ApiRequest, lead_id: Id, query: Query[PreviewQuery]) -> Answer:
    """Line by line, in the language of Accept-Language. Nothing is changed."""
    kept = lead_row(request, lead_id)["id"]
    with translation.override(accepted_language(request)):
        found = _preview(request, kept, query.merged_id)
        lines = [
            {
                "area": line.area,
                "label": str(line.label),
                "kept": plain(line.values[0]),
                "merged": plain(line.values[1]),
                "result": plain(line.values[2]),
                "why": str(line.why),
                "is_warning": line.is_warning,
            }
            for line in found.lines
        ]
    is_possible, reasons = found.is_possible, found.reasons
    head: Json = {"kept_id": kept, "merged_id": query.merged_id, "is_possible": is_possible, "reasons": reasons}
    return 200, head | {"lines": lines}


def plain(value: Any) -> Any:
    """A value of a preview as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, dict)) else str(value)


@endpoint(
    "POST", "/leads/{lead_id}/merge", scope="merge", tag="Merging", summary="Merge another lead into this one",
    answers={200: Merge}, example=examples.MERGE, body_example=examples.MERGE_IN,
)  # fmt: skip
def merge_leads(request: ApiRequest, lead_id: Id, body: MergeIn) -> Answer:
    """The merged lead's id leads to this one from now on. Of consents the stricter one holds."""
    kept_id = merging.current_lead_id(request.call.workspace_id, lead_id)
    return 200, merge_row(_merge(request, kept_id, body.merged_id, force=body.force))


@endpoint(
    "POST", "/merges/{merge_id}/undo", scope="merge", tag="Merging", summary="Take a merge back",
    answers={200: Merge}, example=examples.MERGE | {"undone_at": "2026-03-12T10:00:00+00:00"},
)  # fmt: skip
def undo_merge(request: ApiRequest, merge_id: Id) -> Answer:
    """The two are two again; what happened since stays with the lead that was kept."""
    return 200, merge_row(_undo(request, merge_id))


def merge_row(merge: MergeRow) -> Json:
    return {name: getattr(merge, name) for name in Merge.model_fields}


def _preview(request: ApiRequest, kept_id: int, merged_id: int) -> merging.Preview:
    found = merging.preview_merge(
        workspace_id=request.call.workspace_id, kept_id=kept_id, merged_id=merged_id, at=request.call.at
    )
    if found.kept is None or found.merged is None:
        raise not_found(f"lead {merged_id if found.kept else kept_id}")
    return found


def _merge(request: ApiRequest, kept_id: int, merged_id: int, *, force: bool) -> MergeRow:
    call = request.call
    try:
        return merging.merge_leads(
            workspace_id=call.workspace_id, kept_id=kept_id, merged_id=merged_id, at=call.at, by=call.caller.actor,
            force=force,
        )  # fmt: skip
    except merging.MergeRefused as error:
        if "unknown_lead" in error.reasons:
            is_kept_there = Lead.objects.filter(workspace_id=call.workspace_id, id=kept_id).exists()
            raise not_found(f"lead {merged_id if is_kept_there else kept_id}") from error
        way_out = " Send `force: true` where a person who knows them both insists." if "hint" in str(error) else ""
        message = str(error).partition("\n")[0] + way_out
        raise ApiError(409, error.reasons[0], message, field="merged_id") from error


def _undo(request: ApiRequest, merge_id: int) -> MergeRow:
    call = request.call
    try:
        merging.undo_merge(workspace_id=call.workspace_id, merge_id=merge_id, at=call.at, by=call.caller.actor)
    except merging.UndoRefused as error:
        if error.reason == "unknown":
            raise not_found(f"merge {merge_id}") from error
        raise ApiError(409, f"undo_{error.reason}", one_line(error)) from error
    return MergeRow.objects.defer("record").get(workspace_id=call.workspace_id, id=merge_id)
