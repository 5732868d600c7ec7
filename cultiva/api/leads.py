"""Leads: lists, one, its events; made and changed."""

from datetime import datetime
from typing import Any, Literal

from ninja import Query
from pydantic import Field

from cultiva.api import doing, examples
from cultiva.api.door import Answer, ApiRequest, bad_cursor, endpoint
from cultiva.api.errors import ApiError, invalid, not_found
from cultiva.api.shapes import Id, Instant, Lead, LeadChange, LeadIn, Page, PageQuery
from cultiva.leads.actions import BadAddress, read_address
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.lists import LeadFilter
from cultiva.leads.lists import list_leads as leads_page
from cultiva.lib.database import fetch_all, load_sql

Json = dict[str, Any]


class LeadQuery(PageQuery):
    search: str = Field("", max_length=200, description="Words of name, company or address, accents or not.")
    email: str = Field("", max_length=254)
    external_id: str = Field("", max_length=200)
    company_id: int | None = Field(None, ge=1, lt=2**63)
    stage: str = Field("", max_length=40)
    temperature: Literal["", "cold", "warm", "hot", "none"] = Field("", description="none: without a score.")
    created_since: Instant | None = Field(None, json_schema_extra={"example": "2026-01-31T00:00:00Z"})
    seen_since: Instant | None = Field(None, description="By their own last act.")
    sort: Literal["newest", "score", "seen"] = "newest"


@endpoint(
    "GET", "/leads", scope="leads:read", tag="Leads", summary="List leads, newest first",
    answers={200: Page[Lead]}, example={"data": [examples.LEAD], "next_cursor": None},
)  # fmt: skip
def list_leads(request: ApiRequest, query: Query[LeadQuery]) -> Answer:
    """A page of leads that match every filter given. Merged leads are not listed; their ids lead to the one kept."""
    check_address(query.email)
    wanted = LeadFilter(**query.model_dump(exclude={"limit", "cursor"}))
    try:
        page = leads_page(
            workspace_id=request.call.workspace_id,
            wanted=wanted,
            after=query.cursor,
            limit=query.limit,
            with_count=False,
        )
    except ValueError as error:
        raise bad_cursor(query.cursor or "") from error
    rows = lead_rows(request, [row["id"] for row in page.rows])
    return 200, {"data": rows, "next_cursor": page.next_key}


def check_address(email: str) -> None:
    try:
        read_address(email) if email else None
    except BadAddress as error:
        raise invalid("email", email, str(error)) from error


@endpoint(
    "GET", "/leads/{lead_id}", scope="leads:read", tag="Leads", summary="One lead",
    answers={200: Lead}, example=examples.LEAD,
)  # fmt: skip
def get_lead(request: ApiRequest, lead_id: Id) -> Answer:
    """With the marks of consent. The id of a lead that was merged leads to the one it was merged into."""
    return 200, lead_row(request, lead_id)


@endpoint(
    "POST", "/leads", scope="leads:write", tag="Leads", summary="Make a lead, or update the one who is known",
    answers={200: Lead, 201: Lead}, example=examples.LEAD, body_example=examples.LEAD_IN,
)  # fmt: skip
def save_lead(request: ApiRequest, body: LeadIn) -> Answer:
    """201: new; 200: known by e-mail, external id or phone. The API never raises a consent: a new lead is not valid,
    is not scored and gets no marketing until there is evidence, by a form or a double opt-in."""
    if not (body.email or body.phone or body.external_id):
        message = "Nothing says who it is. Send an `email`, a `phone` or an `external_id`."
        raise ApiError(422, "no_identifier", message, field="email")
    lead, is_new = doing.save_lead(request, body.model_dump())
    return 201 if is_new else 200, lead_row(request, lead.id)


@endpoint(
    "PATCH", "/leads/{lead_id}", scope="leads:write", tag="Leads", summary="Change a lead",
    answers={200: Lead}, example=examples.LEAD, body_example=examples.LEAD_CHANGE,
)  # fmt: skip
def change_lead(request: ApiRequest, lead_id: Id, body: LeadChange) -> Answer:
    """Blank never overwrites. An identifier can be added where there is none of its kind."""
    lead = lead_row(request, lead_id)
    given = body.model_dump()
    check_address(body.email)
    for name in ("email", "external_id"):
        if given[name] and lead[name] and given[name].casefold() != lead[name].casefold():
            raise invalid(name, given[name], "the lead has another. Make a lead of it with POST, and merge the two.")
        given[name] = lead[name] or given[name]
    saved, _is_new = doing.save_lead(request, given | {"phone": given["phone"] or lead["phone"]})
    if saved.id != lead["id"]:
        message = f"The identifier belongs to lead {saved.id}. Merge the two leads, or leave it out."
        raise ApiError(409, "identifiers_conflict", message)
    return 200, lead_row(request, saved.id)


def lead_row(request: ApiRequest, lead_id: int) -> Json:
    rows = lead_rows(request, [current_lead_id(request.call.workspace_id, lead_id)])
    if not rows:
        raise not_found(f"lead {lead_id}")
    return rows[0]


def lead_rows(request: ApiRequest, ids: list[int]) -> list[Json]:
    """Leads as shown, in the order of their ids."""
    rows = fetch_all(load_sql("api", "leads"), {"workspace": request.call.workspace_id, "leads": ids})
    shown = {row["id"]: _with_consent(row) for row in rows}
    return [shown[each] for each in ids if each in shown]


def _with_consent(row: Json) -> Json:
    marks: dict[str, datetime | None] = {name: row.pop(f"{name}_since") for name in ("valid", "confirmed", "profiled")}
    consent: Json = {}
    for name, since in marks.items():
        consent |= {f"is_{name}": since is not None, f"{name}_since": since}
    return row | {"consent": consent | {"objected_at": row.pop("objected_at"), "purposes": row.pop("purposes")}}
