"""`cultiva rebuild`: rows of leads, stages and counts, made anew from the ledger."""

import click

from cultiva.cli.accounts import named_workspace
from cultiva.cli.environment import product, say


@click.command()
@click.option("--workspace", "slug", required=True, help="The workspace's slug.")
def rebuild(slug: str) -> None:
    """Compute everything that follows from the ledger anew; what was right stays as it is."""
    with product():
        from cultiva.lib import clock
        from cultiva.rebuild import rebuild as rebuild_workspace

        rebuild_workspace(workspace_id=named_workspace(slug).id, at=clock.now(), progress=say)
