"""The list of leads: filtered, searched, sorted, a page at a time by key."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cultiva.lib.database import execute, fetch_all
from cultiva.lib.folding import fold

EXACT_UP_TO = 10_000  # beyond it a count is the planner's estimate
FEW = 5_000  # found by a search: these are fetched by id
INDEXED_LENGTH = 3  # letters of a word that the trigram index can find
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
    words = fold(wanted.search).split()
    found = _find(words)
    where, parameters = _where(workspace_id, wanted)
    count, is_exact = _count(where, parameters, words, found)
    if found is not None and len(found) <= FEW:
        where += " AND l.id = ANY (%(found)s::bigint[])"
        parameters["found"] = found
    if words:
        where += " AND l.search_text LIKE ALL (%(words)s)"
        parameters["words"] = [_pattern(word) for word in words]
    order, id_column = SORTS[wanted.sort], "l.id" if wanted.sort == "newest" else "s.lead_id"
    if after:
        where += f" AND ({order}, {id_column}) < (%(key)s::{KEY_TYPES[wanted.sort]}, %(id)s)"
        parameters |= _read_key(after)
    is_common = bool(words) and (found is None or len(found) > FEW)
    if is_common:
        # The planner thinks a LIKE finds next to nothing and would look at every lead; in the list's order the first
        # page is full soon.
        execute("SET LOCAL enable_sort = off")
    # S608: the texts put in are the constants above; values are parameters.
    rows = fetch_all(
        f"SELECT l.id, l.email, l.attributes, l.created_at, s.stage, s.stage_since, s.temperature, s.grade,"  # noqa: S608
        f" s.score, s.last_seen_at, ({order})::text AS sort_key"
        f" FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id"
        f" WHERE l.workspace_id = %(workspace)s AND {where} ORDER BY {order} DESC, {id_column} DESC LIMIT %(limit)s",
        parameters | {"limit": limit + 1},
    )
    if is_common:
        execute("SET LOCAL enable_sort = on")
    next_key = _make_key(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows=rows[:limit], next_key=next_key, count=count, is_exact=is_exact)


def _where(workspace_id: int, wanted: LeadFilter) -> tuple[str, dict[str, Any]]:
    """Conditions on lead_state alone; every lead has its row there."""
    where = "s.workspace_id = %(workspace)s"
    parameters: dict[str, Any] = {"workspace": workspace_id}
    for column in ("stage", "temperature"):
        value = getattr(wanted, column)
        if value == "none":
            where += f" AND s.{column} IS NULL"
        elif value:
            where += f" AND s.{column} = %({column})s"
            parameters[column] = value
    return where, parameters


def _find(words: list[str]) -> list[int] | None:
    """Ids of all leads with these words; None where they are too many, or some word is too short for the index.

    The rows of few are fetched by id; else the list is read in its own order, and what is common is soon found.
    """
    if not words or min(map(len, words)) < INDEXED_LENGTH:
        return None
    patterns = [_pattern(word) for word in words]
    rows = fetch_all("SELECT lead_search_some(%s, %s) AS id", [patterns, EXACT_UP_TO + 1])
    return [row["id"] for row in rows] if len(rows) <= EXACT_UP_TO else None


def _count(where: str, parameters: dict[str, Any], words: list[str], found: list[int] | None) -> tuple[int, bool]:
    tables = "FROM lead_state s WHERE"
    if found is not None:
        where, parameters = f"{where} AND s.lead_id = ANY (%(found)s::bigint[])", parameters | {"found": found}
    elif words:
        tables = "FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id WHERE"
        where += " AND l.workspace_id = %(workspace)s AND l.search_text LIKE ALL (%(words)s)"
        parameters = parameters | {"words": [_pattern(word) for word in words]}
    if found is None and words and min(map(len, words)) >= INDEXED_LENGTH:  # more than are counted one by one
        return max(_estimate(tables, where, parameters), EXACT_UP_TO if "AND s." not in where else 0), False
    sample = f"SELECT count(*) AS n FROM (SELECT 1 {tables} {where} LIMIT {EXACT_UP_TO + 1}) AS sample"  # noqa: S608
    seen = fetch_all(sample, parameters)[0]["n"]
    if seen <= EXACT_UP_TO:
        return int(seen), True
    return max(_estimate(tables, where, parameters), EXACT_UP_TO), False


def _estimate(tables: str, where: str, parameters: dict[str, Any]) -> int:
    plan = fetch_all(f"EXPLAIN (FORMAT JSON) SELECT 1 {tables} {where}", parameters)[0]["QUERY PLAN"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])


def _pattern(word: str) -> str:
    return f"%{_escape(word)}%"


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _make_key(row: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps([row["sort_key"], row["id"]]).encode()).decode().rstrip("=")


def _read_key(key: str) -> dict[str, Any]:
    try:
        value, lead_id = json.loads(urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        return {"key": str(value), "id": int(lead_id)}
    except (ValueError, TypeError) as error:
        raise ValueError(f"No page begins at {key[:40]!r}.\nhint: start again from the first page") from error
