"""`cultiva privacy`: all that is held about one person, taken out or erased."""

import json
from pathlib import Path
from typing import Any

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say


@click.group()
def privacy() -> None:
    """One person's data: taken out, or erased."""


@privacy.command()
@click.argument("person")
@of_workspace
@click.option("--to", "path", type=click.Path(dir_okay=False, path_type=Path), help="Default: person-<id>.zip.")
@click.option("--language", type=click.Choice(["es", "en"]), help="Of the report; the person's own if absent.")
def export(person: str, workspace: str, path: Path | None, language: str | None) -> None:
    """Write all that is held about PERSON (an address, or a lead's id) to a ZIP."""
    with product():
        from cultiva.lib import clock
        from cultiva.privacy.exporting import export_person

        place = named_workspace(workspace)
        lead_id = _find(place.id, person)
        content = export_person(
            workspace_id=place.id, lead_id=lead_id, at=clock.now(), by="cli", language=language or ""
        )  # fmt: skip
    path = path or Path(f"person-{lead_id}.zip")
    path.write_bytes(content)
    say(f"{path}: {len(content)} bytes.")


@privacy.command()
@click.argument("person")
@of_workspace
@click.option("--yes", is_flag=True, help="Erase; without it nothing is changed, and what would be is printed.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def erase(person: str, workspace: str, yes: bool, is_json: bool) -> None:
    """Erase PERSON (an address, or a lead's id) from every table and from the archive. It cannot be taken back."""
    with product():
        from cultiva.lib import clock
        from cultiva.privacy.erasing import erase_person, preview_erasure, write_archive_anew

        place, at = named_workspace(workspace), clock.now()
        lead_id = _find(place.id, person)
        parts = preview_erasure(workspace_id=place.id, lead_id=lead_id, at=at)
        if yes:
            erase_person(workspace_id=place.id, lead_id=lead_id, at=at, by="cli")
            write_archive_anew(workspace_id=place.id, at=at)
    rows: list[dict[str, Any]] = [
        {"table": part.table, "rows": part.rows, "outcome": part.fate.outcome, "why": str(part.fate.why)}
        for part in parts
    ]
    if is_json:
        say(json.dumps({"lead": lead_id, "is_erased": yes, "tables": rows}, ensure_ascii=False))
        return
    for row in rows:
        say(f"{row['outcome']:8} {row['rows']:>7}  {row['table']}{'  ' + row['why'] if row['why'] else ''}")
    say(f"Lead {lead_id} is erased." if yes else "Nothing was changed. Give --yes to erase.")


def _find(workspace_id: int, person: str) -> int:
    from cultiva.leads.actions import find_lead
    from cultiva.leads.models import Lead
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        if person.isdecimal():
            found = Lead.objects.filter(workspace_id=workspace_id, id=int(person)).first()
        else:
            found = find_lead(workspace_id=workspace_id, email=person)
    if found is None:
        raise ValueError(f"There is no lead {person!r}.\nhint: give an address, or the id in the address of its page")
    return found.id
