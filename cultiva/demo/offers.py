"""What the demo's leads got beside the guide: discounts with codes, seats in webinars, films, trials, links."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cultiva.demo.history import Newcomer
from cultiva.events.actions import NewEvent
from cultiva.lib.database import fetch_all, load_sql
from cultiva.magnets.codes import SIGNS, code_row
from cultiva.magnets.models import DiscountCode, MagnetCost, Referral, Registration, WebinarSession

Json = dict[str, Any]
Lead = tuple[int, Newcomer]

DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
DISCOUNT, WEBINAR, LINK = "descuento-primavera", "webinar-programar", "trae-a-un-vecino"
# {magnet: (every how many, which of them)}: by the number of the newcomer, so that filling again gives the same
SHARES = {
    "ahorro-de-agua": (45, 8), "caso-invernadero": (50, 4), "plan-de-riego": (40, 6), DISCOUNT: (24, 2),
    WEBINAR: (30, 3), "video-sonda": (40, 7), "calculadora": (55, 1), LINK: (50, 5),
}  # fmt: skip
COSTS = ((WEBINAR, 240, "Sala y moderación"), ("guia-riego", 950, "Redacción y diseño"), (DISCOUNT, 60, "Anuncios"))
LASTS, SEATS = 40, 6
ZONE = ZoneInfo("Europe/Madrid")


def add_offers(workspace_id: int, leads: Sequence[Lead], at: datetime) -> list[NewEvent]:
    """Grants and what hangs on them, in a statement a table; returns what the ledger says of it."""
    rows = [
        {
            "lead_id": lead_id, "magnet": magnet, "at": (newcomer.born + DAY).isoformat(),
            "opened_at": (newcomer.born + DAY + AN_HOUR).isoformat() if came(newcomer, magnet) else None,
            "origin": {"campaign": dict(newcomer.campaign)} if newcomer.campaign else {},
        }
        for lead_id, newcomer in leads
        for magnet, (every, which) in SHARES.items()
        if newcomer.number % every == which and newcomer.born + 2 * DAY < at
    ]  # fmt: skip
    parameters = {"workspace": workspace_id, "rows": json.dumps(rows)}
    born = {lead_id: newcomer for lead_id, newcomer in leads}
    given = [
        (row["id"], row["magnet"], row["lead_id"], born[row["lead_id"]])
        for row in fetch_all(load_sql("demo", "add_grants"), parameters)
    ]
    events = [event for each in given for event in _told(*each)]
    events += _add_codes(workspace_id, [each for each in given if each[1] == DISCOUNT])
    events += _add_seats(workspace_id, [each for each in given if each[1] == WEBINAR], at)
    events += _add_referrals(workspace_id, [each for each in given if each[1] == LINK], leads)
    MagnetCost.objects.bulk_create(
        MagnetCost(
            workspace_id=workspace_id, magnet=magnet, amount=amount, what=what, spent_on=(at - 40 * DAY).date(),
            by="system", entered_at=at,
        )
        for magnet, amount, what in COSTS
    )  # fmt: skip
    return events


Given = tuple[int, str, int, Newcomer]  # grant, magnet, lead, who


def came(newcomer: Newcomer, magnet: str) -> bool:
    """Whether they looked at it. What files do is told by `download`, which counts for the score: left as it was."""
    return bool(newcomer.number // 10 % 3) and magnet in (DISCOUNT, WEBINAR, "video-sonda", "calculadora", LINK)


def _told(grant: int, magnet: str, lead_id: int, newcomer: Newcomer) -> Iterator[NewEvent]:
    at = newcomer.born + DAY
    yield _event("magnet_granted", f"grant:{grant}", lead_id, at, {"magnet": magnet, "grant": grant}, by="system")
    if came(newcomer, magnet):
        seen = {"magnet": magnet, "asset": magnet}
        yield _event("magnet_opened", f"magnet_opened:{grant}", lead_id, at + AN_HOUR, seen)
        for percent in (25, 50, 75)[: newcomer.number // 40 % 4] if magnet == "video-sonda" else ():
            progress = {"magnet": magnet, "percent": percent}
            yield _event("video_progress", f"video:{grant}:{percent}", lead_id, at + 2 * AN_HOUR, progress)


def _event(
    name: str, message_id: str, lead_id: int, at: datetime, properties: Json, *, by: str = "lead"
) -> NewEvent:  # fmt: skip
    actor = "human" if by == "lead" else "machine"
    return NewEvent(
        kind="track", name=name, message_id=message_id, occurred_at=at, lead_id=lead_id, by=by, actor=actor,
        properties=properties,
    )  # fmt: skip


def _add_codes(workspace_id: int, given: Sequence[Given]) -> Iterator[NewEvent]:
    rows = []
    for grant, magnet, lead_id, newcomer in given:
        digest = hashlib.sha256(newcomer.person.email.encode()).digest()[:10]
        row = code_row(workspace_id, magnet, "".join(SIGNS[byte % 32] for byte in digest), newcomer.born)
        row.grant_id, row.given_at, row.expires_at = grant, newcomer.born + DAY, newcomer.born + 31 * DAY
        if newcomer.number % 48 == 2:
            row.redeemed_at, row.redeemed_by = newcomer.born + 2 * DAY, "lead"
            used = {"magnet": magnet, "code": row.shown}
            yield _event("discount_redeemed", f"redeemed:{grant}", lead_id, row.redeemed_at, used)
        rows.append(row)
    DiscountCode.objects.bulk_create(rows)


def _add_seats(workspace_id: int, given: Sequence[Given], at: datetime) -> Iterator[NewEvent]:
    """Two dates: one is over and has a recording, the other comes next week and has few seats."""
    dates = [datetime.combine((at + days * DAY).astimezone(ZONE).date(), time(17), ZONE) for days in (-18, 6)]
    replay = "https://riega.example/videos/webinar.mp4"
    past, coming = WebinarSession.objects.bulk_create(
        WebinarSession(
            workspace_id=workspace_id, magnet=WEBINAR, starts_at=starts, minutes=LASTS, time_zone=str(ZONE),
            seats=seats, join_url="https://riega.example/sala", replay_url=shown,
        )
        for starts, seats, shown in ((dates[0], None, replay), (dates[1], SEATS, ""))
    )  # fmt: skip
    rows, taken = [], 0
    for grant, magnet, lead_id, newcomer in given:
        was_there = newcomer.born + 2 * DAY < past.starts_at
        session, taken = (past, taken) if was_there else (coming, taken + 1)
        row = Registration(
            workspace_id=workspace_id, session=session, grant_id=grant, changed_at=newcomer.born + DAY,
            state="seated" if was_there or taken <= SEATS else "waiting",
        )  # fmt: skip
        properties = {"magnet": magnet, "session": session.id}
        taken_at = newcomer.born + DAY + AN_HOUR
        yield _event(
            "webinar_registered", f"webinar_registered:{grant}", lead_id, taken_at, properties | {"state": row.state}
        )  # fmt: skip
        if was_there and newcomer.number // 30 % 3:
            row.attended_at, row.attended_minutes = past.starts_at, 15 + newcomer.number % 25
            came = properties | {"minutes": row.attended_minutes}
            yield _event("webinar_attended", f"attended:{grant}", lead_id, past.starts_at, came)
        rows.append(row)
    Registration.objects.bulk_create(rows)


def _add_referrals(workspace_id: int, links: Sequence[Given], leads: Sequence[Lead]) -> Iterator[NewEvent]:
    """Each link brought one of those who came after it was given."""
    after = sorted(leads, key=lambda lead: lead[1].born)
    rows, brought = [], set[int]()
    for grant, magnet, lead_id, newcomer in links:
        friend = next(
            (each for each in after if each[1].born > newcomer.born + 3 * DAY and each[0] not in {*brought, lead_id}),
            None,
        )  # fmt: skip
        if friend:
            brought.add(friend[0])
            rows.append(Referral(workspace_id=workspace_id, lead_id=friend[0], grant_id=grant, came_at=friend[1].born))
            told = {"magnet": magnet, "grant": grant}
            yield _event("referred", f"referred:{friend[0]}", friend[0], friend[1].born, told, by="system")
    Referral.objects.bulk_create(rows)
