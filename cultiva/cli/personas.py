"""`cultiva persona`: what personas there are, and whether leads fall into groups."""

import json
import time
from datetime import datetime

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
@click.argument("key")
@of_workspace
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="At the end of this local day; today without.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, help="How many are printed.")
@as_list
def leads(key: str, workspace: str, day: datetime | None, limit: int, is_json: bool) -> None:
    """Whose main persona it was on a day: the newest leads first."""
    with product():
        from zoneinfo import ZoneInfo

        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope
        from cultiva.segments.persona_models import PersonaVersion
        from cultiva.segments.personas.history import leads_of_persona_on

        place = named_workspace(workspace)
        local = day or clock.now().astimezone(ZoneInfo(place.time_zone))
        with workspace_scope(place.id):
            if not PersonaVersion.objects.filter(workspace_id=place.id, key=key).exists():
                raise ValueError(f"There never was a persona {key!r}.\nhint: cultiva persona list")
            found, count = leads_of_persona_on(
                workspace_id=place.id, persona=key, day=local.date(), time_zone=place.time_zone, limit=limit
            )  # fmt: skip
    rows = [
        {"lead": each["lead_id"], "email": each["email"], "since": each["since"].isoformat(),
         "closeness": each["closeness"]}
        for each in found
    ]  # fmt: skip
    if is_json:
        say(json.dumps({"on": local.date().isoformat(), "count": count, "leads": rows}, ensure_ascii=False))
        return
    say(f"{count} leads at the end of {local.date().isoformat()}")
    for row in rows:
        say(f"{row['lead']}  {row['email'] or '–'}  {round(100 * row['closeness'])}%  since {row['since']}")


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
        from cultiva.segments.personas.discovering import GOING, ask_discovery, run_next

        place = named_workspace(workspace)
        found = ask_discovery(workspace_id=place.id, by="command line", at=clock.now(), seed=seed)
        while found.state in GOING:
            if not run_next(workspace_id=place.id, at=clock.now(), real_now=datetime.now(UTC)):
                time.sleep(1)  # a worker was quicker
            with workspace_scope(place.id):
                found.refresh_from_db()
    if found.state != "done":
        raise ValueError(f"No answer: {found.problem}\nhint: see the screen of personas")
    if is_json:
        say(json.dumps({"leads": found.leads, **found.result}, ensure_ascii=False))
        return
    say(f"{found.leads} of {found.leads_known} valid leads were looked at.")
    for group in found.result["groups"]:
        say(f"{group['name']['en']}: {group['size']} leads, stability {group['stability']:.2f}, criteria find"
            f" {group['recall']:.0%} of them and are right in {group['precision']:.0%}")  # fmt: skip
    if not found.result["groups"]:
        say(f"No groups: {found.result['why_none']}")
