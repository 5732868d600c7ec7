"""What a person can keep of their consents, and the keys that prove who signed it."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.consent.keys import published_keys
from cultiva.consent.receipts import receipt_of
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, unsign
from cultiva.public.pages import browser_language, message, wanted_language


@require_safe
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """The link is the person's own: whoever has it may see what they agreed to. No address stands in it."""
    try:
        workspace_id, lead_id = unsign("receipt", token)
    except (BadLink, ValueError):
        return message("bad_link", language=browser_language(request), status=404)
    with workspace_scope(workspace_id):
        if not Lead.objects.filter(workspace_id=workspace_id, id=lead_id).exists():
            return message("bad_link", language=browser_language(request), status=404)
        at = clock.now()
        if request.GET.get("as") == "pdf":
            from cultiva.consent.receipt_pdf import receipt_pdf  # noqa: PLC0415  large, and seldom needed

            language = wanted_language(request, browser_language(request))
            content = receipt_pdf(workspace_id=workspace_id, lead_id=lead_id, at=at, language=language)
            answer = HttpResponse(content, content_type="application/pdf")
        else:
            found = receipt_of(workspace_id=workspace_id, lead_id=lead_id, at=at)
            answer = JsonResponse(found, content_type="application/ld+json", json_dumps_params={"ensure_ascii": False})
    ending = "pdf" if request.GET.get("as") == "pdf" else "jsonld"
    answer["Content-Disposition"] = f'attachment; filename="consent-receipt.{ending}"'
    answer["X-Robots-Tag"] = "noindex"
    answer["Cache-Control"] = "no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@require_safe
def consent_keys(request: HttpRequest, workspace: str) -> HttpResponse:
    """Public keys of a workspace (RFC 8037): what signatures of receipts and bundles are checked against."""
    found = find_workspace(workspace)
    if found is None:
        return JsonResponse({"keys": []}, status=404)
    with workspace_scope(found.id):
        answer = JsonResponse(published_keys(found), content_type="application/jwk-set+json")
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cache-Control"] = "public, max-age=300"
    return answer
