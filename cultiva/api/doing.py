"""What the API asks the rooms below to do; their refusals are told as the API's errors."""

from typing import Any

from cultiva.api.door import ApiRequest
from cultiva.api.errors import invalid
from cultiva.leads.actions import BadAddress, find_or_make_lead
from cultiva.leads.models import Lead

Json = dict[str, Any]


def save_lead(request: ApiRequest, given: Json) -> tuple[Lead, bool]:
    """Make or update the lead of the identifiers. Never valid by this: that takes evidence of consent."""
    call, name = request.call, request.headers.get("Idempotency-Key")
    try:
        return find_or_make_lead(
            workspace_id=call.workspace_id,
            email=given.get("email") or "",
            attributes=given.get("attributes") or {},
            language=given.get("language") or "es",
            source_kind="api",
            at=call.at,
            message_id=f"api:{call.caller.id}:{name}" if name else "",
        )
    except BadAddress as error:
        raise invalid("email", given.get("email"), str(error)) from error
