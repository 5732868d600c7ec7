"""Attributes: what the keys of leads and companies mean."""

from typing import Any, Literal

from ninja import Query
from pydantic import BaseModel

from cultiva.api import doing, examples
from cultiva.api.door import Answer, ApiRequest, endpoint
from cultiva.api.errors import not_found
from cultiva.api.shapes import Attribute, AttributeChange, AttributeIn, Id
from cultiva.leads.models import Attribute as AttributeRow

Json = dict[str, Any]


class AttributeQuery(BaseModel):
    subject: Literal["", "lead", "company"] = ""


class Attributes(BaseModel):
    data: list[Attribute]
    next_cursor: None


@endpoint(
    "GET", "/attributes", scope="attributes:read", tag="Attributes", summary="List attributes",
    answers={200: Attributes}, example={"data": [examples.ATTRIBUTE], "next_cursor": None},
)  # fmt: skip
def list_attributes(request: ApiRequest, query: Query[AttributeQuery]) -> Answer:
    """All of them on one page, leads' after companies', by key."""
    found = AttributeRow.objects.filter(workspace_id=request.call.workspace_id)
    if query.subject:
        found = found.filter(subject=query.subject)
    rows = [attribute_row(each) for each in found.order_by("subject", "key")]
    return 200, {"data": rows, "next_cursor": None}


@endpoint(
    "POST", "/attributes", scope="attributes:write", tag="Attributes", summary="Define an attribute",
    answers={200: Attribute, 201: Attribute}, example=examples.ATTRIBUTE, body_example=examples.ATTRIBUTE_IN,
)  # fmt: skip
def define_attribute(request: ApiRequest, body: AttributeIn) -> Answer:
    """201: new; 200: known by its key. Where its type changes, every value is read anew."""
    found, is_new = doing.define_attribute(request, body.model_dump())
    return 201 if is_new else 200, attribute_row(found)


@endpoint(
    "PATCH", "/attributes/{attribute_id}", scope="attributes:write", tag="Attributes", summary="Change an attribute",
    answers={200: Attribute}, example=examples.ATTRIBUTE, body_example=examples.ATTRIBUTE_CHANGE,
)  # fmt: skip
def change_attribute(request: ApiRequest, attribute_id: Id, body: AttributeChange) -> Answer:
    """Its label, type or choices. Where its type changes, every value is read anew, and misfits that fit come back."""
    known = AttributeRow.objects.filter(workspace_id=request.call.workspace_id, id=attribute_id).first()
    if known is None:
        raise not_found(f"attribute {attribute_id}")
    given = {name: getattr(known, name) for name in ("subject", "key", "type", "label", "choices")}
    given |= {name: value for name, value in body.model_dump().items() if value}
    return 200, attribute_row(doing.define_attribute(request, given)[0])


def attribute_row(attribute: AttributeRow) -> Json:
    return {name: getattr(attribute, name) for name in Attribute.model_fields}
