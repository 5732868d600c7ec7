"""Events of a lead and of the workspace, and the sources they come from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, an_id, an_instant, endpoint, make_cursor, paged, read_cursor
from cultiva.api.leads import lead_row
from cultiva.api.shapes import Event, Id, Instant, Page, PageQuery, Source
from cultiva.events.models import EventSource
from cultiva.lib.database import fetch_all, load_sql

Json = dict[str, Any]
FAR = datetime(9000, 1, 1, tzinfo=UTC)
LAST_ID = 2**63 - 1
RECENT = timedelta(days=31)


class EventQuery(PageQuery):
    name: str = Field("", max_length=200)
    kind: str = Field("", max_length=40, description="track, page, screen, identify, consent, stage, score, send, …")


class WorkspaceEventQuery(EventQuery):
    source_id: int | None = Field(None, ge=1, lt=2**63)
    received_since: Instant | None = Field(None, description="The last 31 days, where it is left out.")


@endpoint(
    "GET", "/leads/{lead_id}/events", scope="events:read", tag="Events", summary="What a lead did, newest first",
    answers={200: Page[Event]}, example={"data": [examples.EVENT], "next_cursor": None},
)  # fmt: skip
def list_lead_events(request: ApiRequest, lead_id: Id, query: Query[EventQuery]) -> Answer:
    """Acts, and what the product recorded: consents, stages, bands, mails. By the time at which it happened."""
    lead = lead_row(request, lead_id)["id"]
    before, before_id = read_cursor(query.cursor, an_instant, an_id) or (FAR, LAST_ID)
    parameters = query.model_dump(include={"name", "kind"}) | {
        "workspace": request.call.workspace_id, "lead": lead, "before": before, "before_id": before_id,
        "limit": query.limit + 1,
    }  # fmt: skip
    rows = fetch_all(load_sql("api", "lead_events"), parameters)
    return 200, paged(rows, query.limit, lambda row: make_cursor(row["occurred_at"], row["id"]))


@endpoint(
    "GET", "/events", scope="events:read", tag="Events", summary="The workspace's latest events",
    answers={200: Page[Event]}, example={"data": [examples.EVENT], "next_cursor": None},
)  # fmt: skip
def list_events(request: ApiRequest, query: Query[WorkspaceEventQuery]) -> Answer:
    """Newest first by receipt. Events are sent to `/v1/batch` with a source's write key, not here."""
    (before_id,) = read_cursor(query.cursor, an_id) or (LAST_ID,)
    parameters = query.model_dump(include={"name", "kind"}) | {
        "workspace": request.call.workspace_id, "source": query.source_id, "before_id": before_id,
        "since": query.received_since or request.call.at - RECENT, "limit": query.limit + 1,
    }  # fmt: skip
    rows = fetch_all(load_sql("api", "events"), parameters)
    return 200, paged(rows, query.limit, lambda row: make_cursor(row["id"]))


class Sources(BaseModel):
    data: list[Source]
    next_cursor: None


@endpoint(
    "GET", "/sources", scope="events:read", tag="Events", summary="Sources of events",
    answers={200: Sources}, example={"data": [examples.SOURCE], "next_cursor": None},
)  # fmt: skip
def list_sources(request: ApiRequest) -> Answer:
    """All of them on one page, by key. Write keys are not shown."""
    found = EventSource.objects.filter(workspace_id=request.call.workspace_id).order_by("key", "id")
    return 200, {"data": list(found.values(*Source.model_fields)), "next_cursor": None}
