"""The product's time: real time plus one stored offset, the same in every process.

Only doors and jobs read it; everything below takes `at`. The offset exists so that a newcomer and the tests can
see what three days bring; it moves forward only, and only where CULTIVA_DEMO=1. Leases and time-outs of the
machinery use real time (`time.monotonic`, or the database's own clock), never this one.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from cultiva.lib.models import ClockOffset


class ClockError(Exception):
    """The clock cannot be moved as asked."""


def now() -> datetime:
    """The present instant of the product, UTC."""
    real = datetime.now(UTC)
    return real + offset() if settings.IS_DEMO else real


def offset() -> timedelta:
    moved = ClockOffset.objects.filter(id=1).values_list("seconds", flat=True).first()
    return timedelta(seconds=moved or 0)


def advance(by: timedelta) -> datetime:
    """Move the clock forward and return the new present. Raises ClockError outside a demo or backwards."""
    if not settings.IS_DEMO:
        raise ClockError("The clock moves only in a demo.\nhint: start Cultiva with CULTIVA_DEMO=1")
    if by <= timedelta(0):
        raise ClockError(f"The clock cannot move by {by}.\nhint: it moves forward only, for example 3d or 12h")
    ClockOffset.objects.move(seconds=int(by.total_seconds()))
    return now()
