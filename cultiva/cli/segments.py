"""`cultiva segment`: who meets criteria, in the product and in files."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say, set_up_django

FILE = click.Path(path_type=Path)
NAMED_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
as_list = click.option("--json", "is_json", is_flag=True, help="Print a JSON list.")


@click.group()
def segment() -> None:
    """The leads who meet criteria now, and fixed lists; or who in a file meets them."""


@segment.command("list")
@of_workspace
@as_list
def list_command(workspace: str, is_json: bool) -> None:
    """The segments of a workspace, by folder and name."""
    with product():
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope
        from cultiva.segments.lists import list_segments, with_figures

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            found = list_segments(workspace_id=place.id)
            shown = with_figures(found, at=clock.now(), time_zone=place.time_zone, days=1)
    rows = [
        {"key": each.segment.key, "name": each.segment.name, "kind": each.segment.kind,
         "folder": each.segment.folder, "tags": each.segment.tags, "members": each.members,
         "is_being_built": each.segment.wants_build}
        for each in shown
    ]  # fmt: skip
    if is_json:
        say(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        note = "  (being worked out)" if row["is_being_built"] else ""
        say(f"{row['key']}  {row['name']}  {row['kind']}  {row['members']} leads{note}")
    if not rows:
        say("There are no segments.")


@segment.command()
@click.argument("keys", nargs=-1)
@of_workspace
def refresh(keys: tuple[str, ...], workspace: str) -> None:
    """Work out anew who is in the named segments, or in all; what was right stays."""
    with product():
        from cultiva.lib import clock
        from cultiva.segments.building import build_all, build_one

        place = named_workspace(workspace)
        if not keys:
            build_all(workspace_id=place.id, at=clock.now(), progress=say)
            return
        for key, segment_id in [(key, _id_of(place.id, key)) for key in keys]:
            built = build_one(workspace_id=place.id, segment_id=segment_id, at=clock.now())
            say(f"{key}: {built.entered} entered, {built.left} left")


@segment.command()
@click.argument("key")
@of_workspace
def delete(key: str, workspace: str) -> None:
    """Take a segment away; what refers to it must go first."""
    with product():
        from cultiva.lib import clock
        from cultiva.segments.actions import delete_segment

        place = named_workspace(workspace)
        delete_segment(workspace_id=place.id, segment_id=_id_of(place.id, key), by="command line", at=clock.now())
        say(f"{key} is deleted")


def _id_of(workspace_id: int, key: str) -> int:
    from cultiva.lib.database import workspace_scope
    from cultiva.lib.documents import nearest
    from cultiva.segments.lists import list_segments

    with workspace_scope(workspace_id):
        known = {each.key: each.id for each in list_segments(workspace_id=workspace_id)}
    if key not in known:
        raise ValueError(f"There is no segment {key!r}.\nhint: {nearest(key, list(known)) if known else 'make one'}")
    return known[key]


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

    node, timezone = read_criteria(read_text(criteria), timezone=zone)
    outcome = select_from_files(
        node,
        leads=leads,
        events=events,
        at=read_instant(at),
        out=out,
        rejects=rejects or out.with_name(f"{out.name}.rejects.csv"),
        multi=[column for each in multi for column in each.split(",")],
        timezone=timezone,
        personas=read_personas(read_text(personas)) if personas else {},
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


def read_text(path: Path) -> Any:
    """Of a file that a user names; raises ValueError with the way out."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}\nhint: YAML or JSON in UTF-8") from error
