"""Where shops deliver their webhooks: signed by the source's secret, kept, translated, answered at once."""

import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cultiva.events.connectors import Forged, find_by_address, take_delivery
from cultiva.lib import clock
from cultiva.lib.secrets import LostSecret
from cultiva.lib.signing import BadLink
from cultiva.public.bodies import BadBody, read_raw

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024


@csrf_exempt  # no cookie is read: the signature says who sends it
@require_POST
def take_webhook(request: HttpRequest, kind: str, token: str) -> HttpResponse:
    """200 whatever a signed delivery holds: shops switch a webhook off that answers anything else for a while."""
    try:
        raw = read_raw(request, MAX_BODY_BYTES)
    except BadBody as error:
        return answer(error.status, "too large")
    try:
        source = find_by_address(kind=kind, token=token)
    except (BadLink, ValueError):
        source = None
    if source is None:
        return answer(404, "no such address")
    try:
        return answer(200, take_delivery(source=source, headers=request.headers, raw=raw, at=clock.now()))
    except Forged:
        log.warning("event=webhook.forged kind=%s source=%d bytes=%d", kind, source.id, len(raw))
        return answer(401, "the signature does not fit the secret")
    except LostSecret:
        log.error("event=webhook.secret_lost kind=%s source=%d", kind, source.id)
        return answer(503, "the secret cannot be read; enter it anew")


def answer(status: int, words: str) -> HttpResponse:
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain; charset=utf-8")
