"""Links that mails carry: confirming an address, unsubscribing.

Scanners follow every link with GET, so a GET changes no consent and no confirmation (RFC 8058).
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cultiva.accounts.models import Workspace
from cultiva.consent.actions import confirm, find_confirmation, withdraw
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PurposeVersion
from cultiva.consent.receipts import receipt_token
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, ExpiredLink, unsign
from cultiva.public.pages import answer, browser_language, message, wanted_language
from cultiva.public.visits import ip_of, page_url, user_agent_of

MARKETING = "marketing"  # what an unsubscribe link ends, on e-mail, unless it carries the id of a purpose's version


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    at = clock.now()
    try:
        if request.method == "POST":
            done = confirm(token=token, at=at, ip=ip_of(request), user_agent=user_agent_of(request))
            return _about_lead(request, "confirmed", done.workspace_id, done.lead_id)
        confirmation = find_confirmation(token=token, at=at)
    except BadLink:
        return _bad_link(request)
    except ExpiredLink:
        return message("confirmation_expired", language=browser_language(request), status=410)
    page = "confirm" if confirmation.confirmed_at is None else "confirmed"
    return _about_lead(request, page, confirmation.workspace_id, confirmation.lead_id)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """POST ends it at once, whatever its body: the page's own button, or a mail program's one click (RFC 8058)."""
    try:
        workspace_id, lead_id, purpose_id = unsign("unsubscribe", token)
    except BadLink:
        return _bad_link(request)
    with workspace_scope(workspace_id):
        if not Lead.objects.filter(workspace_id=workspace_id, id=lead_id).exists():
            return _bad_link(request)
        version = PurposeVersion.objects.filter(workspace_id=workspace_id, id=purpose_id).first()
        if request.method != "POST":
            return _about_lead(request, "unsubscribe", workspace_id, lead_id, version)
        withdraw(
            workspace_id=workspace_id,
            lead_id=lead_id,
            purpose=version.key if version else MARKETING,
            channel=version.body["channel"] if version else "email",
            at=clock.now(),
            circumstances=Circumstances(
                action="button", page_url=page_url(request), ip=ip_of(request), user_agent=user_agent_of(request)
            ),
        )
        return _about_lead(request, "unsubscribed", workspace_id, lead_id)


def _about_lead(
    request: HttpRequest, page: str, workspace_id: int, lead_id: int, purpose: PurposeVersion | None = None
) -> HttpResponse:
    """A page of the lead's workspace in the lead's language; it shows nothing of the lead."""
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.get(id=workspace_id)
        lead = Lead.objects.get(workspace_id=workspace_id, id=lead_id)
    language = wanted_language(request, lead.language or workspace.language)
    labels = purpose.body["languages"] if purpose else {}
    label = labels.get(language, next(iter(labels.values()), {})).get("label", "")
    receipt = receipt_token(workspace_id, lead_id) if page == "confirmed" else ""
    return answer(page, language=language, workspace=workspace, purpose=label, receipt=receipt)


def _bad_link(request: HttpRequest) -> HttpResponse:
    """One answer for forged, truncated and unknown links."""
    return message("bad_link", language=browser_language(request), status=404)
