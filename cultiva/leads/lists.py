"""The list of leads: filtered, searched, sorted, a page at a time by key."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.leads.addresses import read_address
from cultiva.leads.audience import Predicate, sampled_percent
from cultiva.lib.database import execute, fetch_all
from cultiva.lib.folding import fold

EXACT_UP_TO = 10_000  # beyond it a count is the planner's estimate
FEW = 5_000  # found by a search: these are fetched by id
LOOKED_THROUGH = 15_000  # leads from the head of the list, for words that are common
INDEXED_LENGTH = 3 + 2  # letters of a word that the trigram index can find, and its two %
# Sorting by these expressions is served by indexes of the same expressions; -infinity stands for "none" and comes last.
SORTS = {
    "newest": "l.created_at",
    "score": "coalesce(s.score, '-infinity'::float8)",
    "seen": "coalesce(s.last_seen_at, '-infinity'::timestamptz)",
}
ID_COLUMNS = {"newest": "l.id", "score": "s.lead_id", "seen": "s.lead_id"}
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
    predicate: Predicate | None = None  # criteria, compiled


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
    words = like_words(wanted.search)
    found = _find(words)
    where, parameters = _where(workspace_id, wanted)
    count, is_exact = _count(where, parameters, words, found, wanted.predicate) if with_count else (0, False)
    if found is not None and len(found) <= FEW:
        where += " AND l.id = ANY (%(found)s::bigint[])"
        parameters["found"] = found
    if words:
        where += " AND l.search_text LIKE ALL (%(words)s)"
        parameters["words"] = words
    order, id_column = SORTS[wanted.sort], ID_COLUMNS[wanted.sort]
    if after:
        where += f" AND ({order}, {id_column}) < (%(key)s::{KEY_TYPES[wanted.sort]}, %(id)s)"
        parameters |= read_key(after, KEY_TYPES[wanted.sort])
    # S608: the texts put in are the constants above; values are parameters.
    statement = (
        f"SELECT l.id, l.email, l.attributes, l.created_at, s.stage, s.stage_since, s.temperature, s.grade,"  # noqa: S608
        f" s.score, s.last_seen_at, ({order})::text AS sort_key"
        f" FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id"
        f" WHERE l.workspace_id = %(workspace)s AND {where} ORDER BY {order} DESC, {id_column} DESC LIMIT %(limit)s"
    )
    parameters["limit"] = limit + 1
    is_common = bool(words) and (found is None or len(found) > FEW)
    rows = _look_through(statement, parameters, wanted.sort) if is_common else []
    if len(rows) <= limit:
        rows = fetch_all(statement, parameters)
    next_key = make_key(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows=rows[:limit], next_key=next_key, count=count, is_exact=is_exact)


def selecting(*, workspace_id: int, wanted: LeadFilter) -> tuple[str, dict[str, Any]]:
    """SQL that gives the ids of all that the list would show by its search, stage, temperature and criteria, as `id`;
    and its parameters.

    Without a join: where many leads came in a moment ago, the planner thinks of one and compares all with all.
    """
    states, parameters = _where(workspace_id, LeadFilter(stage=wanted.stage, temperature=wanted.temperature))
    there = f"SELECT s.lead_id AS id FROM lead_state s WHERE {states}"  # noqa: S608  (values are parameters)
    more = []
    words = like_words(wanted.search)
    if (found := _find(words)) is not None and len(found) <= FEW:
        more.append("l.id = ANY (%(found)s::bigint[])")
        parameters["found"] = found
    if words:
        more.append("l.search_text LIKE ALL (%(words)s)")
        parameters["words"] = words
    if wanted.predicate:
        more.append(wanted.predicate.sql)
        parameters |= wanted.predicate.parameters
    if not more:
        return there, parameters
    conditions = " AND ".join(["l.workspace_id = %(workspace)s", f"l.id = ANY (ARRAY({there}))", *more])
    return f"SELECT l.id FROM lead l WHERE {conditions}", parameters  # noqa: S608  (compiled; values are parameters)


def _look_through(statement: str, parameters: dict[str, Any], sort: str) -> list[dict[str, Any]]:
    """The page as far as the head of the list fills it.

    The planner thinks a LIKE finds next to nothing and would look at every lead; in the list's order the first page
    is full soon, unless those who have the words are all further down.
    """
    order, id_column, key_type = SORTS[sort], ID_COLUMNS[sort], KEY_TYPES[sort]
    table, alias = ("lead", "l") if sort == "newest" else ("lead_state", "s")
    after = f"AND ({order}, {id_column}) < (%(key)s::{key_type}, %(id)s)" if "key" in parameters else ""
    # S608: the texts put in are the constants above; values are parameters.
    ends = fetch_all(
        f"SELECT ({order})::text AS head_key, {id_column} AS head_id FROM {table} {alias}"  # noqa: S608
        f" WHERE {alias}.workspace_id = %(workspace)s {after}"
        f" ORDER BY {order} DESC, {id_column} DESC OFFSET {LOOKED_THROUGH} LIMIT 1",
        parameters,
    )
    for end in ends:
        head = f"({order}, {id_column}) >= (%(head_key)s::{key_type}, %(head_id)s)"
        statement, parameters = statement.replace(" ORDER BY ", f" AND {head} ORDER BY "), parameters | end
    execute("SET LOCAL enable_sort = off")
    rows = fetch_all(statement, parameters)
    execute("SET LOCAL enable_sort = on")
    return rows


def _where(workspace_id: int, wanted: LeadFilter) -> tuple[str, dict[str, Any]]:
    where = "s.workspace_id = %(workspace)s"
    parameters: dict[str, Any] = {"workspace": workspace_id}
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
    if wanted.predicate:
        where += f" AND {wanted.predicate.sql}"
        parameters |= wanted.predicate.parameters
    return where + "".join(f" AND {EXACT[name]}" for name in more), parameters | more


def _find(words: list[str]) -> list[int] | None:
    """Ids of all leads with these words; None where they are too many, or some word is too short for the index.

    The rows of few are fetched by id; else the list is read in its own order, and what is common is soon found.
    """
    if not words or min(map(len, words)) < INDEXED_LENGTH:
        return None
    rows = fetch_all("SELECT lead_search_some(%s, %s) AS id", [words, EXACT_UP_TO + 1])
    return [row["id"] for row in rows] if len(rows) <= EXACT_UP_TO else None


def _count(
    where: str, parameters: dict[str, Any], words: list[str], found: list[int] | None, predicate: Predicate | None
) -> tuple[int, bool]:
    """(how many, whether exactly); every lead has a row of state, and where conditions allow only that is read."""
    if found is not None:
        where, parameters = f"{where} AND s.lead_id = ANY (%(found)s::bigint[])", parameters | {"found": found}
    elif words:
        where, parameters = f"{where} AND l.search_text LIKE ALL (%(words)s)", parameters | {"words": words}
    tables = "FROM lead_state s WHERE"
    if predicate or " l." in where:
        tables = "FROM lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id WHERE"
        where += " AND l.workspace_id = %(workspace)s"
    if found is None and words and min(map(len, words)) >= INDEXED_LENGTH:  # more than are counted one by one
        return max(_estimate(tables, where, parameters), EXACT_UP_TO if "AND s." not in where else 0), False
    sample = f"SELECT count(*) AS n FROM (SELECT 1 {tables} {where} LIMIT {EXACT_UP_TO + 1}) AS sample"  # noqa: S608
    seen = fetch_all(sample, parameters)[0]["n"]
    if seen <= EXACT_UP_TO:
        return int(seen), True
    if predicate:
        return max(_estimate_by_sample(tables, where, parameters), EXACT_UP_TO), False
    return max(_estimate(tables, where, parameters), EXACT_UP_TO), False


def _estimate(tables: str, where: str, parameters: dict[str, Any]) -> int:
    plan = fetch_all(f"EXPLAIN (FORMAT JSON) SELECT 1 {tables} {where}", parameters)[0]["QUERY PLAN"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])


def _estimate_by_sample(tables: str, where: str, parameters: dict[str, Any]) -> int:
    """The planner cannot know how many satisfy criteria: a sample of the leads does."""
    percent = sampled_percent()
    if percent < 100:
        tables = tables.replace("lead l", f"lead l TABLESAMPLE SYSTEM ({percent:.4f}) REPEATABLE (7)", 1)
    seen = fetch_all(f"SELECT count(*) AS n {tables} {where}", parameters)[0]["n"]
    return round(int(seen) * 100 / percent)


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
