"""`cultiva up`: one supervisor for web, collector and worker."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import click

from cultiva.cli.environment import running_database, say
from cultiva.lib.config import Config, SettingError
from cultiva.lib.postgres import EmbeddedPostgres, PostgresError

RESTART_SECONDS = (0.5, 1, 2, 5, 10, 30)  # longer after each crash in a row
STEADY_SECONDS = 60  # after this long, a crash counts as the first again
STOP_SECONDS = 10
LOOK_SECONDS = 1.0  # between two looks at the database
COLOURS = {"web": "green", "collector": "cyan", "worker": "magenta", "postgres": "yellow"}


@dataclass
class Child:
    """A process that is kept running."""

    name: str
    process: "subprocess.Popen[str] | None" = None
    started_at: float = 0.0
    crashes: int = 0
    restart_at: float = field(default=0.0)


@click.command()
def up() -> None:
    """Run everything: database, web, collector and workers; stop with Ctrl-C.

    With CULTIVA_DEMO=1 a demo workspace is filled at the first start.
    """
    with running_database() as (config, server):
        check_port(config.host, config.port, "PORT")
        if config.collector_port:
            check_port(config.host, config.collector_port, "COLLECTOR_PORT")
        run_once("migrate")
        if config.is_demo:
            run_once("demo")
        Supervisor(config, server).run()


def check_port(host: str, port: int, name: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingError(
                name, str(port), f"a free port ({error.strerror} on {host}); for example {name}={port + 10}"
            ) from error


def run_once(command: str) -> None:
    """A command of ours, as a process of its own: the supervisor itself never loads Django."""
    status = subprocess.run([sys.executable, "-m", "cultiva", command], check=False).returncode  # noqa: S603
    if status:
        raise SystemExit(status)


class Supervisor:
    """Starts the processes, passes their lines on, restarts those that end."""

    def __init__(self, config: Config, server: EmbeddedPostgres | None) -> None:
        self.config, self.server = config, server
        names = ["web", *["worker"] * config.workers, *(["collector"] if config.collector_port else [])]
        self.children = [Child(name) for name in names]
        self.must_stop = threading.Event()
        # The children read this pipe: its end is the end of the supervisor, kill -9 included.
        self.read_end, self.write_end = os.pipe()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.must_stop.set())
        threading.Thread(target=self.announce, daemon=True).start()
        # Beside the others: one that hangs takes its time to be told from one that lives, and they run meanwhile.
        keeper = threading.Thread(target=self.keep_database, daemon=True)
        keeper.start()
        while not self.must_stop.is_set():
            for child in self.children:
                self.keep_running(child)
            self.must_stop.wait(0.2)
        self.stop()
        keeper.join(STOP_SECONDS)  # it must not start what is about to be stopped

    def keep_database(self) -> None:
        """Start the embedded database again where it died; it recovers what was committed."""
        while self.server is not None and not self.must_stop.wait(LOOK_SECONDS):
            try:
                if not self.server.answers() and not self.must_stop.is_set():
                    self.line("postgres", "is not running; starting it again")
                    self.server.start()
            except PostgresError as error:
                self.line("postgres", str(error))

    def announce(self) -> None:
        """Say where it is, once web answers."""
        while not self.must_stop.wait(0.1):
            with socket.socket() as probe:
                if probe.connect_ex((_reachable(self.config.host), self.config.port)) == 0:
                    break
        if not self.must_stop.is_set():
            say(f"\nCultiva is ready: {self.config.public_url}")
            subprocess.run([sys.executable, "-m", "cultiva", "user", "welcome"], check=False)
            say("Stop with Ctrl-C.\n")

    def keep_running(self, child: Child) -> None:
        now = time.monotonic()
        if child.process and child.process.poll() is None:
            return
        if child.process:
            self.note_crash(child, now)
        elif now >= child.restart_at:
            self.start(child, now)

    def start(self, child: Child, now: float) -> None:
        child.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "cultiva", child.name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1,
            env={**os.environ, "CULTIVA_SUPERVISOR_FD": str(self.read_end), "PYTHONUNBUFFERED": "1"},
            pass_fds=[self.read_end],
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops them in order
        )  # fmt: skip
        child.started_at = now
        threading.Thread(target=self.pass_on, args=(child.name, child.process), daemon=True).start()

    def note_crash(self, child: Child, now: float) -> None:
        assert child.process is not None
        child.crashes = 1 if now - child.started_at > STEADY_SECONDS else child.crashes + 1
        wait = RESTART_SECONDS[min(child.crashes, len(RESTART_SECONDS)) - 1]
        self.line(child.name, f"ended with status {child.process.returncode}; starting again in {wait} s")
        child.process, child.restart_at = None, now + wait

    def pass_on(self, name: str, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self.line(name, line.rstrip())

    def line(self, name: str, text: str) -> None:
        say(f"{click.style(f'{name:>9}', fg=COLOURS[name])} | {text}")

    def stop(self) -> None:
        """Everyone is asked; who has not ended after ten seconds is killed."""
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
