"""Who satisfies a predicate: how many, and a few of them. First an estimate from a sample, then exactly."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, transaction
from psycopg.errors import QueryCanceled

from cultiva.lib.database import execute, fetch_all, load_sql

LOOKED_AT = 10_000  # leads of a sample; where a workspace's server has hardly more, all are counted at once
SHOWN = 10
VALUES_SHOWN = 50


class TooSlow(RuntimeError):
    """The database did not finish within the time it was given; nothing else was lost."""


@dataclass(frozen=True)
class Predicate:
    """SQL over alias `l` of table lead, true or false and never NULL, with all it binds (%(workspace)s excepted)."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audience:
    """`lead_ids`: the newest of those found, at most ten."""

    count: int
    is_exact: bool
    lead_ids: list[int]


def estimate_audience(*, workspace_id: int, predicate: Predicate) -> Audience:
    """From about 10,000 leads, found by pages of the table; exact where there are hardly more."""
    percent = sampled_percent()
    if percent >= 100:
        return count_audience(workspace_id=workspace_id, predicate=predicate)
    row = _find(f"lead l TABLESAMPLE SYSTEM ({percent:.4f}) REPEATABLE (7)", workspace_id, predicate)
    return Audience(round(row["n"] * 100 / percent), False, row["newest"])


def count_audience(*, workspace_id: int, predicate: Predicate) -> Audience:
    row = _find("lead l", workspace_id, predicate)
    return Audience(row["n"], True, row["newest"])


def sampled_percent() -> float:
    """Which share of the table of leads is a sample, by what the planner knows of its size."""
    rows = fetch_all("SELECT reltuples AS n FROM pg_class WHERE oid = 'lead'::regclass")[0]["n"]
    return 100.0 if rows <= 2 * LOOKED_AT else LOOKED_AT * 100 / rows


def _find(table: str, workspace_id: int, predicate: Predicate) -> dict[str, Any]:
    # S608: the table is one of the two above, the predicate compiled; values are parameters.
    statement = (
        f"WITH found AS MATERIALIZED (SELECT l.id FROM {table} WHERE l.workspace_id = %(workspace)s"  # noqa: S608
        f" AND l.merged_into_id IS NULL AND {predicate.sql})"
        f" SELECT (SELECT count(*) FROM found) AS n,"
        f" ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT {SHOWN}) AS newest"
    )
    return fetch_all(statement, {**predicate.parameters, "workspace": workspace_id})[0]


def leads_shown(*, workspace_id: int, lead_ids: list[int]) -> list[dict[str, Any]]:
    """[{id, email, attributes}], newest first."""
    statement = (
        "SELECT id, email, attributes FROM lead WHERE workspace_id = %(workspace)s AND id = ANY (%(ids)s::bigint[])"
        " ORDER BY id DESC"
    )
    return fetch_all(statement, {"workspace": workspace_id, "ids": lead_ids})


def commonest_values(*, workspace_id: int, key: str, sample: int = 20_000) -> list[dict[str, Any]]:
    """[{value, n}] of an attribute among the newest leads, commonest first."""
    parameters = {"workspace": workspace_id, "key": key, "sample": sample, "most": VALUES_SHOWN}
    return fetch_all(load_sql("leads", "commonest_values"), parameters)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What the database does within may take so long; raises TooSlow, with the transaction as it was before."""
    try:
        with transaction.atomic():
            before = fetch_all("SELECT current_setting('statement_timeout') AS was")[0]["was"]
            execute("SELECT set_config('statement_timeout', %s, true)", [f"{round(seconds * 1000)}ms"])
            yield
            execute("SELECT set_config('statement_timeout', %s, true)", [before])
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlow(f"It took more than {seconds:g} s.") from error
        raise
