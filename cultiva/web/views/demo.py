"""The demo's two switches: the time machine and the live visitors."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from cultiva.demo.live import switch_live_source
from cultiva.lib import clock
from cultiva.web.staff import ALL_ROLES, StaffRequest, is_demo, staff_screen
from cultiva.web.views.signing_in import safe_next

MOST_DAYS = 60


@require_POST
@staff_screen(posts=ALL_ROLES)
def advance_clock(request: StaffRequest) -> HttpResponse:
    days = request.POST.get("days", "")
    if not is_demo() or not days.isdigit() or not 1 <= int(days) <= MOST_DAYS:
        raise Http404
    clock.advance(timedelta(days=int(days)))
    text = ngettext("A day has passed.", "%(days)s days have passed.", int(days)) % {"days": days}
    due = _("What was due is being done now.")
    messages.success(request, f"{text} {due}")
    return redirect(safe_next(request))


@require_POST
@staff_screen(posts=ALL_ROLES)
def live_source(request: StaffRequest) -> HttpResponse:
    if not is_demo():
        raise Http404
    is_on = request.POST.get("on") == "1"
    switch_live_source(request.staff.workspace.id, is_on)
    messages.success(request, _("Live visitors come in.") if is_on else _("Live visitors stay away."))
    return redirect(safe_next(request))
