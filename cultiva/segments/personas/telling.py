"""When a persona's criteria change, what asks for it (scores, stages, workflows) hears of the leads to whom it is now
closer or less close than before: they wait for `flow`, which takes them through every step. Segments are built anew by
themselves."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from cultiva.accounts.models import Workspace
from cultiva.criteria.references import used_by
from cultiva.events.actions import SKEW
from cultiva.leads.inbox import touch
from cultiva.lib.database import fetch_all, load_sql
from cultiva.segments.persona_models import PersonaVersion
from cultiva.segments.personas.closeness import judge_closeness
from cultiva.segments.standing import Standing, read_persona

FOLLOW_BY_THEMSELVES = ("segment", "persona")


def tell_users(
    *, workspace_id: int, lead_ids: Sequence[int], personas: Sequence[Standing], since: datetime, at: datetime
) -> int:
    """Let the leads wait whose closeness to a persona that is asked for differs from what it was before `since`;
    returns how many. The caller holds them."""
    pairs = [pair for each in personas if (pair := _before_and_now(workspace_id, each, since)) is not None]
    if any(before is None for before, _now in pairs):
        changed = list(lead_ids)
    elif pairs:
        changed = _whose_closeness_differs(workspace_id, lead_ids, [(b, n) for b, n in pairs if b is not None], at)
    else:
        changed = []
    touch(workspace_id, [(lead_id, None, None) for lead_id in changed])
    return len(changed)


def _before_and_now(workspace_id: int, now: Standing, since: datetime) -> tuple[Standing | None, Standing] | None:
    """None where nothing asks for it or its criteria are those of before; without a before it was nobody's."""
    users = used_by(workspace_id=workspace_id, kind="persona", key=now.key)
    if all(user.kind in FOLLOW_BY_THEMSELVES for user in users):
        return None
    kept = PersonaVersion.objects.filter(workspace_id=workspace_id, key=now.key, revision__lt=now.revision)
    newest = PersonaVersion.objects.filter(workspace_id=workspace_id, key=now.key, revision=now.revision)
    if newest.filter(at__lt=since).exists():
        return None
    before = kept.filter(at__lt=since).order_by("-revision").first()
    if before is None:
        return None, now
    return Standing(now.key, before.revision, read_persona(now.key, before.criteria)), now


def _whose_closeness_differs(
    workspace_id: int, lead_ids: Sequence[int], pairs: Sequence[tuple[Standing, Standing]], at: datetime
) -> list[int]:
    zone = Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
    both = list(chain.from_iterable(pairs))
    judged = judge_closeness(both, timezone=zone, with_edges=False)
    asked = "1" * sum(len(each.persona.criteria) for each in both)
    rows = fetch_all(
        f"WITH {judged.steps} {load_sql('segments', 'differing_closeness').replace('(0, 0, 0, NULL)', judged.rows)}",
        {
            **judged.parameters,
            "workspace": workspace_id,
            "at": at,
            "until": at + SKEW,
            "leads": list(lead_ids),
            "asked": [asked] * len(lead_ids),
        },
    )
    return [row["lead_id"] for row in rows]
