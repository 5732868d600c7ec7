"""What people ask by their rights, from other systems: put into the queue, and read. A person closes it."""

from datetime import date, datetime
from typing import Any, Literal

from django.db.models import Q
from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, an_id, endpoint, make_cursor, read_cursor
from cultiva.api.errors import ApiError, not_found
from cultiva.api.leads import lead_row
from cultiva.api.shapes import Body, Id, Instant, Page, PageQuery
from cultiva.privacy.models import PrivacyRequest as Row
from cultiva.privacy.models import Way
from cultiva.privacy.requests import LONGEST_TEXT, RequestRefused, receive_request, steps_of

Json = dict[str, Any]
RightName = Literal["access", "rectification", "erasure", "restriction", "portability", "objection"]


class PrivacyRequestIn(Body):
    """Somebody exercises a right; an objection and a restriction take effect at once."""

    kind: RightName
    lead_id: int | None = Field(None, ge=1, lt=2**63, description="Whose data; null if nobody knows yet.")
    received_at: Instant | None = Field(
        None, description="When it reached you: the clock runs from then. Now if absent."
    )
    contact: str = Field("", max_length=254, description="Where to answer, if not to the lead's address.")
    text: str = Field("", max_length=LONGEST_TEXT, description="What they said.")


class PrivacyStep(BaseModel):
    at: datetime
    by: str
    what: str


class PrivacyRequest(BaseModel):
    id: int
    kind: RightName
    way: str
    lead_id: int | None
    received_at: datetime
    due_on: date = Field(description="The last day to answer, by the law of the workspace.")
    jurisdiction: str
    is_open: bool
    extended_at: datetime | None
    identified_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    steps: list[PrivacyStep]


class RequestsQuery(PageQuery):
    state: Literal["open", "closed", "all"] = "open"


@endpoint(
    "GET", "/privacy-requests", scope="consents:read", tag="Privacy", summary="Requests and their clocks",
    answers={200: Page[PrivacyRequest]},
    example={"data": [examples.PRIVACY_REQUEST], "next_cursor": None},
)  # fmt: skip
def list_privacy_requests(request: ApiRequest, query: Query[RequestsQuery]) -> Answer:
    """The most urgent first."""
    found = Row.objects.filter(workspace_id=request.call.workspace_id).order_by("due_on", "id")
    if query.state != "all":
        found = found.filter(closed_at__isnull=query.state == "open")
    if after := read_cursor(query.cursor, date.fromisoformat, an_id):
        due_on, last = after
        found = found.filter(Q(due_on__gt=due_on) | Q(due_on=due_on, id__gt=last))
    page = list(found[: query.limit + 1])
    more = len(page) > query.limit
    page = page[: query.limit]
    return 200, {
        "data": [request_row(each) for each in page],
        "next_cursor": make_cursor(page[-1].due_on.isoformat(), page[-1].id) if more else None,
    }


@endpoint(
    "POST", "/privacy-requests", scope="consents:write", tag="Privacy", summary="Put a request into the queue",
    answers={201: PrivacyRequest}, example=examples.PRIVACY_REQUEST,
    body_example={"kind": "access", "text": "By telephone."},
)  # fmt: skip
def make_privacy_request(request: ApiRequest, body: PrivacyRequestIn) -> Answer:
    """Staff are told, and a named person answers it. With an objection marketing and profiling end at once."""
    call = request.call
    try:
        made = receive_request(
            workspace_id=call.workspace_id, kind=body.kind, way=Way.API, at=call.at, by=call.caller.actor,
            lead_id=lead_row(request, body.lead_id)["id"] if body.lead_id else None, text=body.text,
            contact=body.contact, received_at=body.received_at,
        )  # fmt: skip
    except RequestRefused as error:
        raise ApiError(422, "refused", str(error).partition("\n")[0]) from error
    return 201, request_row(made)


@endpoint(
    "GET", "/privacy-requests/{request_id}", scope="consents:read", tag="Privacy", summary="One request",
    answers={200: PrivacyRequest}, example=examples.PRIVACY_REQUEST,
)  # fmt: skip
def get_privacy_request(request: ApiRequest, request_id: Id) -> Answer:
    """With its history. What was written in it is read on the screen."""
    found = Row.objects.filter(workspace_id=request.call.workspace_id, id=request_id).first()
    if found is None:
        raise not_found(f"privacy request {request_id}")
    return 200, request_row(found)


def request_row(found: Row) -> Json:
    own = {
        name: getattr(found, name) for name in PrivacyRequest.model_fields if name not in ("steps", "outcome")
    }  # fmt: skip
    steps = [{"at": step.at, "by": step.by, "what": step.what} for step in steps_of(found)]
    return own | {"outcome": found.outcome or None, "steps": steps}
