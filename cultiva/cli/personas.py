"""`cultiva persona`: what personas there are, and whether leads fall into groups."""

import json

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say

as_list = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.group()
def persona() -> None:
    """Personas: kinds of buyers, and groups among the leads."""


@persona.command("list")
@of_workspace
@as_list
def list_command(workspace: str, is_json: bool) -> None:
    """The personas of a workspace in their order, with how many leads each has."""
    with product():
        from cultiva.insights.personas import persona_sizes
        from cultiva.lib.database import workspace_scope
        from cultiva.segments.personas.actions import list_personas

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            found, sizes = list_personas(place.id), persona_sizes(workspace_id=place.id)
    rows = [
        {"key": each.key, "name": each.name, "is_draft": each.is_draft,
         "leads": sizes[each.key]["leads"] if each.key in sizes else 0}
        for each in found
    ]  # fmt: skip
    if is_json:
        say(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        say(f"{row['key']}  {row['name']}  {'draft' if row['is_draft'] else str(row['leads']) + ' leads'}")
    if not rows:
        say("There are no personas.")


@persona.command()
@of_workspace
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=7, help="The same seed gives the same answer.")
@as_list
def discover(workspace: str, seed: int, is_json: bool) -> None:
    """Look for groups among the leads, here and now; they can then be accepted on the screen."""
    with product():
        from datetime import UTC, datetime

        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope
        from cultiva.segments.personas.discovering import ask_discovery, find_discovery, run_next

        place = named_workspace(workspace)
        asked = ask_discovery(workspace_id=place.id, by="command line", at=clock.now(), seed=seed)
        run_next(workspace_id=place.id, at=clock.now(), real_now=datetime.now(UTC))
        with workspace_scope(place.id):
            found = find_discovery(place.id, asked.id)
    assert found is not None
    if found.state != "done":
        raise ValueError(f"No answer: {found.problem or 'a worker is at it already'}\nhint: see the screen of personas")
    if is_json:
        say(json.dumps({"leads": found.leads, **found.result}, ensure_ascii=False))
        return
    say(f"{found.leads} of {found.leads_known} valid leads were looked at.")
    for group in found.result["groups"]:
        say(f"{group['name']['en']}: {group['size']} leads, stability {group['stability']:.2f}, criteria find"
            f" {group['recall']:.0%} of them and are right in {group['precision']:.0%}")  # fmt: skip
    if not found.result["groups"]:
        say(f"No groups: {found.result['why_none']}")
