"""`cultiva demo`."""

import click

from cultiva.cli.environment import product, say


@click.command()
@click.option("--leads", default=2000, show_default=True, type=click.IntRange(50, 20_000))
@click.option("--seed", default=7, show_default=True)
def demo(leads: int, seed: int) -> None:
    """Fill a demo workspace: a company with six months of history that end now. Does nothing where it exists."""
    with product():
        from cultiva.demo.filling import fill_demo
        from cultiva.lib import clock

        fill_demo(at=clock.now(), seed=seed, leads=leads, progress=say)
