"""`cultiva segment run`: the leads of a file that meet criteria, without a database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cultiva.criteria.bulk import compile_bulk
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.files import (
    EVENT_KEYS,
    LEAD_KEYS,
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
    with engine() as connection:
        lead_file = RowFile.open(connection, leads, "leads", LEAD_KEYS)
        event_file = RowFile.open(connection, events, "events", EVENT_KEYS)
        places = {name: place for place, each in placed_conditions(node) for name in each.reads().attributes}
        check_columns(lead_file, selection.attributes, places)
        load_leads(connection, lead_file, selection.attributes, {*multi, TAGS})
        load_events(connection, event_file, selection.properties, selection.events, at)
        of_nobody = count_events_of_nobody(connection, event_file)
        # S608: the statement is made of our own fragments; values are bound.
        connection.execute(f"CREATE TABLE matching AS {selection.sql}", {**selection.parameters, "at": at})
        matched = write_rows(connection, "FROM matching ORDER BY lead_id", out)
        rejected = write_rows(connection, REJECTS, rejects)
        counted = connection.execute("SELECT count(*) FROM lead").fetchall()
    return Outcome(int(counted[0][0]), matched, of_nobody, rejected)
