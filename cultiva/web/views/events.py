"""What comes in: the live stream, names and their properties, and what could not be taken."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Role
from cultiva.events.actions import LedgerEvent
from cultiva.events.models import OWN_SOURCE, EventQuarantine, EventSource, EventUncovered
from cultiva.events.quarantine import count_dropped, discard, list_quarantined, retry
from cultiva.events.seen import NameSeen, counts_by_day, latest_events, names_seen, properties_seen
from cultiva.flow import discard_failed, failures, retry_failed
from cultiva.leads.models import Lead, VisitorLink
from cultiva.web.charts import bars
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import fault_words, property_type_words

MAY_MEND = frozenset({Role.OWNER, Role.MARKETING})
SHOWN = 50  # events of the stream, messages of a page
MOST_NAMES_SHOWN = 300
CHART_DAYS = 30
MOST_AT_ONCE = 1000  # of the quarantine, by one click


@require_safe
@staff_screen()
def stream(request: StaffRequest) -> HttpResponse:
    names = names_seen(workspace_id=request.staff.workspace.id)
    context = {
        "page_title": _("Events"),
        "is_paused": "paused" in request.GET,
        "choices": sorted({each.name for each in names if each.name}, key=str.casefold)[:MOST_NAMES_SHOWN],
        "has_events": bool(names),
        **frame(request, "stream"),
        **stream_facts(request),
    }
    return render(request, "web/events.html", context)


@require_safe
@staff_screen()
def live(request: StaffRequest) -> HttpResponse:
    """The rows of the stream; htmx asks for them again every two seconds."""
    return render(request, "web/_event_rows.html", stream_facts(request))


def stream_facts(request: StaffRequest) -> dict[str, Any]:
    staff, sources = request.staff, source_names(request)
    source_id, name = number(request.GET.get("source")), request.GET.get("name", "").replace("\x00", "") or None
    found = latest_events(workspace_id=staff.workspace.id, source_id=source_id, name=name, limit=SHOWN)
    leads = leads_of(request, found)
    rows = [
        {
            "event": event,
            "source": sources.get(event.source_id, "–"),
            "lead": leads.get(event.id),
            "payload": payload_of(request, event),
        }
        for event in found
    ]
    return {"rows": rows, "source_id": source_id, "name": name or "", "now": staff.at}


def leads_of(request: StaffRequest, events: Iterable[LedgerEvent]) -> dict[int, Lead]:
    """{event id: lead} of those whose lead is known."""
    workspace_id, events = request.staff.workspace.id, list(events)
    visitors = {event.visitor for event in events if event.visitor and not event.lead_id}
    links = VisitorLink.objects.filter(workspace_id=workspace_id, visitor__in=visitors)
    lead_of: dict[Any, int] = dict(links.order_by("id").values_list("visitor", "lead_id"))
    ids = {event.id: event.lead_id or lead_of.get(event.visitor) for event in events}
    leads = Lead.objects.filter(workspace_id=workspace_id).in_bulk({each for each in ids.values() if each})
    return {event_id: leads[lead_id] for event_id, lead_id in ids.items() if lead_id in leads}


def payload_of(request: StaffRequest, event: LedgerEvent) -> str:
    """Everything that came, as JSON; nothing for those who see no personal data."""
    if not request.staff.sees_personal_data:
        return ""
    facts = {
        "kind": event.kind, "name": event.name, "occurred_at": event.occurred_at.isoformat(),
        "properties": event.properties, "context": event.context,
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=False, indent=2)


@require_safe
@staff_screen()
def names(request: StaffRequest) -> HttpResponse:
    staff, sources = request.staff, source_names(request)
    search = request.GET.get("search", "").strip()
    source_id = number(request.GET.get("source"))
    found = names_seen(workspace_id=staff.workspace.id, source_id=source_id)
    matching = [each for each in found if search.casefold() in each.name.casefold()]
    context = {
        "page_title": _("Events"),
        "rows": [{"seen": each, "source": sources.get(each.source_id, "–")} for each in matching[:MOST_NAMES_SHOWN]],
        "left_out": max(0, len(matching) - MOST_NAMES_SHOWN),
        "search": search,
        "source_id": source_id,
        "has_events": bool(found),
        "now": staff.at,
        **day_chart(request, _("Events a day"), source_id=source_id),
        **frame(request, "names"),
    }
    return render(request, "web/event_names.html", context)


@require_safe
@staff_screen()
def name(request: StaffRequest) -> HttpResponse:
    """One name: `?name=&kind=`, since a name may hold any character."""
    staff, sources = request.staff, source_names(request)
    wanted, kind = request.GET.get("name", ""), request.GET.get("kind", "")
    seen = [
        each for each in names_seen(workspace_id=staff.workspace.id) if each.name == wanted and kind in ("", each.kind)
    ]
    if not wanted or not seen:
        raise Http404
    last = next(iter(latest_events(workspace_id=staff.workspace.id, name=wanted, limit=1)), None)
    types = property_type_words()
    context = {
        "page_title": wanted,
        "wanted": wanted,
        "kind": kind,
        "rows": [{"seen": each, "source": sources.get(each.source_id, "–")} for each in seen],
        "totals": totals_of(seen),
        "properties": [
            {"seen": each, "types": ", ".join(types.get(t, t) for t in each.types)}
            for each in properties_seen(workspace_id=staff.workspace.id, name=wanted, kind=kind or None)
        ],
        "last": last,
        "payload": payload_of(request, last) if last else "",
        "now": staff.at,
        **day_chart(request, _("Events a day"), name=wanted),
        **frame(request, "names"),
    }
    return render(request, "web/event_name.html", context)


def totals_of(seen: list[NameSeen]) -> dict[str, Any]:
    return {
        "count": sum(each.count for each in seen),
        "first": min(each.first_seen_at for each in seen),
        "last": max(each.last_seen_at for each in seen),
    }


def day_chart(
    request: StaffRequest, title: str, *, name: str | None = None, source_id: int | None = None
) -> dict[str, Any]:
    """The last 30 days of the workspace's calendar, days without events among them."""
    staff = request.staff
    today = staff.at.astimezone(ZoneInfo(staff.workspace.time_zone)).date()
    since = today - timedelta(days=CHART_DAYS - 1)
    found = counts_by_day(workspace_id=staff.workspace.id, since=since, name=name, source_id=source_id)
    counts = {each.day: each.count for each in found}
    days = [since + timedelta(days=n) for n in range(CHART_DAYS)]
    rows = [(formats.date_format(day, "j M"), counts.get(day, 0)) for day in days]
    chart: SafeString = bars([day for day, _n in rows], [n for _day, n in rows], title=title)
    return {"chart": chart, "chart_title": title, "day_rows": [(day, formats.number_format(n)) for day, n in rows]}


@require_safe
@staff_screen()
def quarantine(request: StaffRequest) -> HttpResponse:
    staff, sources, words = request.staff, source_names(request), fault_words()
    source_id, before = number(request.GET.get("source")), number(request.GET.get("before"))
    found = list_quarantined(
        workspace_id=staff.workspace.id, source_id=source_id, before_id=before, limit=SHOWN + 1
    )  # fmt: skip
    dropped = count_dropped(workspace_id=staff.workspace.id)
    context = {
        "page_title": _("Events"),
        "rows": [
            {
                "message": each,
                "source": sources.get(each.source_id, "–"),
                "reason": words.get(each.code) or (each.message if staff.sees_personal_data else each.code),
                "payload": pretty(each.payload) if staff.sees_personal_data else "",
            }
            for each in found[:SHOWN]
        ],
        "next": found[SHOWN - 1].id if len(found) > SHOWN else None,
        "dropped": sum(dropped.values()),
        "source_id": source_id,
        "is_first": before is None,
        "may_mend": staff.role in MAY_MEND,
        "now": staff.at,
        **frame(request, "quarantine"),
    }
    return render(request, "web/quarantine.html", context)


@require_POST
@staff_screen(posts=MAY_MEND)
def mend_quarantine(request: StaffRequest) -> HttpResponse:
    """Retry or discard one message (`id`), or all (of `source`), a thousand at a time."""
    staff, wanted = request.staff, EventQuarantine.objects.filter(workspace_id=request.staff.workspace.id)
    if source_id := number(request.POST.get("source")):
        wanted = wanted.filter(source_id=source_id)
    if "id" in request.POST:
        wanted = wanted.filter(id=number(request.POST["id"]) or 0)
    ids = list(wanted.order_by("id").values_list("id", flat=True)[:MOST_AT_ONCE])
    if request.POST.get("do") == "discard":
        count = discard(workspace_id=staff.workspace.id, ids=ids)
        audit(request, "quarantine.discarded", count)
        text = ngettext("%(n)d message is discarded.", "%(n)d messages are discarded.", count) % {"n": count}
        messages.success(request, text)
    else:
        result = retry(workspace_id=staff.workspace.id, ids=ids, at=staff.at)
        audit(request, "quarantine.retried", result.stored)
        say_retried(request, result.stored, result.faulty, result.uncovered)
    back = redirect("web:quarantine")
    back["Location"] += f"?source={source_id}" if source_id else ""
    return back


def say_retried(request: StaffRequest, stored: int, faulty: int, uncovered: int) -> None:
    said = [
        ngettext("%(n)d message is stored now.", "%(n)d messages are stored now.", stored) % {"n": stored},
    ]  # fmt: skip
    if uncovered:
        said.append(_("Without consent, and so counted only: %(n)d.") % {"n": uncovered})
    if faulty:
        said.append(_("Still faulty: %(n)d.") % {"n": faulty})
    (messages.warning if faulty else messages.success)(request, " ".join(said))


@require_safe
@staff_screen()
def set_aside(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    found = failures(workspace_id=staff.workspace.id)
    leads = Lead.objects.filter(workspace_id=staff.workspace.id).in_bulk(
        {each.subject_id for each in found if each.stage == "leads"}
    )
    context = {
        "page_title": _("Events"),
        "rows": [{"failure": each, "lead": leads.get(each.subject_id)} for each in reversed(found)],
        "may_mend": staff.role in MAY_MEND,
        "real_now": datetime.now(UTC),  # the machinery's times are real ones
        **frame(request, "set_aside"),
    }
    return render(request, "web/set_aside.html", context)


@require_POST
@staff_screen(posts=MAY_MEND)
def mend_set_aside(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    wanted = number(request.POST.get("id"))
    ids = [each.id for each in failures(workspace_id=staff.workspace.id) if wanted in (None, each.id)]
    if request.POST.get("do") == "discard":
        count = discard_failed(workspace_id=staff.workspace.id, ids=ids)
        audit(request, "failure.discarded", count)
        messages.success(request, _("Discarded. The events stay in the ledger."))
    else:
        result = retry_failed(workspace_id=staff.workspace.id, ids=ids, at=staff.at)
        audit(request, "failure.retried", len(result.done))
        if result.failed:
            messages.warning(request, _("It went wrong again. The error says where."))
        else:
            messages.success(request, _("Done: it went through every step."))
    return redirect("web:set_aside")


@require_safe
@staff_screen()
def uncovered(request: StaffRequest) -> HttpResponse:
    """Messages without consent, of which only the number is known: the last 30 days by source and name."""
    staff, sources = request.staff, source_names(request)
    today = staff.at.date()
    since = today - timedelta(days=CHART_DAYS - 1)
    found = list(
        EventUncovered.objects.filter(workspace_id=staff.workspace.id, day__gte=since).order_by("day", "id")
    )  # fmt: skip
    days = [since + timedelta(days=n) for n in range(CHART_DAYS)]
    by_day = summed(found, lambda row: row.day)
    by_name = summed(found, lambda row: (row.source_id, row.kind, row.name))
    rows = [(formats.date_format(day, "j M"), by_day.get(day, 0)) for day in days]
    context = {
        "page_title": _("Events"),
        "rows": [
            {"source": sources.get(source_id, "–"), "source_id": source_id, "kind": kind, "name": name, "count": count}
            for (source_id, kind, name), count in sorted(by_name.items(), key=lambda each: -each[1])
        ],
        "chart": bars([day for day, _n in rows], [n for _day, n in rows], title=_("Without consent, a day")),
        "day_rows": [(day, formats.number_format(n)) for day, n in rows],
        "asks": EventSource.objects.filter(workspace_id=staff.workspace.id, requires_tracking_consent=True).exists(),
        **frame(request, "uncovered"),
    }
    return render(request, "web/uncovered.html", context)


def summed(rows: Iterable[EventUncovered], key: Callable[[EventUncovered], Any]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for row in rows:
        found[key(row)] = found.get(key(row), 0) + row.count
    return found


def frame(request: StaffRequest, tab: str) -> dict[str, Any]:
    """What the tabs above every page of events show."""
    workspace_id = request.staff.workspace.id
    return {
        "tab": tab,
        "tabs": [
            ("web:events", "stream", _("Live"), 0),
            ("web:event_names", "names", _("Names"), 0),
            (
                "web:quarantine", "quarantine", _("Quarantine"),
                EventQuarantine.objects.filter(workspace_id=workspace_id).count(),
            ),
            ("web:set_aside", "set_aside", _("Set aside"), len(failures(workspace_id=workspace_id))),
            ("web:uncovered", "uncovered", _("Without consent"), 0),
        ],
        "sources": source_names(request).items(),
    }  # fmt: skip


def source_names(request: StaffRequest) -> dict[int, str]:
    found = EventSource.objects.filter(workspace_id=request.staff.workspace.id).order_by("name", "id")
    return {source.id: source.name for source in found} | {OWN_SOURCE: _("Cultiva itself")}


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def pretty(payload: str) -> str:
    """As it was sent, indented; as it is kept where it was cut, lies too deep or is no Unicode."""
    try:
        text = json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
        text.encode()
    except (ValueError, RecursionError):
        return payload
    return text


def audit(request: StaffRequest, action: str, count: int) -> None:
    staff = request.staff
    record_audit(
        workspace_id=staff.workspace.id, actor=staff.actor, action=action, detail={"count": count}, at=staff.at
    )
