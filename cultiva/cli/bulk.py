"""`cultiva bulk`: the same to many leads at once."""

import json
from typing import Any

import click

from cultiva.cli.accounts import as_json, named_workspace, of_workspace, report
from cultiva.cli.environment import product, say


@click.group()
def bulk() -> None:
    """The same to many leads at once."""


@bulk.command("run")
@click.argument("action")
@of_workspace
@click.option("--set", "given", multiple=True, help="name=value of the action's settings. Repeatable.")
@click.option("--segment", default="", help="The key of a segment whose members are meant.")
@click.option("--criteria", default="", help="Criteria as JSON or YAML in one line.")
@click.option("--everybody", is_flag=True, help="All leads of the workspace.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def run_command(
    action: str, workspace: str, given: tuple[str, ...], segment: str, criteria: str, everybody: bool, dry_run: bool,
    yes: bool, is_json: bool,
) -> None:  # fmt: skip
    """Do ACTION (add_tag, set_attribute, ...) here; a worker finishes it where this is killed."""
    with product():
        from cultiva.bulk.running import count, create_action, discard, go_on, kind_of, start, take_lease
        from cultiva.lib import clock
        from cultiva.lib.documents import read_document

        chosen: list[dict[str, Any]] = [
            *([{"segment": segment}] if segment else []),
            *([{"filter": {"criteria": read_document(criteria, name="criteria")}}] if criteria else []),
            *([{"filter": {}}] if everybody else []),
        ]
        if len(chosen) != 1:
            raise ValueError("On whom?\nhint: give one of --segment, --criteria and --everybody")
        place = named_workspace(workspace)
        made = create_action(
            workspace_id=place.id, kind=action, settings=dict(_pair(each) for each in given), selection=chosen[0],
            by="cli", at=clock.now(),
        )  # fmt: skip
        if made.total is None:
            made = count(action=made, at=clock.now())  # nobody waits at a screen
        if dry_run or not made.total:
            discard(action=made)
            report({"state": "counted", "leads": made.total}, is_json)
            return
        if not yes:
            click.confirm(f"{kind_of(made).says(made.settings, made.total)} Go on?", abort=True)
        made = start(action=made, at=clock.now(), by="cli")
        leased = take_lease(workspace_id=place.id, action_id=made.id)
        if leased is None:
            report({"id": made.id, "state": "running", "note": "a worker has taken it"}, is_json)
            return

        def tell(done: Any) -> None:
            if not is_json:
                click.echo(f"\r{done.position} of {done.total} leads …", nl=False, err=True)

        made = go_on(action=leased, now=clock.now, progress=tell)
        if not is_json:
            click.echo("", err=True)
        report({"id": made.id, "state": made.state, "leads": made.total, **made.counts}, is_json)


@bulk.command("list")
@of_workspace
@as_json
def list_command(workspace: str, is_json: bool) -> None:
    """The bulk actions of a workspace, newest first."""
    with product():
        from cultiva.bulk.running import list_actions
        from cultiva.lib.database import workspace_scope

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            for each in list_actions(workspace_id=place.id):
                facts = {"id": each.id, "action": each.kind, "settings": each.settings, "state": each.state,
                         "leads": each.total, "done": each.position, **each.counts}  # fmt: skip
                say(
                    json.dumps(facts, ensure_ascii=False)
                    if is_json
                    else "  ".join(f"{k}: {v}" for k, v in facts.items())
                )


@bulk.command("undo")
@click.argument("action_id", type=int)
@of_workspace
@as_json
def undo_command(action_id: int, workspace: str, is_json: bool) -> None:
    """Take a bulk action back; what somebody changed since stays."""
    with product():
        from cultiva.bulk.running import find_action
        from cultiva.bulk.undoing import go_on_undoing, start_undo
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            found = find_action(workspace_id=place.id, action_id=action_id)
        if found is None:
            raise ValueError(
                f"There is no bulk action {action_id} here.\nhint: cultiva bulk list --workspace {workspace}"
            )
        found = go_on_undoing(action=start_undo(action=found, at=clock.now(), by="cli"), now=clock.now)
        report({"id": found.id, "state": found.state, **found.counts}, is_json)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ValueError(f"--set {text!r} has no value.\nhint: --set tag=feria-2026")
    return name, value
