"""`cultiva archive`."""

from typing import Any

import click

from cultiva.cli.environment import product, say


@click.command()
@click.argument("months", nargs=-1, metavar="[YYYY-MM]...")
@click.option("--workspace", default="", help="The workspace's slug; without it every workspace.")
@click.option("--again", is_flag=True, help="Write the named months anew, for example after an erasure.")
@click.option("--restore", is_flag=True, help="Bring the named months (without names: all) back into the database.")
def archive(months: tuple[str, ...], workspace: str, again: bool, restore: bool) -> None:
    """Write the closed months of the ledger to Parquet files below CULTIVA_DATA/archive. The database keeps them."""
    if again and (restore or not months):
        raise ValueError("--again needs the months to write anew.\nhint: cultiva archive --again 2026-03")
    if months and not again and not restore:
        raise ValueError("Closed months are found by themselves.\nhint: name months with --again or --restore")
    with product():
        from cultiva.events.archive import archive_closed
        from cultiva.events.archive import restore as restore_months
        from cultiva.lib import clock

        for workspace_id in _workspaces(workspace, is_restore=restore):
            say(f"workspace {workspace_id}")
            if restore:
                restore_months(workspace_id=workspace_id, at=clock.now(), months=months, progress=say)
            elif not archive_closed(workspace_id=workspace_id, at=clock.now(), again=months, progress=say):
                say("  nothing new")


def _workspaces(slug: str, *, is_restore: bool) -> list[int]:
    """A database made anew knows no workspace yet; the archive does, by its number."""
    from cultiva.accounts.actions import find_workspace, workspace_ids
    from cultiva.events.archive import archived_workspaces

    if not slug:
        return archived_workspaces() if is_restore else workspace_ids()
    found: Any = find_workspace(slug)
    if found is None:
        raise ValueError(f"There is no workspace {slug!r}.\nhint: cultiva workspace create --name ...")
    return [found.id]
