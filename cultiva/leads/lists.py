"""The list of leads: filtered, searched, sorted, a page at a time by key."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from cultiva.leads.addresses import read_address
from cultiva.leads.audience import Predicate, sampled_percent
from cultiva.lib.database import fetch_all
from cultiva.lib.folding import fold

EXACT_UP_TO = 10_000  # beyond it a count is the planner's estimate
FEW = 5_000  # found by a search: these are fetched by id
HEAD = 1_500  # leads from the head of the list, where words that are common are soon found
LONG_HEAD = 10_000  # where they are less common
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
COLUMNS = (
    "l.id, l.email, l.attributes, l.created_at, s.stage, s.stage_since, s.temperature, s.grade, s.score, s.last_seen_at"
)
LEADS = "lead l JOIN lead_state s ON s.lead_id = l.id AND s.workspace_id = l.workspace_id"
READS_LEAD = re.compile(r"\bl\.")
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
    where, parameters = _where(workspace_id, wanted)
    key = read_key(after, KEY_TYPES[wanted.sort]) if after else {}
    if words and (page := _page_of_head(wanted, where, {**parameters, "words": words}, key, limit, with_count)):
        return page
    found = _find(words)
    count, is_exact = _count(where, parameters, words, found, wanted.predicate) if with_count else (0, False)
    if found is not None and len(found) <= FEW:
        where += " AND l.id = ANY (%(found)s::bigint[])"
        parameters["found"] = found
    if words:
        where += " AND l.search_text LIKE ALL (%(words)s)"
        parameters["words"] = words
    order, id_column = SORTS[wanted.sort], ID_COLUMNS[wanted.sort]
    # S608: the texts put in are the constants above; values are parameters.
    rows = fetch_all(
        f"SELECT {COLUMNS}, ({order})::text AS sort_key FROM {LEADS} WHERE l.workspace_id = %(workspace)s AND {where}"  # noqa: S608
        f" {_beyond(wanted.sort, key)} ORDER BY {order} DESC, {id_column} DESC LIMIT %(limit)s",
        {**parameters, **key, "limit": limit + 1},
    )
    return _page(rows, limit, count, is_exact)


def _page(rows: list[dict[str, Any]], limit: int, count: int, is_exact: bool) -> Page:
    next_key = make_key(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows=rows[:limit], next_key=next_key, count=count, is_exact=is_exact)


def _beyond(sort: str, key: dict[str, Any]) -> str:
    """The part of the list after a key; empty for the first page."""
    return f"AND ({SORTS[sort]}, {ID_COLUMNS[sort]}) < (%(key)s::{KEY_TYPES[sort]}, %(id)s)" if key else ""


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


class Look(NamedTuple):
    """What the head of a list showed: the first rows with the words, how many have them, of how many leads.

    `end` is the key of the last lead looked at, if any had the words; `is_whole` says that the list ends there.
    """

    rows: list[dict[str, Any]]
    matched: int
    seen: int
    end: dict[str, Any]
    is_whole: bool


def _page_of_head(
    wanted: LeadFilter, where: str, parameters: dict[str, Any], key: dict[str, Any], limit: int, with_count: bool
) -> Page | None:
    """The page of a search as far as the head of the list fills it; None where it does not.

    The planner thinks a LIKE finds next to nothing and would look at every lead. Among the first in the list's order a
    common word is soon found often enough, and how often says how many there are in all.
    """
    look = _look(wanted.sort, where, parameters, key, limit)
    if look is None or not with_count:
        return _page(look.rows, limit, 0, False) if look else None
    first = _look(wanted.sort, where, parameters, {}, limit) if key else look  # the same number on every page
    if first is None:
        return None
    if first.is_whole:
        return _page(look.rows, limit, first.matched, True)
    count, _is_exact = _count(where, parameters, [], None, wanted.predicate)
    return _page(look.rows, limit, round(count * first.matched / first.seen), False)


def _look(sort: str, where: str, parameters: dict[str, Any], key: dict[str, Any], limit: int) -> Look | None:
    """None where the head does not fill a page."""
    look = _look_at_head(sort, where, parameters, key, limit, HEAD)
    if 0 < look.matched <= limit and not look.is_whole:
        needed = 3 * HEAD * limit // look.matched // 2
        if needed <= LONG_HEAD:
            more = _look_at_head(sort, where, parameters, look.end, limit - look.matched, needed - HEAD)
            look = Look(
                look.rows + more.rows, look.matched + more.matched, look.seen + more.seen, more.end, more.is_whole
            )
    return look if look.matched > limit or look.is_whole else None


def _look_at_head(
    sort: str, where: str, parameters: dict[str, Any], key: dict[str, Any], limit: int, most: int
) -> Look:
    """The first `most` leads of a list without its words, and those among them with the words."""
    order, id_column = SORTS[sort], ID_COLUMNS[sort]
    tables, of_workspace = LEADS, " AND l.workspace_id = %(workspace)s"
    if sort != "newest" and not READS_LEAD.search(where):  # then an index alone tells
        tables, of_workspace = "lead_state s", ""
    # OFFSET 0: lead by lead, where the planner would rather read the whole table.
    # S608: the texts put in are the constants above; values are parameters.
    rows = fetch_all(
        f"WITH head AS MATERIALIZED (SELECT {id_column} AS lead_id, {order} AS place FROM {tables}"  # noqa: S608
        f" WHERE {where}{of_workspace} {_beyond(sort, key)} ORDER BY {order} DESC, {id_column} DESC LIMIT %(most)s)"
        f" SELECT found.*, count(*) OVER () AS matched, last.*, (SELECT count(*) FROM head) AS seen"
        f" FROM head CROSS JOIN LATERAL (SELECT {COLUMNS}, ({order})::text AS sort_key FROM {LEADS}"
        f" WHERE l.id = head.lead_id AND l.workspace_id = %(workspace)s AND l.search_text LIKE ALL (%(words)s)"
        f" OFFSET 0) AS found CROSS JOIN (SELECT place::text AS end_key, lead_id AS end_id FROM head"
        f" ORDER BY place, lead_id LIMIT 1) AS last ORDER BY place DESC, id DESC LIMIT %(limit)s",
        {**parameters, **key, "most": most, "limit": limit + 1},
    )
    if not rows:
        return Look([], 0, most, {}, is_whole=False)  # how long the list is was not told
    matched, seen = rows[0]["matched"], rows[0]["seen"]
    end = {"key": rows[0]["end_key"], "id": rows[0]["end_id"]}
    for row in rows:
        del row["matched"], row["seen"], row["end_key"], row["end_id"]
    return Look(rows, matched, seen, end, is_whole=seen < most)


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
    if READS_LEAD.search(where):
        tables = f"FROM {LEADS} WHERE"
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
