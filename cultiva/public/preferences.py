"""A person's own page, opened with the link in their mail: what they agreed to, how often, a pause, their rights.

A GET changes nothing. The link is the person's own; who has none asks for one by address.
"""

from dataclasses import replace
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import LANGUAGES, Workspace
from cultiva.capture.guarding import LIMITS
from cultiva.consent.evidence import Circumstances
from cultiva.consent.preferences import FREQUENCIES, BadPreference, Wishes
from cultiva.consent.receipts import receipt_token
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, unsign
from cultiva.privacy.centre import (
    Centre,
    ask_for_link,
    object_to_profiling,
    open_centre,
    profile_of,
    save_choices,
    stop_everything,
)
from cultiva.privacy.models import Right, Way
from cultiva.privacy.requests import LONGEST_TEXT, RequestRefused, receive_request
from cultiva.public.bodies import BadBody, Fields, read_posted
from cultiva.public.pages import (
    LANGUAGE_CODES,
    answer,
    browser_language,
    language_links,
    message,
    wanted_language,
)
from cultiva.public.visits import ip_of, page_url, user_agent_of

BOX = "purpose-"
ONE_PRESS = {"stop": (stop_everything, "stopped"), "object": (object_to_profiling, "objected")}


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def centre_page(request: HttpRequest, token: str) -> HttpResponse:
    at = clock.now()
    try:
        workspace_id, lead_id = unsign("preferences", token)
    except (BadLink, ValueError):
        return message("bad_link", language=browser_language(request), status=404)
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.filter(id=workspace_id).first()
        lead = Lead.objects.filter(workspace_id=workspace_id, id=lead_id).first()
        language = wanted_language(request, lead.language if lead and lead.language in LANGUAGE_CODES else "en")
        centre = open_centre(workspace_id=workspace_id, lead_id=lead_id, language=language, at=at)
        if workspace is None or centre is None:
            return message("bad_link", language=browser_language(request), status=404)
        if request.method != "POST":
            return _draw(request, workspace, centre, language, at)
        try:
            fields = read_posted(request).fields
        except BadBody as error:
            return message("unreadable", language=language, status=error.status)
        return _take(request, workspace, centre, language, fields, at)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def ask_page(request: HttpRequest, workspace: str) -> HttpResponse:
    """For who has no link at hand: one is mailed to the address, if it is known; the answer is the same if not."""
    found = find_workspace(workspace)
    if found is None:
        return message("not_found", language=browser_language(request), status=404)
    language = wanted_language(request, found.language)
    more: dict[str, Any] = {"other_languages": language_links(request, LANGUAGE_CODES, language)}
    if request.method != "POST":
        return answer("preferences_ask", language=language, workspace=found, **more)
    try:
        email = read_posted(request).fields.get("email", "").strip()
    except BadBody as error:
        return message("unreadable", language=language, status=error.status)
    if wait := LIMITS.take(ip_of(request), f"preferences:{found.id}"):
        page = answer("preferences_ask", language=language, workspace=found, status=429, is_too_often=True, **more)
        page["Retry-After"] = str(wait)
        return page
    if "@" not in email:
        return answer("preferences_ask", language=language, workspace=found, status=422, is_wrong=True, **more)
    ask_for_link(workspace_id=found.id, email=email, at=clock.now())
    return answer("preferences_ask", language=language, workspace=found, is_sent=True, **more)


def _take(
    request: HttpRequest, workspace: Workspace, centre: Centre, language: str, fields: Fields, at: datetime
) -> HttpResponse:
    lead, does = centre.lead, fields.get("do", "")
    circumstances = Circumstances(
        action="button", page_url=page_url(request), ip=ip_of(request), user_agent=user_agent_of(request)
    )
    if does in ONE_PRESS:
        act, said = ONE_PRESS[does]
        act(workspace_id=workspace.id, lead_id=lead.id, circumstances=circumstances, at=at)
        return _redraw(request, workspace, lead, language, at, said=said)
    if does == "ask":
        try:
            receive_request(
                workspace_id=workspace.id, kind=fields.get("right", ""), way=Way.LINK, at=at, by="lead",
                lead_id=lead.id, text=fields.get("text", "")[:LONGEST_TEXT], language=language,
                circumstances=circumstances,
            )  # fmt: skip
        except RequestRefused:
            return _redraw(request, workspace, lead, language, at, problem="right")
        return _redraw(request, workspace, lead, language, at, said="asked")
    if does != "save":
        return _redraw(request, workspace, lead, language, at, problem="nothing")
    shown = tuple(BOX + choice.key for choice in centre.choices)
    ticked = tuple(name for name in shown if fields.get(name))
    wanted = fields.get("language", "")
    try:
        until = _until(fields.get("paused_until", ""), workspace)
        must_confirm = save_choices(
            workspace_id=workspace.id, lead_id=lead.id, ticked=[name.removeprefix(BOX) for name in ticked],
            wishes=Wishes(fields.get("frequency", "any"), until), shown_in=language,
            language=wanted if wanted in LANGUAGE_CODES else lead.language, at=at,
            circumstances=replace(circumstances, action="checkbox", boxes_shown=shown, boxes_ticked=ticked),
        )  # fmt: skip
    except BadPreference as error:
        return _redraw(request, workspace, lead, language, at, problem=error.field)
    return _redraw(request, workspace, lead, language, at, said="confirm" if must_confirm else "saved")


def _until(text: str, workspace: Workspace) -> datetime | None:
    """The beginning of a day in the workspace's time zone. Raises BadPreference."""
    if not text:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), ZoneInfo(workspace.time_zone))
    except ValueError as error:
        raise BadPreference("pause", str(error)) from error


def _redraw(
    request: HttpRequest,
    workspace: Workspace,
    lead: Lead,
    language: str,
    at: datetime,
    said: str = "",
    problem: str = "",
) -> HttpResponse:
    centre = open_centre(workspace_id=workspace.id, lead_id=lead.id, language=language, at=at)
    assert centre
    return _draw(request, workspace, centre, language, at, said=said, problem=problem)


def _draw(
    request: HttpRequest,
    workspace: Workspace,
    centre: Centre,
    language: str,
    at: datetime,
    said: str = "",
    problem: str = "",
) -> HttpResponse:
    policy, zone = centre.policy, ZoneInfo(workspace.time_zone)
    until = centre.wishes.paused_until
    with translation.override(language):
        profile = profile_of(workspace_id=workspace.id, lead_id=centre.lead.id, at=at)
    return answer(
        "preferences",
        language=language,
        workspace=workspace,
        status=422 if problem else 200,
        centre=centre,
        profile=profile,
        languages=LANGUAGES,
        frequencies=list(FREQUENCIES),
        paused_until=until.astimezone(zone).date().isoformat() if until else "",
        today=at.astimezone(zone).date().isoformat(),
        rights=[right for right in Right if right != Right.OBJECTION or not centre.is_stopped],
        policy_url=reverse("public:policy", args=[workspace.slug, policy.key, policy.version]) if policy else "",
        receipt=receipt_token(workspace.id, centre.lead.id),
        said=said,
        problem=problem,
        other_languages=language_links(request, LANGUAGE_CODES, language),
    )
