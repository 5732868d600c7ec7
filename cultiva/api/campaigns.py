"""Campaigns: listed, looked at, saved by key, what they cost, and what came of them."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api.door import Answer, ApiRequest, endpoint
from cultiva.api.errors import ApiError, not_found
from cultiva.api.shapes import Body, Key, Page
from cultiva.capture.campaigns import actions
from cultiva.capture.campaigns.documents import document_of, read_campaign
from cultiva.capture.campaigns.figures import STEPS, Figures, campaign_figures
from cultiva.capture.models import Campaign as CampaignRow
from cultiva.lib.documents import DocumentError

Json = dict[str, Any]
Objective = Literal["content", "subscription", "quote", "purchase", "service"]

LINK: Json = {"url": "https://huerta.example/guia", "source": "linkedin", "medium": "paid-social"}
COST: Json = {"day": "2026-03-02", "amount": 420.5, "note": "LinkedIn, March"}
CAMPAIGN_IN: Json = {
    "key": "riego-2026", "name": "Riego 2026", "objective": "content", "starts_on": "2026-03-01", "budget": 3000,
    "links": [LINK], "costs": [COST],
}  # fmt: skip
CAMPAIGN: Json = CAMPAIGN_IN | {
    "ends_on": None, "currency": "EUR", "members": {},
    "links": [LINK | {
        "content": "", "term": "",
        "address": "https://huerta.example/guia?utm_source=linkedin&utm_medium=paid-social&utm_campaign=riego-2026",
    }],
    "revision": 1, "created_at": "2026-03-10T12:00:00+00:00", "changed_at": "2026-03-10T12:00:00+00:00",
}  # fmt: skip
FIGURES: Json = {
    "campaign": "riego-2026", "touch": "last", "currency": "EUR", "cost": 420.5, "value": 1900.0, "roi": 3.5184,
    "steps": [
        {"step": "visitors", "people": 812, "cost_each": 0.52}, {"step": "leads", "people": 61, "cost_each": 6.89},
        {"step": "valid", "people": 55, "cost_each": 7.65}, {"step": "qualified", "people": 14, "cost_each": 30.04},
        {"step": "customers", "people": 3, "cost_each": 140.17},
    ],
}  # fmt: skip


class LinkIn(Body):
    url: str = Field(max_length=1000)
    source: str = Field(max_length=100)
    medium: str = Field(max_length=100)
    content: str = Field("", max_length=100)
    term: str = Field("", max_length=100)


class CostIn(Body):
    day: date
    amount: Decimal = Field(ge=0, max_digits=14, decimal_places=2)
    note: str = Field("", max_length=200)


class CampaignIn(Body):
    """The whole campaign: what is left out is empty."""

    key: str = Field("", max_length=80, description="What visits bring as `utm_campaign`; made of the name, if absent.")
    name: str = Field(min_length=1, max_length=160)
    objective: Objective
    starts_on: date | None = None
    ends_on: date | None = None
    budget: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=2)
    currency: str = Field("EUR", pattern="^[A-Z]{3}$")
    links: list[LinkIn] = Field([], max_length=200)
    costs: list[CostIn] = Field([], max_length=1000)
    members: dict[Literal["form", "page", "magnet", "template", "workflow"], list[str]] = Field(
        {}, description="Keys of what belongs to it, by kind."
    )


class Link(BaseModel):
    url: str
    source: str
    medium: str
    content: str
    term: str
    address: str = Field(description="With all its tags.")


class Cost(BaseModel):
    day: date
    amount: float
    note: str


class Campaign(BaseModel):
    key: str
    name: str
    objective: str
    starts_on: date | None
    ends_on: date | None
    budget: float | None
    currency: str
    links: list[Link]
    costs: list[Cost]
    members: dict[str, list[str]]
    revision: int
    created_at: datetime
    changed_at: datetime


class Step(BaseModel):
    step: str = Field(description="visitors, leads, valid, qualified (for marketing, and further), customers.")
    people: int
    cost_each: float | None


class CampaignFigures(BaseModel):
    campaign: str
    touch: str
    currency: str
    cost: float
    value: float = Field(description="Orders and subscriptions in the campaign's currency, less refunds.")
    roi: float | None = Field(description="(value - cost) / cost; null where nothing was spent, or no sale is known.")
    steps: list[Step]


class FiguresQuery(BaseModel):
    touch: Literal["first", "last"] = "last"


@endpoint(
    "GET", "/campaigns", scope="campaigns:read", tag="Campaigns", summary="List campaigns",
    answers={200: Page[Campaign]}, example={"data": [CAMPAIGN], "next_cursor": None},
)  # fmt: skip
def list_campaigns(request: ApiRequest) -> Answer:
    """All of them on one page; the one that began last comes first."""
    found = actions.list_campaigns(request.call.workspace_id)
    return 200, {"data": [campaign_row(each) for each in found], "next_cursor": None}


@endpoint(
    "GET", "/campaigns/{key}", scope="campaigns:read", tag="Campaigns", summary="One campaign",
    answers={200: Campaign}, example=CAMPAIGN,
)  # fmt: skip
def get_campaign(request: ApiRequest, key: Key) -> Answer:
    """With its links, costs and what belongs to it."""
    return 200, campaign_row(find(request, key))


@endpoint(
    "POST", "/campaigns", scope="campaigns:write", tag="Campaigns", summary="Make a campaign, or change that of a key",
    answers={200: Campaign, 201: Campaign}, example=CAMPAIGN, body_example=CAMPAIGN_IN,
)  # fmt: skip
def save_campaign(request: ApiRequest, body: CampaignIn) -> Answer:
    """201: new; 200: known by its key. The whole campaign is written: what is left out is empty from then on."""
    given, workspace_id = body.model_dump(), request.call.workspace_id
    key = given.pop("key") or actions.free_key(workspace_id, given["name"])
    is_new = actions.find_campaign(workspace_id, key) is None
    document = {name: value for name, value in given.items() if value not in (None, [], {})} | {"campaign": key}
    return 201 if is_new else 200, campaign_row(save(request, document))


@endpoint(
    "POST", "/campaigns/{key}/costs", scope="campaigns:write", tag="Campaigns", summary="Add a cost",
    answers={201: Campaign}, example=CAMPAIGN, body_example=COST,
)  # fmt: skip
def add_campaign_cost(request: ApiRequest, key: Key, body: CostIn) -> Answer:
    """Money spent on a day. To take one back, save the campaign without it."""
    document = document_of(actions.settings_of(find(request, key)))
    document["costs"] = [*document.get("costs", []), body.model_dump()]
    return 201, campaign_row(save(request, document))


@endpoint(
    "GET", "/campaigns/{key}/figures", scope="campaigns:read", tag="Campaigns", summary="What came of a campaign",
    answers={200: CampaignFigures}, example=FIGURES,
)  # fmt: skip
def get_campaign_figures(request: ApiRequest, key: Key, query: Query[FiguresQuery]) -> Answer:
    """People at each step with the cost of each, and the return on what was spent."""
    found, call = find(request, key), request.call
    figures = campaign_figures(workspace_id=call.workspace_id, touch=query.touch, at=call.at).get(key, Figures())
    return 200, {
        "campaign": key, "touch": query.touch, "currency": found.currency, "cost": float(figures.cost),
        "value": float(figures.value), "roi": number(figures.roi),
        "steps": [
            {"step": step, "people": getattr(figures, step), "cost_each": number(figures.cost_of(step))}
            for step in STEPS
        ],
    }  # fmt: skip


@endpoint(
    "POST", "/campaigns/{key}/delete", scope="campaigns:write", tag="Campaigns", summary="Delete a campaign",
    answers={200: Campaign}, example=CAMPAIGN,
)  # fmt: skip
def delete_campaign(request: ApiRequest, key: Key) -> Answer:
    """The answer shows it for the last time. Visits and leads keep the campaign they came by."""
    row = campaign_row(find(request, key))
    call = request.call
    actions.delete_campaign(workspace_id=call.workspace_id, key=key, by=call.caller.actor, at=call.at)
    return 200, row


def find(request: ApiRequest, key: str) -> CampaignRow:
    found = actions.find_campaign(request.call.workspace_id, key)
    if found is None:
        raise not_found(f"campaign {key}")
    return found


def save(request: ApiRequest, document: Json) -> CampaignRow:
    call = request.call
    try:
        settings = read_campaign(document, workspace_id=call.workspace_id)
    except DocumentError as error:
        field = re.split(r"[\[.]", error.place)[0]
        field = field if field in CampaignIn.model_fields else "key"
        raise ApiError(422, "invalid", " ".join(str(error).split()), field=field) from error
    return actions.save_campaign(workspace_id=call.workspace_id, settings=settings, by=call.caller.actor, at=call.at)


def campaign_row(campaign: CampaignRow) -> Json:
    settings = actions.settings_of(campaign)
    plain = ("key", "name", "objective", "starts_on", "ends_on", "currency", "revision", "created_at", "changed_at")
    members: dict[str, list[str]] = {}
    for kind, key in settings.members:
        members.setdefault(kind, []).append(key)
    return {name: getattr(campaign, name) for name in plain} | {
        "budget": number(campaign.budget),
        "links": [vars(link) | {"address": link.address(campaign.key)} for link in settings.links],
        "costs": [{"day": cost.day, "amount": float(cost.amount), "note": cost.note} for cost in settings.costs],
        "members": members,
    }


def number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
