"""Why one lead meets criteria, or does not: each condition in words, with what it found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.context import Context
from cultiva.criteria.language import LANGUAGES, AllOf, Condition, Node, Not, compile_predicate, conditions_of, say
from cultiva.criteria.personas import Persona
from cultiva.lib.database import fetch_all, workspace_scope

AT_ONCE = 400  # conditions a statement: a row of PostgreSQL holds 1,664 columns, each needs two


class NoSuchLead(LookupError):
    """The workspace has no lead of this id."""


@dataclass(frozen=True)
class Explanation:
    """One node of the tree. `evidence`, of conditions, is what the condition's kind shows: {value}, {count, figure,
    events: [{id, name, occurred_at}, ..]}, ..; the latest events first, ten at most, `count` counts them all."""

    words: Mapping[str, str]  # {es, en}
    holds: bool
    kind: str  # all | any | not | the kind of the condition
    evidence: Mapping[str, Any]
    parts: tuple["Explanation", ...] = ()


def explain(
    node: Node,
    *,
    workspace_id: int,
    lead_id: int,
    at: datetime,
    timezone: str = "",
    personas: Mapping[str, Persona] | None = None,
) -> Explanation:
    """Raises NoSuchLead. `timezone` is the document's; without it the workspace's. Attributes are those of now."""
    with workspace_scope(workspace_id):
        zone = timezone or Workspace.objects.get(id=workspace_id).time_zone
        conditions = list(dict.fromkeys(conditions_of(node)))
        answers: dict[Condition, tuple[bool, Mapping[str, Any]]] = {}
        for start in range(0, len(conditions), AT_ONCE):
            part = conditions[start : start + AT_ONCE]
            context = Context(timezone=zone, personas=personas or {})
            answers |= _ask(part, context, {"workspace": workspace_id, "lead": lead_id, "at": at})
    return _explained(node, answers)


def _ask(
    conditions: Sequence[Condition], context: Context, of_lead: dict[str, Any]
) -> Iterator[tuple[Condition, tuple[bool, Mapping[str, Any]]]]:
    columns = []
    for n, condition in enumerate(conditions):
        columns += [f"{compile_predicate(condition, context)} AS holds_{n}"]
        columns += [f"{condition.evidence(context) or 'NULL::jsonb'} AS evidence_{n}"]
    # S608: the columns are built of our own fragments; every value is bound.
    rows = fetch_all(
        f"SELECT {', '.join(columns)} FROM lead l WHERE l.workspace_id = %(workspace)s AND l.id = %(lead)s",  # noqa: S608
        {**context.parameters, **of_lead},
    )
    if not rows:
        raise NoSuchLead(f"There is no lead {of_lead['lead']}.")
    for n, condition in enumerate(conditions):
        yield condition, (rows[0][f"holds_{n}"], rows[0][f"evidence_{n}"] or {})


def _explained(node: Node, answers: Mapping[Condition, tuple[bool, Mapping[str, Any]]]) -> Explanation:
    words = {language: say(node, language) for language in LANGUAGES}
    if isinstance(node, Condition):
        holds, evidence = answers[node]
        return Explanation(words, holds, node.kind, evidence)
    parts = tuple(_explained(child, answers) for child in ([node.node] if isinstance(node, Not) else node.nodes))
    if isinstance(node, Not):
        return Explanation(words, not parts[0].holds, "not", {}, parts)
    is_all = isinstance(node, AllOf)
    holds = (all if is_all else any)(part.holds for part in parts)
    return Explanation(words, holds, "all" if is_all else "any", {}, parts)
