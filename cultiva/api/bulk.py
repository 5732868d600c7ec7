"""Actions on many leads: started, watched, taken back."""

from typing import Any

from django.http import StreamingHttpResponse
from ninja import Query

from cultiva.accounts.actions import record_audit
from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, FileAnswer, an_id, endpoint, make_cursor, read_cursor
from cultiva.api.errors import ApiError, invalid, not_found, one_line
from cultiva.api.shapes import BulkAction, BulkActionIn, Id, Page, PageQuery
from cultiva.bulk import running
from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.kinds.export import content_type_of, file_of, is_there
from cultiva.bulk.models import BulkAction as BulkActionRow
from cultiva.bulk.undoing import start_undo, why_not
from cultiva.lib.documents import DocumentError

Json = dict[str, Any]

EXPORTS = "exports:read"


@endpoint(
    "GET", "/bulk-actions", scope="bulk:read", tag="Bulk actions", summary="List bulk actions, newest first",
    answers={200: Page[BulkAction]}, example={"data": [examples.BULK_ACTION], "next_cursor": None},
)  # fmt: skip
def list_bulk_actions(request: ApiRequest, query: Query[PageQuery]) -> Answer:
    """Those of people at the screens, too."""
    before = read_cursor(query.cursor, an_id)
    found = BulkActionRow.objects.filter(workspace_id=request.call.workspace_id)
    if before:
        found = found.filter(id__lt=before[0])
    rows = list(found.order_by("-id")[: query.limit + 1])
    page = rows[: query.limit]
    more = len(rows) > query.limit
    return 200, {
        "data": [bulk_row(each) for each in page],
        "next_cursor": make_cursor(page[-1].id) if more else None,
    }


@endpoint(
    "POST", "/bulk-actions", scope="bulk:write", tag="Bulk actions", summary="Do something with many leads",
    answers={200: BulkAction, 201: BulkAction}, example=examples.BULK_ACTION, body_example=examples.BULK_ACTION_IN,
)  # fmt: skip
def start_bulk_action(request: ApiRequest, body: BulkActionIn) -> Answer:
    """201: it runs, with the leads that were counted. 200: nothing happens, because `dry_run` asked only how many they
    are, or because nobody is like that. An export needs the scope `exports:read` too."""
    call = request.call
    if body.action == "export" and not call.caller.may(EXPORTS):
        message = f"The key {call.caller.name!r} lacks the scope `{EXPORTS}`. Make a key that has it."
        raise ApiError(403, "missing_scope", message, field=EXPORTS)
    try:
        action = running.create_action(
            workspace_id=call.workspace_id, kind=body.action, settings=body.settings, selection=body.selection,
            by=call.caller.actor, at=call.at,
        )  # fmt: skip
        if action.total is None:
            raise ApiError(409, "too_slow", "Counting takes too long. Narrow the criteria, or use a segment.")
        if body.expected_total is not None and body.expected_total != action.total:
            raise invalid("expected_total", body.expected_total, f"they are {action.total}. Look again, and send that.")
        row = bulk_row(action)
        if body.dry_run or not action.total:
            running.discard(action=action)
            return 200, row
        return 201, bulk_row(running.start(action=action, at=call.at, by=call.caller.actor))
    except running.BadSettings as error:
        name, said = next(iter(error.errors.items()))
        field = f"settings.{name}" if name != "__all__" else "settings"
        raise invalid(field, body.settings.get(name), " ".join(said)) from error
    except (BulkRefused, DocumentError) as error:
        raise ApiError(422, "invalid", one_line(error)) from error


@endpoint(
    "GET", "/bulk-actions/{bulk_action_id}", scope="bulk:read", tag="Bulk actions", summary="How far an action is",
    answers={200: BulkAction}, example=examples.BULK_ACTION,
)  # fmt: skip
def get_bulk_action(request: ApiRequest, bulk_action_id: Id) -> Answer:
    """`state` ends as `done`, `failed` (with `problem`) or `undone`."""
    return 200, bulk_row(_find(request, bulk_action_id))


@endpoint(
    "POST", "/bulk-actions/{bulk_action_id}/undo", scope="bulk:write", tag="Bulk actions", summary="Take it back",
    answers={200: BulkAction}, example=examples.BULK_ACTION | {"state": "undoing", "can_undo": False},
)  # fmt: skip
def undo_bulk_action(request: ApiRequest, bulk_action_id: Id) -> Answer:
    """What the action changed becomes what it was, where nobody changed it since."""
    try:
        action = start_undo(
            action=_find(request, bulk_action_id), at=request.call.at, by=request.call.caller.actor
        )  # fmt: skip
    except BulkRefused as error:
        raise ApiError(409, "cannot_undo", one_line(error)) from error
    return 200, bulk_row(action)


@endpoint(
    "GET", "/exports/{export_id}/file", scope=EXPORTS, tag="Bulk actions", summary="The file of an export",
    answers={200: None}, example=None,
)  # fmt: skip
def get_export_file(request: ApiRequest, export_id: Id) -> FileAnswer:
    """`export_id` is the bulk action's. 409 until it is done; 410 when the file is gone, seven days later. That it was
    taken stands in the audit log."""
    action, call = _find(request, export_id), request.call
    if action.kind != "export":
        raise not_found(f"export {export_id}")
    if action.state != "done":
        raise ApiError(409, "not_done", f"The export is {action.state}. Ask again when it is done.")
    if not is_there(action, call.at):
        raise ApiError(410, "gone", "Exports are kept for 7 days. Export the leads anew.")
    record_audit(
        workspace_id=action.workspace_id, actor=call.caller.actor, action="export.downloaded", at=call.at,
        target=f"bulk_action:{action.id}", detail={"file": action.file_name, "leads": action.total},
    )  # fmt: skip
    answer = StreamingHttpResponse(file_of(action), content_type=content_type_of(action))
    answer["Content-Disposition"] = f'attachment; filename="{action.file_name}"'
    answer["Content-Length"] = str(action.file_bytes)
    return 200, answer


def bulk_row(action: BulkActionRow) -> Json:
    return {
        "id": action.id,
        "action": action.kind,
        "settings": action.settings,
        "selection": action.selection,
        "state": action.state,
        "total": action.total,
        "done": action.position,
        "counts": action.counts,
        "problem": action.problem,
        "can_undo": not why_not(action),
        "created_at": action.created_at,
        "started_at": action.started_at,
        "finished_at": action.finished_at,
        "undone_at": action.undone_at,
    }


def _find(request: ApiRequest, action_id: int) -> BulkActionRow:
    found = running.find_action(workspace_id=request.call.workspace_id, action_id=action_id)
    if found is None:
        raise not_found(f"bulk action {action_id}")
    return found
