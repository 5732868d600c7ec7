"""The live source: now and then somebody of the demo does something, so that screens have something to show."""

import uuid
from datetime import datetime, timedelta
from random import Random

from cultiva.demo.models import LiveSource


def switch_live_source(workspace_id: int, is_on: bool) -> None:
    """Let invented visitors in, or keep them away."""
    LiveSource.objects.update_or_create(workspace_id=workspace_id, defaults={"is_on": is_on})


def is_live(workspace_id: int) -> bool:
    return LiveSource.objects.filter(workspace_id=workspace_id, is_on=True).exists()


def tick(*, workspace_id: int, at: datetime) -> None:
    pass
