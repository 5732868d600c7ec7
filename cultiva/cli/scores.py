"""`cultiva score`: why a lead scores what it scores."""

import click

from cultiva.cli.score_explain import explain


@click.group()
def score() -> None:
    """Scores of leads."""


score.add_command(explain)
