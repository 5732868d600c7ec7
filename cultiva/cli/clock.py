"""`cultiva clock`: the demo's time machine."""

import re
from datetime import timedelta

import click

from cultiva.cli.environment import product, say

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.group()
def clock() -> None:
    """See what time brings (demo only)."""


@clock.command()
@click.argument("by")
def advance(by: str) -> None:
    """Move the product's time forward, for example by 3d, 12h or 30m."""
    with product():
        from cultiva.lib import clock as product_clock

        say(product_clock.advance(parse_span(by)).isoformat(timespec="seconds"))


@clock.command()
def show() -> None:
    """The product's present time, UTC."""
    with product():
        from cultiva.lib import clock as product_clock

        say(product_clock.now().isoformat(timespec="seconds"))


def parse_span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([mhdw])", text)
    if not found:
        raise ValueError(f"{text!r} is no span of time.\nhint: a number and m, h, d or w, for example 3d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
