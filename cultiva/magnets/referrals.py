"""Who brought whom: personal links, and the one row of a new lead."""

from dataclasses import dataclass
from datetime import datetime

from cultiva.events.actions import NewEvent, record_events
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.signing import BadLink, sign, unsign
from cultiva.magnets.models import Grant, MagnetVersion

KIND = "referral"


@dataclass(frozen=True)
class Figures:
    """Of one link: visits, new leads, and those of them that count."""

    visits: int = 0
    leads: int = 0
    rewarded: int = 0


def referral_path(grant: Grant) -> str:
    return f"/r/{sign('refer', grant.workspace_id, grant.id)}"


def referral_mark(grant: Grant) -> str:
    """What the form's address carries along."""
    return sign("refer", grant.workspace_id, grant.id)


def find_referral(token: str) -> tuple[Grant, MagnetVersion]:
    """Whose link it is, and what it leads to. Raises BadLink."""
    workspace_id, grant_id = unsign("refer", token)
    with workspace_scope(workspace_id):
        grant = Grant.objects.filter(workspace_id=workspace_id, id=grant_id).first()
        version = MagnetVersion.current(workspace_id, grant.magnet) if grant else None
    if grant is None or version is None or version.body["kind"] != KIND:
        raise BadLink("refer")
    return grant, version


def note_visit(*, grant: Grant, actor: str, at: datetime) -> None:
    """Somebody followed the link: who, nobody knows. It stands in the history of whose link it is, and never counts
    as something that they did themselves."""
    seen = NewEvent(
        kind="track", name="referral_visited", message_id=f"referral:{grant.id}:{at.isoformat()}", occurred_at=at,
        lead_id=grant.lead_id, by="system", actor="machine", properties={"magnet": grant.magnet, "by": actor},
    )  # fmt: skip
    with workspace_scope(grant.workspace_id):
        record_events(workspace_id=grant.workspace_id, events=[seen], received_at=at)


def attribute_referral(*, workspace_id: int, token: str, lead_id: int, at: datetime, events: list[NewEvent]) -> bool:
    """A new lead came by somebody's link; nobody brings themselves, and nobody is brought twice.

    A link that we did not make, or of another workspace, attributes nothing and is no error: the form is sent.
    """
    try:
        grant, _version = find_referral(token)
    except (BadLink, ValueError):
        return False
    if grant.workspace_id != workspace_id:
        return False
    parameters = {"workspace": workspace_id, "grant": grant.id, "lead": lead_id, "at": at}
    if not fetch_all(load_sql("magnets", "attribute_referral"), parameters):
        return False
    events.append(
        NewEvent(
            kind="track",
            name="referred",
            message_id=f"referred:{lead_id}",
            occurred_at=at,
            lead_id=lead_id,
            by="system",
            actor="machine",
            properties={"magnet": grant.magnet, "grant": grant.id},
        )
    )
    return True


def referral_figures(grant: Grant) -> Figures:
    parameters = {"workspace": grant.workspace_id, "grant": grant.id, "lead": grant.lead_id, "magnet": grant.magnet}
    return Figures(**fetch_all(load_sql("magnets", "referral_figures"), parameters)[0])


def referrers(*, workspace_id: int, magnet: str) -> list[dict[str, int]]:
    """[{lead_id, leads, rewarded}] of those who brought most."""
    return fetch_all(load_sql("magnets", "referrers"), {"workspace": workspace_id, "magnet": magnet})
