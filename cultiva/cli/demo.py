"""`cultiva demo`."""

import click

from cultiva.cli.environment import product, say


@click.command()
@click.option("--leads", default=2000, show_default=True, type=click.IntRange(50, 10_000_000))
@click.option("--seed", default=7, show_default=True)
@click.option("--slug", default="riega", show_default=True, help="The workspace's name in addresses.")
def demo(leads: int, seed: int, slug: str) -> None:
    """Fill a demo workspace: a company with six months of history that end now. Does nothing where it exists.

    Above 5,000 leads the data are written in bulk, without mails, over fifteen months: for measuring.
    """
    with product():
        from cultiva.demo.filling import fill_demo
        from cultiva.lib import clock

        fill_demo(at=clock.now(), seed=seed, leads=leads, slug=slug, progress=say)
