"""Companies: where leads work."""

from typing import Any

from ninja import Query
from pydantic import Field

from cultiva.api import doing, examples
from cultiva.api.door import Answer, ApiRequest, bad_cursor, endpoint
from cultiva.api.errors import ApiError, not_found
from cultiva.api.shapes import Company, CompanyChange, CompanyIn, Id, Page, PageQuery
from cultiva.lib.database import fetch_all, load_sql

Json = dict[str, Any]


class CompanyQuery(PageQuery):
    search: str = Field("", max_length=200, description="Words of the name or domain.")


@endpoint(
    "GET", "/companies", scope="companies:read", tag="Companies", summary="List companies by name",
    answers={200: Page[Company]}, example={"data": [examples.COMPANY], "next_cursor": None},
)  # fmt: skip
def list_companies(request: ApiRequest, query: Query[CompanyQuery]) -> Answer:
    """Their leads are found with `GET /leads?company_id=`."""
    try:
        rows, next_cursor = doing.list_companies(
            request, search=query.search, after=query.cursor, limit=query.limit
        )  # fmt: skip
    except ValueError as error:
        raise bad_cursor(query.cursor or "") from error
    return 200, {"data": company_rows(request, [row["id"] for row in rows]), "next_cursor": next_cursor}


@endpoint(
    "GET", "/companies/{company_id}", scope="companies:read", tag="Companies", summary="One company",
    answers={200: Company}, example=examples.COMPANY,
)  # fmt: skip
def get_company(request: ApiRequest, company_id: Id) -> Answer:
    """With its attributes, and how many leads work there."""
    return 200, company_row(request, company_id)


@endpoint(
    "POST", "/companies", scope="companies:write", tag="Companies", summary="Make a company, or update a known one",
    answers={200: Company, 201: Company}, example=examples.COMPANY, body_example=examples.COMPANY_IN,
)  # fmt: skip
def save_company(request: ApiRequest, body: CompanyIn) -> Answer:
    """201: new; 200: known by its domain or external id. Blank never overwrites."""
    if not (body.domain or body.external_id):
        message = "Nothing says which company it is. Send a `domain` or an `external_id`."
        raise ApiError(422, "no_identifier", message, field="domain")
    company, is_new = doing.save_company(request, body.model_dump(exclude_unset=True))
    return 201 if is_new else 200, company_row(request, company.id)


@endpoint(
    "PATCH", "/companies/{company_id}", scope="companies:write", tag="Companies", summary="Change a company",
    answers={200: Company}, example=examples.COMPANY, body_example=examples.COMPANY_CHANGE,
)  # fmt: skip
def change_company(request: ApiRequest, company_id: Id, body: CompanyChange) -> Answer:
    """Blank never overwrites."""
    known = company_row(request, company_id)
    identifiers = {name: known[name] for name in ("domain", "external_id")}
    company, _is_new = doing.save_company(request, body.model_dump(exclude_unset=True) | identifiers)
    return 200, company_row(request, company.id)


def company_row(request: ApiRequest, company_id: int) -> Json:
    rows = company_rows(request, [company_id])
    if not rows:
        raise not_found(f"company {company_id}")
    return rows[0]


def company_rows(request: ApiRequest, ids: list[int]) -> list[Json]:
    """Companies as shown, in the order of their ids."""
    rows = fetch_all(load_sql("api", "companies"), {"workspace": request.call.workspace_id, "companies": ids})
    shown = {row["id"]: row for row in rows}
    return [shown[each] for each in ids if each in shown]
