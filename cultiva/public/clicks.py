"""Links in mails: a redirect that remembers who followed it, and whether that was a person."""

from datetime import datetime
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from cultiva.consent.models import ConsentMark
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import Event
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, unsign
from cultiva.mailing.machines import BURST, Hit, judge
from cultiva.mailing.models import Outbox
from cultiva.public.pages import browser_language, message
from cultiva.public.visits import ip_of, user_agent_of


@require_safe
def follow_link(request: HttpRequest, token: str) -> HttpResponse:
    """Go to the link's target. Nothing but an event comes of it, however often it is followed and by whom."""
    try:
        workspace_id, outbox_id, number = unsign("click", token)
    except (BadLink, ValueError):
        return bad_link(request)
    at = clock.now()
    with workspace_scope(workspace_id):
        mails = Outbox.objects.filter(workspace_id=workspace_id, id=outbox_id)
        mail = mails.select_related("template").first()
        if mail is None or number >= len(mail.links) or not mail.links[number]:
            return bad_link(request)
        if is_profiled(mail):
            record_click(request, mail, number, at)
    response = HttpResponseRedirect(mail.links[number])
    response.headers["Referrer-Policy"] = "no-referrer"  # the token is nobody else's business
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-store"
    return response


def bad_link(request: HttpRequest) -> HttpResponse:
    """One answer for forged, truncated and forgotten links."""
    return message("bad_link", language=browser_language(request), status=404)


def is_profiled(mail: Outbox) -> bool:
    """An objection also silences the links of mails sent before it."""
    marks = ConsentMark.objects.filter(workspace_id=mail.workspace_id, lead__mails=mail, objected_at=None)
    return marks.exclude(profiled_since=None).exists()


def record_click(request: HttpRequest, mail: Outbox, number: int, at: datetime) -> None:
    target = mail.links[number]
    user_agent = user_agent_of(request)
    verdict = judge(
        Hit(
            method=request.method or "",
            user_agent=user_agent,
            referrer=request.headers.get("Referer", ""),
            at=at,
            accepted_at=mail.accepted_at,
            links_at_once=len({number, *links_just_followed(mail, at)}),
            is_prefetch="prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")),
            ip=ip_of(request),
        )
    )
    click = NewEvent(
        kind="track",
        name="email_clicked",
        message_id=f"click:{mail.id}:{number}:{int(at.timestamp())}:{verdict.actor}",  # a double click is one
        occurred_at=at,
        lead_id=mail.lead_id,
        by="lead",
        actor=verdict.actor,
        properties={
            "template": mail.template.key,
            "url": target,
            "path": urlsplit(target).path or "/",
            "link": number,
            "outbox": mail.id,
        },
        context={"reasons": list(verdict.reasons), "user_agent": user_agent},
    )
    record_events(workspace_id=mail.workspace_id, events=[click], received_at=at)


def links_just_followed(mail: Outbox, at: datetime) -> list[int]:
    recent = Event.objects.filter(
        workspace_id=mail.workspace_id,
        lead_id=mail.lead_id,
        kind="track",
        name="email_clicked",
        occurred_at__gt=at - BURST,
        received_at__gt=at - BURST,  # one partition
        properties__outbox=mail.id,
    )
    return list(recent.order_by("id").values_list("properties__link", flat=True))
