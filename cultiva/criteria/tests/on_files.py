"""People and their acts as files, for the engine that reads files: the same cast as in the database."""

import csv
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from cultiva.criteria.language import parse
from cultiva.criteria.offline import Outcome, select_from_files
from cultiva.criteria.tests.cast import Person

ATTRIBUTES = ("a", "b", "tags")


def write_people(folder: Path, people: Sequence[Person], at: datetime) -> None:
    """leads.parquet, whose attributes are JSON, and events.csv, whose properties are."""
    leads = [
        [f"{n:04}", *(json.dumps(person.attributes.get(name)) for name in ATTRIBUTES)]
        for n, person in enumerate(people)
    ]
    with duckdb.connect() as connection:
        columns = ", ".join(f"unnest(${n + 2})::JSON AS {name}" for n, name in enumerate(ATTRIBUTES))
        values = [list(column) for column in zip(*leads, strict=True)]
        connection.execute(f"CREATE TABLE l AS SELECT unnest($1) AS lead_id, {columns}", values)
        connection.execute(f"COPY l TO '{folder / 'leads.parquet'}'")
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["lead_id", "name", "occurred_at", "actor", "properties"])
        for n, person in enumerate(people):
            for act in person.acts:
                name = act.name if act.kind == "track" else act.kind
                occurred_at = (at - act.age).isoformat()
                rows.writerow([f"{n:04}", name, occurred_at, act.actor, json.dumps(act.properties, ensure_ascii=False)])


def run(folder: Path, document: Any, at: datetime, timezone: str = "Europe/Madrid", **more: Any) -> Outcome:
    return select_from_files(
        parse(document),
        leads=more.pop("leads", folder / "leads.parquet"),
        events=more.pop("events", folder / "events.csv"),
        at=at,
        out=folder / "out.csv",
        rejects=folder / "out.rejects.csv",
        timezone=timezone,
        **more,
    )


def select_people(folder: Path, document: Any, at: datetime) -> list[int]:
    """The places of those who match."""
    run(folder, document, at)
    return [int(line) for line in (folder / "out.csv").read_text().split()[1:]]
