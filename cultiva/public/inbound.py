"""Where ad networks and other programs tell of people: proven, kept, answered at once; leads are made of it later."""

import logging
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cultiva.capture.connectors.kinds import Forged
from cultiva.capture.connectors.models import Inbound
from cultiva.capture.connectors.receiving import find_by_address, greet, take_delivery
from cultiva.events.limits import Buckets
from cultiva.lib import clock
from cultiva.lib.secrets import LostSecret
from cultiva.lib.signing import BadLink
from cultiva.public.bodies import BadBody, read_raw
from cultiva.public.webhooks import MAX_BODY_BYTES, answer

log = logging.getLogger(__name__)

LIMITS = Buckets()
A_SECOND = 50  # deliveries to one connector; each web process counts for itself


@csrf_exempt  # no cookie is read: the sender proves itself
@require_http_methods(["GET", "POST"])
def take_inbound(request: HttpRequest, kind: str, token: str) -> HttpResponse:
    """200 whatever a proven delivery tells of: what cannot be mapped waits in quarantine."""
    try:
        inbound = find_by_address(kind=kind, token=token)
    except (BadLink, ValueError):
        inbound = None
    if inbound is None:
        return answer(404, "no such address")
    if seconds := LIMITS.take(f"{inbound.workspace_id}:{inbound.id}", A_SECOND):
        response = answer(429, "too many at once")
        response.headers["Retry-After"] = str(seconds)
        return response
    return _greet(request, inbound) if request.method == "GET" else _take(request, inbound)


def _greet(request: HttpRequest, inbound: Inbound) -> HttpResponse:
    query = {name: str(value) for name, value in request.GET.items()}
    try:
        word = greet(inbound, query)
    except Forged:
        return answer(403, "the verify token is another one")
    if word is None:
        return answer(405, "post to this address")
    return HttpResponse(word, content_type="text/plain; charset=utf-8")


def _take(request: HttpRequest, inbound: Inbound) -> HttpResponse:
    try:
        raw = read_raw(request, MAX_BODY_BYTES)
        counts = take_delivery(
            inbound=inbound, headers=request.headers, raw=raw, at=clock.now(), real_now=datetime.now(UTC)
        )
    except BadBody as error:
        return answer(error.status, "too large")
    except Forged:
        log.warning("event=inbound.forged kind=%s connector=%d bytes=%d", inbound.kind, inbound.id, len(raw))
        return answer(401, "the proof does not fit the secret")
    except LostSecret:
        log.error("event=inbound.secret_lost kind=%s connector=%d", inbound.kind, inbound.id)
        return answer(503, "the secret cannot be read; enter it anew")
    except ValueError:
        return answer(400, "this cannot be read")
    return answer(200, f"taken: {counts['taken']}, known: {counts['known']}")
