"""Tables of the machinery; they hold nothing of any workspace."""

from typing import ClassVar

from django.db import models
from django.db.models import F


class ClockOffsets(models.Manager["ClockOffset"]):
    def move(self, *, seconds: int) -> None:
        self.filter(id=1).update(seconds=F("seconds") + seconds)


class ClockOffset(models.Model):
    """One row: how far the product's time runs ahead of real time."""

    id = models.SmallIntegerField(primary_key=True)
    seconds = models.BigIntegerField(default=0)

    objects: ClassVar[ClockOffsets] = ClockOffsets()

    class Meta:
        db_table = "clock_offset"


class PeriodicRun(models.Model):
    """When a recurring job last began, so that several workers run it once. Real time."""

    name = models.CharField(max_length=80, primary_key=True)
    began_at = models.DateTimeField()

    class Meta:
        db_table = "periodic_run"
