"""`cultiva segment run`: the leads of a file that meet criteria, without a database."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cultiva.criteria.bulk import compile_bulk
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.files import (
    EVENT_KEYS,
    LEAD_KEYS,
    Connection,
    RowFile,
    check_columns,
    count_events_of_nobody,
    engine,
    load_events,
    load_leads,
    write_rows,
)
from cultiva.criteria.language import Node, placed_conditions
from cultiva.criteria.personas import Persona

REJECTS = 'SELECT file, line, field AS "column", value, reason FROM reject ORDER BY file DESC, line'


@dataclass(frozen=True)
class Files:
    """What is read, and where rows go that cannot be taken. `multi`: columns of leads that are lists parted by |."""

    leads: Path
    events: Path
    rejects: Path
    multi: Collection[str] = ()


@dataclass(frozen=True)
class Wanted:
    """What has to be in the tables. `places`: {attribute: where the document names it}"""

    attributes: Mapping[str, str]  # {name: column}
    properties: Mapping[tuple[str, ...], str]
    events: Collection[str]
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    leads: int
    matched: int
    events_of_nobody: int  # whose lead is not in the file of leads
    rejected: int


def select_from_files(
    node: Node,
    *,
    leads: Path,
    events: Path,
    at: datetime,
    out: Path,
    rejects: Path,
    multi: Collection[str] = (),
    timezone: str = "UTC",
    personas: Mapping[str, Persona] | None = None,
) -> Outcome:
    """Write the lead_ids that match to `out`, ordered by their bytes, and rows that cannot be taken to `rejects`.

    Raises DocumentError or UnreadableFile before anything is written.
    """
    selection = compile_bulk(node, timezone=timezone, personas=personas)
    wanted = Wanted(selection.attributes, selection.properties, selection.events, places_of(node))
    with loaded(Files(leads, events, rejects, multi), wanted, at) as (connection, of_nobody):
        # S608: the statement is made of our own fragments; values are bound.
        connection.execute(f"CREATE TABLE matching AS {selection.sql}", {**selection.parameters, "at": at})
        matched = write_rows(connection, "FROM matching ORDER BY lead_id", out)
        rejected = write_rows(connection, REJECTS, rejects)
        return Outcome(count_leads(connection), matched, of_nobody, rejected)


def places_of(node: Node, place: str = "") -> dict[str, str]:
    """{attribute: where it stands}"""
    found = placed_conditions(node, place) if place else placed_conditions(node)
    return {name: where for where, each in found for name in each.reads().attributes}


@contextmanager
def loaded(files: Files, wanted: Wanted, at: datetime) -> Iterator[tuple[Connection, int]]:
    """(an engine with the tables of criteria.bulk, how many events are of leads that are not in the file)

    Raises DocumentError for an attribute that is no column, UnreadableFile.
    """
    with engine() as connection:
        lead_file = RowFile.open(connection, files.leads, "leads", LEAD_KEYS)
        event_file = RowFile.open(connection, files.events, "events", EVENT_KEYS)
        yield connection, load(connection, lead_file, event_file, wanted, at, files.multi)


def load(
    connection: Connection,
    leads: RowFile,
    events: RowFile,
    wanted: Wanted,
    at: datetime,
    multi: Collection[str] = (),
) -> int:
    """Make the tables of criteria.bulk; returns how many events are of no lead. Raises DocumentError."""
    check_columns(leads, wanted.attributes, wanted.places)
    load_leads(connection, leads, wanted.attributes, {*multi, TAGS})
    load_events(connection, events, wanted.properties, wanted.events, at)
    return count_events_of_nobody(connection, events)


def count_leads(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM lead").fetchall()[0][0])
