"""`cultiva flow`: work that failed and was set aside."""

import json
from dataclasses import asdict

import click

from cultiva.cli.accounts import named_workspace
from cultiva.cli.environment import product, say


@click.group()
def flow() -> None:
    """Look at work that failed; try it again or forget it."""


@flow.command()
@click.option("--workspace", "slug", required=True, help="The workspace's short name.")
@click.option("--json", "is_json", is_flag=True, help="Print a JSON list.")
def failures(slug: str, is_json: bool) -> None:
    """What failed, with its step and error, oldest first."""
    with product():
        from cultiva.flow import failures as find_failures

        found = find_failures(workspace_id=workspace_id(slug))
    if is_json:
        say(json.dumps([asdict(each) for each in found], default=str))
        return
    for each in found:
        subject = "event" if each.stage == "arrivals" else "lead"
        state = "set aside" if each.set_aside_at else f"tried again at {each.next_try_at:%H:%M:%S} UTC"
        say(f"{each.id}: {subject} {each.subject_id}, {each.step}, {each.tries} tries, {state}\n    {each.error}")
    if not found:
        say("Nothing failed.")


@flow.command()
@click.option("--workspace", "slug", required=True, help="The workspace's short name.")
@click.argument("ids", nargs=-1, type=int)
def retry(slug: str, ids: tuple[int, ...]) -> None:
    """Try failures again now: those with these numbers, or all."""
    with product():
        from cultiva.flow import retry_failed
        from cultiva.lib import clock

        workspace = workspace_id(slug)
        result = retry_failed(workspace_id=workspace, ids=ids or ids_of(workspace), at=clock.now())
    say(f"{len(result.done)} went well, {len(result.failed)} failed again")


@flow.command()
@click.option("--workspace", "slug", required=True, help="The workspace's short name.")
@click.argument("ids", nargs=-1, type=int, required=True)
def discard(slug: str, ids: tuple[int, ...]) -> None:
    """Forget failures with these numbers; their events stay in the ledger."""
    with product():
        from cultiva.flow import discard_failed

        say(f"{discard_failed(workspace_id=workspace_id(slug), ids=ids)} forgotten")


def workspace_id(slug: str) -> int:
    return int(named_workspace(slug).id)


def ids_of(workspace: int) -> list[int]:
    from cultiva.flow import failures as find_failures

    return [each.id for each in find_failures(workspace_id=workspace)]
