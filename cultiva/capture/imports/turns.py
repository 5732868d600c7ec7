"""What the worker does for imports."""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext

from cultiva.capture.imports.running import fail, go_on, rehearse, release, take_lease
from cultiva.capture.imports.undoing import go_on_undoing
from cultiva.capture.models import Import
from cultiva.events.failures import is_passing
from cultiva.lib.refusals import Refusal

TURN_SECONDS = 60.0  # then other workspaces get theirs


def take_turn(*, workspace_id: int, now: Callable[[], datetime], must_stop: Callable[[], bool]) -> int:
    """Work on the next import of a workspace for a while; 0 where there is none. What is said of its rows is said in
    the language of who made it."""
    run = take_lease(workspace_id=workspace_id)
    if run is None:
        return 0
    until = time.monotonic() + TURN_SECONDS

    def enough() -> bool:
        return must_stop() or time.monotonic() > until

    try:
        with translation.override(run.language):
            _work(run, now, enough)
    finally:
        release(run)
    return 1


def _work(run: Import, now: Callable[[], datetime], must_stop: Callable[[], bool]) -> None:
    try:
        if run.state == "checking":
            rehearse(run=run, at=now())
        elif run.state == "undoing":
            go_on_undoing(run=run, now=now, must_stop=must_stop)
        else:
            go_on(run=run, now=now, must_stop=must_stop)
    except (Refusal, LookupError) as error:
        fail(run, now(), str(error))
    except Exception as error:
        if is_passing(error):  # the database restarts, say: the next turn goes on where this one stopped
            raise
        fail(run, now(), gettext("Something went wrong that the file is not to blame for; the worker's log says what."))
        raise
