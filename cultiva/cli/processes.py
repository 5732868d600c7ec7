"""`cultiva web`, `cultiva collector`, `cultiva worker`: the processes that `cultiva up` runs."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import click

from cultiva.cli.environment import product
from cultiva.lib.config import Config
from cultiva.lib.turns import each_in_turn

log = logging.getLogger("cultiva.worker")

IDLE_SECONDS = 0.2
FLOW_IDLE_SECONDS = 0.1
FEW = 200  # a batch of fewer costs nearly as much as one of so many: let them gather until the next look
DUE_SECONDS = 1.0  # between two looks for leads that time alone changes
IMPORTS_IDLE_SECONDS = 1.0
HEALTH_EVERY = timedelta(minutes=30)  # a row a day; what is there already is left
DISCOVERIES_IDLE_SECONDS = 2.0
SETTLE_SECONDS = 2.0  # after an error, before trying again


@click.command()
def web() -> None:
    """Serve the screens, the public pages, the metrics and (without COLLECTOR_PORT) the collector."""
    with product() as config:
        from cultiva.web.metrics import serve_metrics

        serve_metrics(config.metrics_port)
        serve("cultiva.asgi:application", config, config.port)


@click.command()
def collector() -> None:
    """Serve the collector alone, on COLLECTOR_PORT."""
    with product() as config:
        if config.collector_port is None:
            raise ValueError("The collector has no port of its own.\nhint: set COLLECTOR_PORT, or use `cultiva web`")
        serve("cultiva.public.collector:collector", config, config.collector_port)


def serve(application: str, config: Config, port: int) -> None:
    import uvicorn

    end_with_supervisor()
    uvicorn.run(
        application, host=config.host, port=port, loop="uvloop", http="httptools", lifespan="auto",
        log_level="warning", access_log=False, server_header=False,
        proxy_headers=config.public_url.startswith("https://"), timeout_graceful_shutdown=5,
    )  # fmt: skip


@click.command()
def worker() -> None:
    """Process events, run what is due, send mail. Any number of workers may run side by side."""
    with product():
        end_with_supervisor()
        run_worker()


def run_worker() -> None:
    """Loops, each in a thread with a connection of its own, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loops = [
        threading.Thread(target=_repeat, args=(stop, name, work, idle_seconds), name=name)
        for name, work, idle_seconds in (
            ("flow", flow_round, FLOW_IDLE_SECONDS),
            ("schedule", schedule_round, IDLE_SECONDS),
            ("mail", mail_round, IDLE_SECONDS),
            ("imports", partial(imports_round, stop), IMPORTS_IDLE_SECONDS),
            ("discoveries", discoveries_round, DISCOVERIES_IDLE_SECONDS),
            ("bulk", partial(bulk_round, stop), IMPORTS_IDLE_SECONDS),
            ("scores", scores_round, IDLE_SECONDS),
            ("rehearsals", rehearsals_round, DISCOVERIES_IDLE_SECONDS),
        )
    ]
    for each in loops:
        each.start()
    while not stop.wait(0.5):
        pass
    for each in loops:
        each.join()


_looked_at = 0.0


def flow_round() -> int:
    """New events, and once a second the leads that time alone changes; returns how much there was, if not few."""
    from cultiva import flow
    from cultiva.accounts.actions import workspace_ids
    from cultiva.lib import clock
    from cultiva.lib.timings import TIMINGS

    global _looked_at  # noqa: PLW0603  (of the one thread that runs this)
    at = clock.now()
    taken = flow.process_waiting(at=at)
    if time.monotonic() - _looked_at >= DUE_SECONDS:
        _looked_at = time.monotonic()
        taken += each_in_turn(workspace_ids(), lambda each: flow.process_due_leads(workspace_id=each, at=at))
    TIMINGS.write()
    return taken if taken >= FEW else 0


def schedule_round() -> int:
    from cultiva import schedule
    from cultiva.lib import clock

    schedule.run_due_jobs(at=clock.now(), real_now=datetime.now(UTC))
    return 0


def mail_round() -> int:
    from cultiva.accounts.actions import workspace_ids
    from cultiva.lib import clock
    from cultiva.mailing.sending import send_due

    at = clock.now()
    return each_in_turn(workspace_ids(), lambda each: send_due(workspace_id=each, at=at))


def imports_round(stop: threading.Event) -> int:
    """Each workspace's next import gets its turn; a long one goes on in the next round."""
    from cultiva.accounts.actions import workspace_ids
    from cultiva.capture.imports.turns import take_turn
    from cultiva.lib import clock

    return each_in_turn(
        workspace_ids(), lambda each: take_turn(workspace_id=each, now=clock.now, must_stop=stop.is_set)
    )


def discoveries_round() -> int:
    """Looks for groups among leads, which somebody asked for: a minute or so each, in a process of its own."""
    from cultiva.accounts.actions import workspace_ids
    from cultiva.lib import clock
    from cultiva.segments.personas.discovering import run_next

    real_now = datetime.now(UTC)
    return each_in_turn(
        workspace_ids(), lambda each: run_next(workspace_id=each, at=clock.now(), real_now=real_now)
    )  # fmt: skip


def bulk_round(stop: threading.Event) -> int:
    """Each workspace's next action on many leads gets its turn; a long one goes on in the next round."""
    from cultiva.accounts.actions import workspace_ids
    from cultiva.bulk.turns import take_turn
    from cultiva.lib import clock

    return each_in_turn(
        workspace_ids(), lambda each: take_turn(workspace_id=each, now=clock.now, must_stop=stop.is_set)
    )


def scores_round() -> int:
    """Everybody scored anew, where a model was published."""
    from cultiva.accounts.actions import workspace_ids
    from cultiva.lib import clock
    from cultiva.scoring.rescoring import go_on

    return each_in_turn(workspace_ids(), lambda each: go_on(workspace_id=each, at=clock.now()))


def rehearsals_round() -> int:
    """Models on the past, which somebody asked for: a minute or so each; and once a day how each model fares."""
    from cultiva import schedule
    from cultiva.accounts.actions import workspace_ids
    from cultiva.lib import clock
    from cultiva.scoring.health import note_health
    from cultiva.scoring.rehearsal.workspace import run_next

    real_now = datetime.now(UTC)
    taken = each_in_turn(
        workspace_ids(), lambda each: run_next(workspace_id=each, at=clock.now(), real_now=real_now)
    )  # fmt: skip
    if not taken and schedule.take_turn("note the health of models", HEALTH_EVERY, real_now):
        each_in_turn(workspace_ids(), lambda each: note_health(workspace_id=each, at=clock.now()))
    return taken


def _repeat(stop: threading.Event, name: str, work: Callable[[], int], idle_seconds: float) -> None:
    from django.db import close_old_connections, connection

    while not stop.is_set():
        try:
            if not work():
                stop.wait(idle_seconds)
        except Exception:
            log.exception("event=worker.round_failed loop=%s", name)
            connection.close()
            stop.wait(SETTLE_SECONDS)
        close_old_connections()
    connection.close()


def end_with_supervisor() -> None:
    """`cultiva up` holds the other end of a pipe: when it dies, however it dies, so do its processes."""
    descriptor = os.environ.get("CULTIVA_SUPERVISOR_FD")
    if descriptor:
        threading.Thread(target=_wait_for_end, args=(int(descriptor),), daemon=True).start()


def _wait_for_end(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(8)
    os._exit(1)
