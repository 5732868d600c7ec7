"""`cultiva segment`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cultiva.cli.environment import say, set_up_django

FILE = click.Path(path_type=Path)
NAMED_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def segment() -> None:
    """Who meets criteria."""


@segment.command("run")
@click.argument("criteria", type=NAMED_FILE)
@click.option("--leads", type=FILE, required=True, help="CSV or Parquet, one row a lead, with a column lead_id.")
@click.option("--events", type=FILE, required=True, help="CSV or Parquet with lead_id, name and occurred_at.")
@click.option("--at", required=True, help="As of when: ISO 8601, without offset UTC.")
@click.option("--out", type=FILE, required=True, help="Where the lead_ids go: CSV, or Parquet by its ending.")
@click.option("--multi", multiple=True, help="A column of leads that is a list parted by |. Repeatable, or a,b.")
@click.option("--timezone", "zone", default="", help="Of dates; the criteria's own, or else UTC, if absent.")
@click.option("--rejects", type=FILE, help="Where rows that cannot be taken go; OUT.rejects.csv if absent.")
@click.option("--personas", type=NAMED_FILE, help="Personas that the criteria name: YAML or JSON.")
def run(
    criteria: Path, leads: Path, events: Path, at: str, out: Path, multi: tuple[str, ...], zone: str,
    rejects: Path | None, personas: Path | None,
) -> None:  # fmt: skip
    """The leads of a file who meet CRITERIA, as of --at. No database is needed."""
    set_up_django()
    from cultiva.criteria.documents import read_criteria
    from cultiva.criteria.offline import select_from_files
    from cultiva.criteria.personas import read_personas

    node, timezone = read_criteria(_text(criteria), timezone=zone)
    outcome = select_from_files(
        node,
        leads=leads,
        events=events,
        at=read_instant(at),
        out=out,
        rejects=rejects or out.with_name(f"{out.name}.rejects.csv"),
        multi=[column for each in multi for column in each.split(",")],
        timezone=timezone,
        personas=read_personas(_text(personas)) if personas else {},
    )
    say(f"{outcome.matched} of {outcome.leads} leads meet the criteria")
    if outcome.rejected:
        say(f"{outcome.rejected} rows were rejected; they are in the rejects file")
    if outcome.events_of_nobody:
        say(f"{outcome.events_of_nobody} events are of leads that are not in the file")


def read_instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"--at {text!r} is no time.\nhint: 2026-03-10T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(path: Path) -> Any:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}\nhint: YAML or JSON in UTF-8") from error
