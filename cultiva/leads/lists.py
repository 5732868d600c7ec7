"""The list of leads: filtered, searched, sorted, a page at a time by key."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cultiva.lib.database import fetch_all
from cultiva.lib.folding import fold

EXACT_UP_TO = 10_000  # beyond it a count is the planner's estimate
# Sorting by these expressions is served by indexes of the same expressions; -infinity stands for "none" and comes last.
SORTS = {
    "newest": "l.created_at",
    "score": "coalesce(s.score, '-infinity'::float8)",
    "seen": "coalesce(s.last_seen_at, '-infinity'::timestamptz)",
}
KEY_TYPES = {"newest": "timestamptz", "score": "float8", "seen": "timestamptz"}


@dataclass(frozen=True)
class LeadFilter:
    """What the list shows; empty means all."""

    search: str = ""
    stage: str = ""
    temperature: str = ""
    sort: str = "newest"


@dataclass(frozen=True)
class Page:
    """Rows {id, email, attributes, created_at, stage, temperature, grade, score, last_seen_at}, and where to go on."""

    rows: list[dict[str, Any]]
    next_key: str | None
    count: int
    is_exact: bool


def list_leads(*, workspace_id: int, wanted: LeadFilter, after: str | None = None, limit: int = 50) -> Page:
    """One page. An unknown sort or an `after` that this list did not make raises ValueError."""
    if wanted.sort not in SORTS:
        raise ValueError(f"No sort {wanted.sort!r}.\nhint: one of {', '.join(SORTS)}")
    where, parameters = _where(workspace_id, wanted)
    count, is_exact = _count(where, parameters)
    order, id_column = SORTS[wanted.sort], "l.id" if wanted.sort == "newest" else "s.lead_id"
    if after:
        where += f" AND ({order}, {id_column}) < (%(key)s::{KEY_TYPES[wanted.sort]}, %(id)s)"
        parameters |= read_key(after)
    # S608: the texts put in are the constants above; values are parameters.
    rows = fetch_all(
        f"SELECT l.id, l.email, l.attributes, l.created_at, s.stage, s.stage_since, s.temperature, s.grade,"  # noqa: S608
        f" s.score, s.last_seen_at, ({order})::text AS sort_key"
        f" FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id"
        f" WHERE {where} ORDER BY {order} DESC, {id_column} DESC LIMIT %(limit)s",
        parameters | {"limit": limit + 1},
    )
    next_key = make_key(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows=rows[:limit], next_key=next_key, count=count, is_exact=is_exact)


def _where(workspace_id: int, wanted: LeadFilter) -> tuple[str, dict[str, Any]]:
    where, parameters = "l.workspace_id = %(workspace)s", {"workspace": workspace_id}
    words = like_words(wanted.search)
    if words:
        where += " AND l.id IN (SELECT lead_search(%(words)s))"
        parameters["words"] = words  # type: ignore[assignment]
    for column in ("stage", "temperature"):
        value = getattr(wanted, column)
        if value == "none":
            where += f" AND s.{column} IS NULL"
        elif value:
            where += f" AND s.{column} = %({column})s"
            parameters[column] = value
    return where, parameters


def _count(where: str, parameters: dict[str, Any]) -> tuple[int, bool]:
    join = "FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id WHERE"
    sample = f"SELECT count(*) AS n FROM (SELECT 1 {join} {where} LIMIT {EXACT_UP_TO + 1}) AS sample"  # noqa: S608
    seen = fetch_all(sample, parameters)[0]["n"]
    if seen <= EXACT_UP_TO:
        return int(seen), True
    plan = fetch_all(f"EXPLAIN (FORMAT JSON) SELECT 1 {join} {where}", parameters)[0]["QUERY PLAN"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return max(int(plan[0]["Plan"]["Plan Rows"]), EXACT_UP_TO), False


def like_words(search: str) -> list[str]:
    """Patterns for LIKE ALL, of folded words."""
    return [f"%{_escape(word)}%" for word in fold(search).split()]


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def make_key(row: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps([row["sort_key"], row["id"]]).encode()).decode().rstrip("=")


def read_key(key: str) -> dict[str, Any]:
    try:
        value, lead_id = json.loads(urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        return {"key": str(value), "id": int(lead_id)}
    except (ValueError, TypeError) as error:
        raise ValueError(f"No page begins at {key[:40]!r}.\nhint: start again from the first page") from error
