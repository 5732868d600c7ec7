"""The dates of a webinar: made, changed, called off; who is seated, who waits, who came."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.models import Role
from cultiva.magnets.kinds.files import LinkField
from cultiva.magnets.kinds.webinar import Webinar
from cultiva.magnets.models import MagnetVersion, Registration, WebinarSession
from cultiva.magnets.webinars import (
    CANCELLED,
    SessionRefused,
    cancel_session,
    import_attendance,
    read_attendance,
    save_session,
    sessions_of,
)
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import in_language

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
LOCAL = "%Y-%m-%dT%H:%M"


class SessionForm(forms.Form):
    starts = forms.DateTimeField(
        label=gettext_lazy("Begins"), widget=forms.DateTimeInput({"type": "datetime-local"}, format=LOCAL),
        input_formats=[LOCAL], help_text=gettext_lazy("In the time zone of the webinar."),
    )  # fmt: skip
    minutes = forms.IntegerField(label=gettext_lazy("How many minutes"), min_value=5, max_value=1440)
    seats = forms.IntegerField(
        label=gettext_lazy("Seats"), min_value=1, max_value=1_000_000, required=False,
        help_text=gettext_lazy("Empty: as many as come."),
    )  # fmt: skip
    join_url = LinkField(label=gettext_lazy("Where it takes place"), required=False)
    replay_url = LinkField(label=gettext_lazy("Recording"), required=False)

    def given(self, zone: str) -> dict[str, Any]:
        found = dict(self.cleaned_data)
        starts: datetime = found.pop("starts")
        return found | {"starts_at": starts.replace(tzinfo=ZoneInfo(zone)), "time_zone": zone}


@staff_screen(posts=MAY_CHANGE)
def sessions(request: StaffRequest, key: str) -> HttpResponse:
    staff, version = request.staff, _find(request, key)
    form = SessionForm(
        request.POST if request.method == "POST" else None, initial={"minutes": version.body["settings"]["minutes"]}
    )
    if request.method == "POST" and form.is_valid():
        zone = version.body["settings"]["time_zone"]
        save_session(workspace_id=staff.workspace.id, magnet=key, given=form.given(zone), at=staff.at)
        messages.success(request, _("The date is there."))
        return redirect("web:magnet_sessions", key=key)
    context = {
        "page_title": _("Dates: %(name)s") % {"name": in_language(version.body["title"])},
        "key": key,
        "zone": version.body["settings"]["time_zone"],
        "rows": [_row(each) for each in sessions_of(workspace_id=staff.workspace.id, magnet=key)],
        "form": form,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/magnet_sessions.html", context, status=422 if form.errors else 200)


def _row(session: WebinarSession) -> dict[str, Any]:
    return {
        "session": session,
        "starts": session.starts_at.astimezone(ZoneInfo(session.time_zone)).replace(tzinfo=None),
    }


@staff_screen(posts=MAY_CHANGE)
def session_page(request: StaffRequest, key: str, session_id: int) -> HttpResponse:
    staff, version = request.staff, _find(request, key)
    session = _session(request, key, session_id)
    local = session.starts_at.astimezone(ZoneInfo(session.time_zone))
    initial = {"starts": local.strftime(LOCAL)} | {
        name: getattr(session, name) for name in ("minutes", "seats", "join_url", "replay_url")
    }
    form = SessionForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        save_session(
            workspace_id=staff.workspace.id, magnet=key, session_id=session_id, given=form.given(session.time_zone),
            at=staff.at,
        )  # fmt: skip
        messages.success(request, _("Saved. Seats that were free went to those who waited."))
        return redirect("web:magnet_session", key=key, session_id=session_id)
    people = Registration.objects.filter(workspace_id=staff.workspace.id, session=session).exclude(state=CANCELLED)
    context = {
        "page_title": f"{in_language(version.body['title'])}: {local:%d/%m/%Y %H:%M}",
        "key": key,
        "session": session,
        "form": form,
        "people": people.select_related("grant__lead").order_by("state", "changed_at", "id")[:500],
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/magnet_session.html", context, status=422 if form.errors else 200)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def call_off(request: StaffRequest, key: str, session_id: int) -> HttpResponse:
    session = _session(request, key, session_id)
    cancel_session(workspace_id=session.workspace_id, magnet=key, session_id=session_id, at=request.staff.at)
    messages.success(request, _("The date is called off; its page says so."))
    return redirect("web:magnet_sessions", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def attendance(request: StaffRequest, key: str, session_id: int) -> HttpResponse:
    session, file = _session(request, key, session_id), request.FILES.get("file")
    try:
        rows = read_attendance(file.read()) if file else []
        found = import_attendance(session=session, rows=rows, at=request.staff.at)
    except SessionRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(n)s came.") % {"n": found.attended})
        if found.unknown:
            listed = ", ".join(found.unknown[:10])
            said = _("%(n)s addresses are of nobody who got the webinar: %(listed)s")
            messages.warning(request, said % {"n": len(found.unknown), "listed": listed})
    return redirect("web:magnet_session", key=key, session_id=session_id)


def _find(request: StaffRequest, key: str) -> MagnetVersion:
    version = MagnetVersion.current(request.staff.workspace.id, key)
    if version is None or version.body["kind"] != Webinar.kind:
        raise Http404
    return version


def _session(request: StaffRequest, key: str, session_id: int) -> WebinarSession:
    found = WebinarSession.objects.filter(workspace_id=request.staff.workspace.id, magnet=key, id=session_id).first()
    if found is None:
        raise Http404
    return found
