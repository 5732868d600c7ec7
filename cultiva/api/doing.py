"""What the API asks the rooms below to do; their refusals are told as the API's errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Workspace
from cultiva.api.door import ApiRequest
from cultiva.api.errors import ApiError, invalid, one_line
from cultiva.criteria.language import parse
from cultiva.criteria.references import GoesInCircles, StillUsed
from cultiva.leads import actions, attributes, companies, retyping
from cultiva.leads.models import Attribute, Company, Lead
from cultiva.lib.documents import DocumentError
from cultiva.segments import actions as segments
from cultiva.segments.counting import Count, count
from cultiva.segments.models import Segment

Json = dict[str, Any]


def save_lead(request: ApiRequest, given: Json) -> tuple[Lead, bool]:
    """Make or update the lead of the identifiers. Never valid by this: that takes evidence of consent."""
    call, name = request.call, request.headers.get("Idempotency-Key")
    with refusals(given):
        return actions.save_lead(
            workspace_id=call.workspace_id,
            email=given.get("email") or "",
            phone=given.get("phone") or "",
            external_id=given.get("external_id") or "",
            attributes=given.get("attributes") or {},
            language=given.get("language") or "",
            source_kind="api",
            at=call.at,
            message_id=f"api:{call.caller.id}:{name}" if name else "",
        )


@contextmanager
def refusals(given: Json) -> Iterator[None]:
    """Tell what the rooms below refuse in the API's words."""
    try:
        yield
    except actions.BadAddress as error:
        raise invalid("email", given.get("email"), str(error)) from error
    except actions.BadPhone as error:
        raise invalid("phone", given.get("phone"), str(error)) from error
    except actions.LeadConflict as error:
        ids = ", ".join(str(each) for each in error.candidates)
        message = f"The identifiers belong to different leads: {ids}. Send one of them, or merge the leads."
        raise ApiError(409, "identifiers_conflict", message) from error
    except companies.CompanyConflict as error:
        ids = ", ".join(str(each) for each in error.candidates)
        message = f"The domain and the external id belong to different companies: {ids}. Send one of them."
        raise ApiError(409, "identifiers_conflict", message) from error
    except attributes.AttributeRefused as error:
        raise ApiError(422, "invalid", one_line(error)) from error


def save_company(request: ApiRequest, given: Json) -> tuple[Company, bool]:
    if given.get("domain") and not companies.host_of(given["domain"]):
        raise invalid("domain", given["domain"], "it is no domain. Send one such as huerta.example.")
    try:
        with transaction.atomic():
            found, is_new = _save_company(request, given)
    except IntegrityError:  # another request made it meanwhile
        found, is_new = _save_company(request, given)
    audit(request, "company.created" if is_new else "company.changed", f"company:{found.id}", sorted(given))
    return found, is_new


def _save_company(request: ApiRequest, given: Json) -> tuple[Company, bool]:
    with refusals(given):
        return companies.save_company(
            workspace_id=request.call.workspace_id,
            name=given.get("name") or "",
            domain=given.get("domain") or "",
            external_id=given.get("external_id") or "",
            attributes=given.get("attributes") or {},
            at=request.call.at,
        )


def list_companies(request: ApiRequest, *, search: str, after: str | None, limit: int) -> tuple[list[Json], str | None]:
    page = companies.list_companies(workspace_id=request.call.workspace_id, search=search, after=after, limit=limit)
    return page.rows, page.next_key


def define_attribute(request: ApiRequest, given: Json) -> tuple[Attribute, bool]:
    """Define a key; of one that is known its label, type and choices. Values move with the type."""
    workspace_id, at = request.call.workspace_id, request.call.at
    known = attributes.definitions(workspace_id, given["subject"]).get(given["key"])
    settings = {"workspace_id": workspace_id, "subject": given["subject"], "key": given["key"], "at": at}
    do: Callable[..., Attribute] = retyping.change_type if known else attributes.define
    with refusals(given):
        found = do(**settings, type=given["type"], choices=given["choices"], label=given["label"])
    action = "attribute.changed" if known else "attribute.created"
    audit(request, action, f"attribute:{found.subject}.{found.key}"[:160], {"type": found.type})
    return found, known is None


def save_segment(request: ApiRequest, given: Json) -> tuple[Segment, bool]:
    call = request.call
    key = given["key"] or segments.free_key(call.workspace_id, given["name"])
    is_new = segments.find_segment(call.workspace_id, key) is None
    with segment_refusals():
        found = segments.save_segment(
            workspace_id=call.workspace_id, by=call.caller.actor, at=call.at, **given | {"key": key}
        )
    return found, is_new


def delete_segment(request: ApiRequest, segment: Segment) -> None:
    call = request.call
    with segment_refusals():
        segments.delete_segment(
            workspace_id=call.workspace_id, segment_id=segment.id, by=call.caller.actor, at=call.at
        )  # fmt: skip


def count_leads(request: ApiRequest, criteria: Json, *, takes_only_valid: bool) -> Count:
    call = request.call
    with segment_refusals():
        return count(
            workspace_id=call.workspace_id, node=parse(criteria), at=call.at, takes_only_valid=takes_only_valid
        )  # fmt: skip


def move_members(request: ApiRequest, segment: Segment, given: Json, *, is_in: bool) -> Json:
    call = request.call
    with segment_refusals():
        found = segments.find_addresses(workspace_id=call.workspace_id, words=given["emails"])
        moved = segments.move_by_hand(
            segment=segment, lead_ids={*given["lead_ids"], *found.lead_ids}, is_in=is_in, by=call.caller.actor,
            at=call.at,
        )  # fmt: skip
    leads = len({*given["lead_ids"], *found.lead_ids})
    return {"found": leads, "moved": moved, "unknown": [*found.unknown, *found.unreadable]}


@contextmanager
def segment_refusals() -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise ApiError(422, "invalid_criteria", one_line(error), field="criteria") from error
    except GoesInCircles as error:
        raise ApiError(422, "invalid_criteria", one_line(error), field="criteria") from error
    except StillUsed as error:
        raise ApiError(409, "segment_in_use", one_line(error)) from error
    except segments.SegmentRefused as error:
        raise ApiError(422, "invalid", one_line(error)) from error


def time_zone(request: ApiRequest) -> str:
    return Workspace.objects.values_list("time_zone", flat=True).get(id=request.call.workspace_id)


def audit(request: ApiRequest, action: str, target: str, detail: Any) -> None:
    """What programs do without a lead stands in the audit log; what they do to a lead is an event."""
    call = request.call
    record_audit(
        workspace_id=call.workspace_id, actor=call.caller.actor, action=action, target=target,
        detail=detail if isinstance(detail, dict) else {"fields": detail}, at=call.at,
    )  # fmt: skip
