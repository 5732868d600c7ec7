"""Segments: made, changed, asked who is in them; leads put in and taken out by hand."""

from datetime import date
from typing import Any

from ninja import Query
from pydantic import Field

from cultiva.api import doing, examples
from cultiva.api.door import Answer, ApiRequest, accepted_language, an_id, endpoint, make_cursor, read_cursor
from cultiva.api.errors import not_found
from cultiva.api.shapes import (
    Id,
    Page,
    PageQuery,
    Segment,
    SegmentCount,
    SegmentCountIn,
    SegmentIn,
    SegmentMember,
    SegmentMembersIn,
    SegmentMoved,
)
from cultiva.criteria.language import parse, say
from cultiva.criteria.references import used_by
from cultiva.segments.lists import list_segments as segments_listed
from cultiva.segments.lists import members_of, members_on, with_figures
from cultiva.segments.models import Segment as SegmentRow

Json = dict[str, Any]


class SegmentQuery(PageQuery):
    folder: str = Field("", max_length=120)
    tag: str = Field("", max_length=60)


class MemberQuery(PageQuery):
    on: date | None = Field(None, description="Who was in it at the end of that day, in the workspace's time zone.")


@endpoint(
    "GET", "/segments", scope="segments:read", tag="Segments", summary="List segments by folder and name",
    answers={200: Page[Segment]}, example={"data": [examples.SEGMENT], "next_cursor": None},
)  # fmt: skip
def list_segments(request: ApiRequest, query: Query[SegmentQuery]) -> Answer:
    """With how many leads are in each now."""
    begin = (read_cursor(query.cursor, _a_place) or [0])[0]
    found = segments_listed(workspace_id=request.call.workspace_id, folder=query.folder, tag=query.tag)
    page = found[begin : begin + query.limit]
    more = begin + query.limit < len(found)
    return 200, {
        "data": segment_rows(request, page),
        "next_cursor": make_cursor(begin + query.limit) if more else None,
    }


def _a_place(part: Any) -> int:
    if type(part) is not int or not 0 < part < 10_000_000:
        raise ValueError(part)
    return part


@endpoint(
    "POST", "/segments/count", scope="segments:read", tag="Segments", summary="How many leads meet criteria",
    answers={200: SegmentCount}, example=examples.SEGMENT_COUNT, body_example=examples.SEGMENT_COUNT_IN,
)  # fmt: skip
def count_leads(request: ApiRequest, body: SegmentCountIn) -> Answer:
    """Exactly, before a segment is made of them. Nothing is changed."""
    found = doing.count_leads(request, body.criteria, takes_only_valid=body.takes_only_valid)
    words = say(parse(body.criteria), accepted_language(request))
    return 200, {
        "count": found.count, "not_valid": found.not_valid, "lead_ids": found.lead_ids, "words": words,
    }  # fmt: skip


@endpoint(
    "GET", "/segments/{segment_id}", scope="segments:read", tag="Segments", summary="One segment",
    answers={200: Segment}, example=examples.SEGMENT,
)  # fmt: skip
def get_segment(request: ApiRequest, segment_id: Id) -> Answer:
    """With its criteria in words and what uses it."""
    return 200, segment_rows(request, [find(request, segment_id)])[0]


@endpoint(
    "POST", "/segments", scope="segments:write", tag="Segments", summary="Make a segment, or change the one of a key",
    answers={200: Segment, 201: Segment}, example=examples.SEGMENT, body_example=examples.SEGMENT_IN,
)  # fmt: skip
def save_segment(request: ApiRequest, body: SegmentIn) -> Answer:
    """201: new; 200: known by its key. In a large workspace its members follow in the background."""
    found, is_new = doing.save_segment(request, body.model_dump())
    return 201 if is_new else 200, segment_rows(request, [found])[0]


@endpoint(
    "GET", "/segments/{segment_id}/members", scope="segments:read", tag="Segments", summary="Who is in a segment",
    answers={200: Page[SegmentMember]}, example={"data": [examples.SEGMENT_MEMBER], "next_cursor": None},
)  # fmt: skip
def list_members(request: ApiRequest, segment_id: Id, query: Query[MemberQuery]) -> Answer:
    """Newest leads first, since when; or who was in it on a day."""
    found = find(request, segment_id)
    after = (read_cursor(query.cursor, an_id) or [None])[0]
    if query.on:
        zone = doing.time_zone(request)
        page, _count = members_on(segment=found, day=query.on, time_zone=zone, after=after, limit=query.limit)
    else:
        page = members_of(segment=found, after=after, limit=query.limit)
    rows = [{name: row[name] for name in SegmentMember.model_fields} for row in page.rows]
    return 200, {"data": rows, "next_cursor": make_cursor(page.next_after) if page.next_after else None}


@endpoint(
    "POST", "/segments/{segment_id}/members", scope="segments:write", tag="Segments", summary="Put leads in by hand",
    answers={200: SegmentMoved}, example=examples.SEGMENT_PUT_IN, body_example=examples.SEGMENT_MEMBERS_IN,
)  # fmt: skip
def put_members_in(request: ApiRequest, segment_id: Id, body: SegmentMembersIn) -> Answer:
    """They stay in it, whatever the criteria say."""
    return 200, doing.move_members(request, find(request, segment_id), body.model_dump(), is_in=True)


@endpoint(
    "POST", "/segments/{segment_id}/members/remove", scope="segments:write", tag="Segments",
    summary="Take leads out by hand", answers={200: SegmentMoved}, example=examples.SEGMENT_PUT_IN,
    body_example=examples.SEGMENT_MEMBERS_IN,
)  # fmt: skip
def take_members_out(request: ApiRequest, segment_id: Id, body: SegmentMembersIn) -> Answer:
    """Off a fixed list; out of a dynamic segment, whatever the criteria say."""
    return 200, doing.move_members(request, find(request, segment_id), body.model_dump(), is_in=False)


@endpoint(
    "POST", "/segments/{segment_id}/delete", scope="segments:write", tag="Segments", summary="Delete a segment",
    answers={200: Segment}, example=examples.SEGMENT,
)  # fmt: skip
def delete_segment(request: ApiRequest, segment_id: Id) -> Answer:
    """The answer shows it for the last time. What something else refers to stays (409)."""
    found = find(request, segment_id)
    row = segment_rows(request, [found])[0]
    doing.delete_segment(request, found)
    return 200, row


def find(request: ApiRequest, segment_id: int) -> SegmentRow:
    found = SegmentRow.objects.filter(workspace_id=request.call.workspace_id, id=segment_id).first()
    if found is None:
        raise not_found(f"segment {segment_id}")
    return found


def segment_rows(request: ApiRequest, found: list[SegmentRow]) -> list[Json]:
    language = accepted_language(request)
    shown = with_figures(found, at=request.call.at, time_zone=doing.time_zone(request), days=1)
    plain = ("id", "key", "name", "kind", "criteria", "takes_only_valid", "folder", "tags", "created_at", "changed_at")
    return [
        {name: getattr(each.segment, name) for name in plain}
        | {
            "words": say(parse(each.segment.criteria), language),
            "member_count": each.members,
            "is_being_built": each.segment.wants_build,
            "used_by": [
                {"kind": use.kind, "key": use.key}
                for use in used_by(workspace_id=each.segment.workspace_id, kind="segment", key=each.segment.key)
            ],
        }
        for each in shown
    ]
