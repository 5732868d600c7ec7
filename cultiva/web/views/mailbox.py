"""Mail that stayed in the product because no server is configured."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from cultiva.mailing.mailbox import parts
from cultiva.mailing.models import MailboxMessage
from cultiva.web.staff import StaffRequest, staff_screen

# The mail's own inline styles are wanted and harmless here: no script, no form, nothing loaded from outside.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"  # a page that a link opens is an ordinary one
)


@staff_screen()
def mailbox(request: StaffRequest) -> HttpResponse:
    found = MailboxMessage.objects.filter(workspace_id=request.staff.workspace.id).defer("source")
    search = request.GET.get("search", "").strip()[:100]
    if search:
        found = found.filter(recipient__icontains=search)
    page = Paginator(found.order_by("-received_at", "-id"), 25).get_page(request.GET.get("page"))
    context = {"page_title": _("Mailbox"), "page": page, "search": search, "now": request.staff.at}
    return render(request, "web/mailbox.html", context)


@csp_update({"frame-src": [SELF]})
@staff_screen()
def message(request: StaffRequest, message_id: int) -> HttpResponse:
    found = find(request, message_id)
    context = {
        "page_title": found.subject,
        "message": found,
        "parts": parts(found),
        "now": request.staff.at,
        "tab": request.GET.get("tab", "html"),
    }
    return render(request, "web/message.html", context)


@xframe_options_sameorigin
@staff_screen()
def message_html(request: StaffRequest, message_id: int) -> HttpResponse:
    """The HTML part, for the frame of `message`; links open outside it."""
    html = parts(find(request, message_id)).html.replace("<head>", '<head><base target="_blank">', 1)
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def find(request: StaffRequest, message_id: int) -> MailboxMessage:
    found = MailboxMessage.objects.filter(workspace_id=request.staff.workspace.id, id=message_id).first()
    if found is None or not request.staff.sees_personal_data:
        raise Http404
    return found
