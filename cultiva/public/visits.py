"""What a request tells about who sends it and where they come from."""

import re
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, QueryDict

from cultiva.mailing.machines import TOO_SOON, Hit, judge

MAX_PARAMETER = 512
MAX_URL = 2_000
CLICK_IDS = {"gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "li_fat_id", "ttclid", "twclid"}
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def actor_of(request: HttpRequest, at: datetime) -> str:
    """human, machine or unknown, by the headers alone: no mail's own times stand behind the request."""
    hit = Hit(
        method=request.method or "",
        user_agent=user_agent_of(request),
        referrer=request.headers.get("Referer", ""),
        at=at,
        accepted_at=at - TOO_SOON,
        links_at_once=1,
        is_prefetch="prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")),
        ip=ip_of(request),
    )
    return judge(hit).actor


def campaign_of(query: QueryDict) -> dict[str, str]:
    """{source, medium, name, ..} and click ids of an address; keys without regard to case, the first one wins."""
    found: dict[str, str] = {}
    for key, values in query.lists():
        name = key.lower()
        if name.startswith("utm_"):
            found.setdefault("name" if name == "utm_campaign" else name[4:40], one_line(values[0], MAX_PARAMETER))
        elif name in CLICK_IDS:
            found.setdefault(name, one_line(values[0], MAX_PARAMETER))
    return {key: value for key, value in found.items() if key and value}


def page_url(request: HttpRequest) -> str:
    return one_line(settings.PUBLIC_URL + request.get_full_path(), MAX_URL)


def ip_of(request: HttpRequest) -> str:
    """The connection's own address: a header that anybody can write is no evidence."""
    return str(request.META.get("REMOTE_ADDR") or "")


def user_agent_of(request: HttpRequest) -> str:
    return one_line(request.headers.get("User-Agent", ""), MAX_PARAMETER)


def one_line(text: str, longest: int) -> str:
    return CONTROLS.sub(" ", text)[:longest].strip()
