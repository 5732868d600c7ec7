"""What the worker does for actions on many leads, in the language of who made the action."""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext

from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.models import BulkAction
from cultiva.bulk.running import count, fail, go_on, release, take_lease
from cultiva.bulk.undoing import go_on_undoing
from cultiva.events.failures import is_passing

TURN_SECONDS = 60.0  # then other workspaces get theirs


def take_turn(*, workspace_id: int, now: Callable[[], datetime], must_stop: Callable[[], bool]) -> int:
    """Work on the next action of a workspace for a while; 0 where there is none."""
    action = take_lease(workspace_id=workspace_id)
    if action is None:
        return 0
    until = time.monotonic() + TURN_SECONDS

    def enough() -> bool:
        return must_stop() or time.monotonic() > until

    with translation.override(action.created_by.language if action.created_by else "en"):
        _work(action, now, enough)
    return 1


def _work(action: BulkAction, now: Callable[[], datetime], enough: Callable[[], bool]) -> None:
    try:
        if action.state == "counting":
            count(action=action, at=now())
        elif action.state == "undoing":
            go_on_undoing(action=action, now=now, must_stop=enough)
        else:
            go_on(action=action, now=now, must_stop=enough)
    except (BulkRefused, LookupError) as error:
        fail(action, now(), str(error))
    except Exception as error:
        if is_passing(error):  # the database restarts, say: the next turn goes on where this one stopped
            raise
        fail(action, now(), gettext("Something went wrong that is not your doing; the worker's log says what."))
        raise
    finally:
        release(action)
