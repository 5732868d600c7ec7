"""`cultiva segment`: who meets criteria."""

import json

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say

as_list = click.option("--json", "is_json", is_flag=True, help="Print a JSON list.")


@click.group()
def segment() -> None:
    """The leads who meet criteria now, and fixed lists."""


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
    from cultiva.criteria.reading import nearest
    from cultiva.lib.database import workspace_scope
    from cultiva.segments.lists import list_segments

    with workspace_scope(workspace_id):
        known = {each.key: each.id for each in list_segments(workspace_id=workspace_id)}
    if key not in known:
        raise ValueError(f"There is no segment {key!r}.\nhint: {nearest(key, list(known)) if known else 'make one'}")
    return known[key]
