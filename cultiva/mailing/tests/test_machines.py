"""Who followed a link."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cultiva.mailing.machines import Hit, judge

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("given", "actor", "reasons"),
    [
        ({}, "human", ()),
        ({"referrer": "https://mail.google.com/"}, "human", ()),
        ({"method": "HEAD"}, "machine", ("head_request",)),
        ({"seconds": 4.9}, "machine", ("too_soon",)),
        ({"seconds": 5}, "human", ()),
        ({"accepted_at": None}, "machine", ("too_soon",)),
        ({"links_at_once": 2}, "human", ()),
        ({"links_at_once": 3}, "machine", ("many_links_at_once",)),
        ({"user_agent": ""}, "machine", ("no_user_agent",)),
        ({"user_agent": "  "}, "machine", ("no_user_agent",)),
        ({"user_agent": "Mozilla/5.0"}, "machine", ("scanner",)),
        ({"user_agent": "Mozilla/4.0 (compatible; MSOffice 12)"}, "machine", ("scanner",)),
        ({"user_agent": "BarracudaCentral"}, "machine", ("scanner",)),
        ({"user_agent": "Mimecast"}, "machine", ("scanner",)),
        ({"user_agent": "Mozilla/5.0 (compatible; TMES)"}, "machine", ("scanner",)),
        ({"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, "machine", ("scanner",)),
        ({"user_agent": "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 30)"}, "human", ()),
        ({"user_agent": "HappyBot/1"}, "machine", ("scanner",)),
        ({"user_agent": "Lynx/2.9"}, "unknown", ()),
        ({"is_prefetch": True}, "machine", ("prefetch",)),
        ({"referrer": "https://eur05.safelinks.protection.outlook.com/?url=x"}, "machine", ("rewritten_referrer",)),
        ({"referrer": "https://urldefense.com/v3/__x"}, "machine", ("rewritten_referrer",)),
        ({"referrer": "https://noturldefense.com/"}, "human", ()),
        ({"referrer": "https://[broken"}, "human", ()),
        ({"method": "HEAD", "user_agent": "", "seconds": 1}, "machine", ("head_request", "too_soon", "no_user_agent")),
    ],
)  # fmt: skip
def test_a_click_is_judged(given: dict[str, Any], actor: str, reasons: tuple[str, ...]) -> None:
    seconds = given.pop("seconds", 3600)
    usual: dict[str, Any] = {
        "method": "GET",
        "user_agent": FIREFOX,
        "referrer": "",
        "at": NOON + timedelta(seconds=seconds),
        "accepted_at": NOON,
        "links_at_once": 1,
    }
    verdict = judge(Hit(**(usual | given)))
    assert (verdict.actor, verdict.reasons) == (actor, reasons)
