"""The list of leads: filtered, searched, sorted, a page at a time by key."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.leads.addresses import read_address
from cultiva.lib.database import fetch_all
from cultiva.lib.folding import fold

EXACT_UP_TO = 10_000  # beyond it a count is the planner's estimate
INDEXED_LENGTH = 3  # letters of a word that the trigram index can find
# Sorting by these expressions is served by indexes of the same expressions; -infinity stands for "none" and comes last.
SORTS = {
    "newest": "l.created_at",
    "score": "coalesce(s.score, '-infinity'::float8)",
    "seen": "coalesce(s.last_seen_at, '-infinity'::timestamptz)",
}
EXACT = {
    "email": "l.email_key = %(email)s",
    "external_id": "l.external_id = %(external_id)s",
    "company_id": "l.company_id = %(company_id)s",
    "created_since": "l.created_at >= %(created_since)s",
    "seen_since": "coalesce(s.last_seen_at, '-infinity'::timestamptz) >= %(seen_since)s",
}
KEY_TYPES = {"newest": "timestamptz", "score": "float8", "seen": "timestamptz"}


@dataclass(frozen=True)
class LeadFilter:
    """What the list shows; empty means all."""

    search: str = ""
    stage: str = ""
    temperature: str = ""
    sort: str = "newest"
    email: str = ""
    external_id: str = ""
    company_id: int | None = None
    created_since: datetime | None = None
    seen_since: datetime | None = None  # by their own last act


@dataclass(frozen=True)
class Page:
    """Rows {id, email, attributes, created_at, stage, temperature, grade, score, last_seen_at}, and where to go on."""

    rows: list[dict[str, Any]]
    next_key: str | None
    count: int
    is_exact: bool


def list_leads(
    *, workspace_id: int, wanted: LeadFilter, after: str | None = None, limit: int = 50, with_count: bool = True
) -> Page:
    """One page. An unknown sort, an address that is none or an `after` that this list did not make raises ValueError.

    Counting costs more than the page itself: who does not show the count leaves it out, and it is 0.
    """
    if wanted.sort not in SORTS:
        raise ValueError(f"No sort {wanted.sort!r}.\nhint: one of {', '.join(SORTS)}")
    where, parameters = _where(workspace_id, wanted)
    count, is_exact = _count(where, parameters) if with_count else (0, False)
    order, id_column = SORTS[wanted.sort], "l.id" if wanted.sort == "newest" else "s.lead_id"
    if after:
        where += f" AND ({order}, {id_column}) < (%(key)s::{KEY_TYPES[wanted.sort]}, %(id)s)"
        parameters |= read_key(after, KEY_TYPES[wanted.sort])
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
    where = "l.workspace_id = %(workspace)s AND s.workspace_id = %(workspace)s"
    parameters: dict[str, Any] = {"workspace": workspace_id}
    words = like_words(wanted.search)
    if words:
        where += " AND l.search_text LIKE ALL (%(words)s)"
        parameters["words"] = words
        found = _find(words)
        if found is not None:
            where += " AND l.id = ANY (%(found)s::bigint[]) AND s.lead_id = ANY (%(found)s::bigint[])"
            parameters["found"] = found
    for column in ("stage", "temperature"):
        value = getattr(wanted, column)
        if value == "none":
            where += f" AND s.{column} IS NULL"
        elif value:
            where += f" AND s.{column} = %({column})s"
            parameters[column] = value
    more = {name: value for name in EXACT if (value := getattr(wanted, name)) not in ("", None)}
    if "email" in more:
        more["email"] = read_address(wanted.email).key
    return where + "".join(f" AND {EXACT[name]}" for name in more), parameters | more


def _find(words: list[str]) -> list[int] | None:
    """Ids of all leads with these words; None where they are too many, or too short for the index: then the list is
    read in its own order, and what is common is soon found."""
    long = [word for word in words if len(word.strip("%")) >= INDEXED_LENGTH]
    if not long:
        return None
    rows = fetch_all("SELECT lead_search_some(%s, %s) AS id", [long, EXACT_UP_TO + 1])
    return [row["id"] for row in rows] if len(rows) <= EXACT_UP_TO else None


def _count(where: str, parameters: dict[str, Any]) -> tuple[int, bool]:
    join = "FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id WHERE"
    narrowed = where.removeprefix("l.workspace_id = %(workspace)s AND ")
    if "l." not in narrowed:  # every lead has its row there
        join, where = "FROM lead_state s WHERE", narrowed
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


def read_key(key: str, key_type: str = "text") -> dict[str, Any]:
    try:
        value, lead_id = json.loads(urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        if type(lead_id) is not int or not 0 < lead_id < 2**63:
            raise ValueError(lead_id)
        return {"key": _read_sort_value(str(value), key_type), "id": lead_id}
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"No page begins at {key[:40]!r}.\nhint: start again from the first page") from error


def _read_sort_value(text: str, key_type: str) -> str:
    """The value written anew: the database would stop at what it cannot read."""
    if key_type == "text":
        text.encode()  # refuses lone surrogates
        if "\x00" in text:
            raise ValueError(text)
        return text
    if key_type == "float8":
        return repr(float(text))
    return text if text == "-infinity" else datetime.fromisoformat(text).isoformat()
