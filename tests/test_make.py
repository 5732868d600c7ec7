"""A stranger clones the repository and types `make run`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.product import ROOT, Product, free_port, open_folder

pytestmark = pytest.mark.slow
OURS_SECONDS = 30.0  # of our own part: starting and filling the demo, on two cores


class Make:
    """`make run` in a clone; `lines` are what it printed, with the second each came in."""

    def __init__(self, clone: Path, **settings: str) -> None:
        self.port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CULTIVA_", "DATABASE_", "PYTHON"))}
        self.environ = {**kept, "PORT": str(self.port), **settings}
        self.lines: list[tuple[float, str]] = []
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["make", "run"], cwd=clone, env=self.environ, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append((time.monotonic() - self.began, line.rstrip()))

    @property
    def text(self) -> str:
        return "\n".join(line for _second, line in self.lines)

    def wait_until_ready(self, timeout_seconds: float = 240) -> float:
        """Seconds of our own part: from the installed environment to the printed address."""
        deadline = time.monotonic() + timeout_seconds
        while "Stop with Ctrl-C" not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)
        ready = next(second for second, line in self.lines if "Cultiva is ready" in line)
        installed = max([second for second, line in self.lines if "Installed" in line], default=0.0)
        first = min([second for second, line in self.lines if second > installed], default=0.0)
        return ready - first

    def __enter__(self) -> "Make":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ctrl-C, as a terminal sends it: to everything in the foreground."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(30)


def clone_to(folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{ROOT}", str(folder)], check=True)
    return folder


def test_a_fresh_clone_runs_stops_and_starts_again(tmp_path: Path) -> None:
    """From a path with spaces, below a folder that others cannot enter."""
    closed = tmp_path / "nobody enters"
    closed.mkdir(mode=0o700)
    clone = clone_to(closed / "my cultiva")
    data = clone / "data"
    try:
        with Make(clone) as first:
            ours = first.wait_until_ready()
            print(f"our own part: {ours:.1f} s")
            if found := re.search(r"(/var/lib/cultiva/\S+)", first.text):
                data = Path(found[1])
            # The machine of the tests is shared; the benchmark holds the limit.
            assert ours < OURS_SECONDS * 2, first.text
            with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/sign-in", timeout=10) as page:
                assert page.status == 200
            assert os.geteuid() != 0 or data.is_relative_to("/var/lib/cultiva"), first.text
        with Make(clone) as second:
            assert second.wait_until_ready() < ours
            assert "Install" not in second.text
            assert "already" in second.text
    finally:
        if data.is_relative_to("/var/lib/cultiva"):
            shutil.rmtree(data)


def test_a_taken_port_and_a_wrong_setting_are_told_with_the_way_out(tmp_path: Path) -> None:
    for settings, words in (
        ({"PORT": "0"}, "PORT is '0'"),
        ({"SMTP_URL": "mail"}, "SMTP_URL is 'mail'"),
    ):
        result = run_up(tmp_path, **settings)
        assert result.returncode == 2
        assert words in result.stderr
        assert "hint: accepted:" in result.stderr
        assert "Traceback" not in result.stderr


def run_up(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "CULTIVA_DATA": str(folder / "data"), **settings}
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        environ.pop(name, None)
    command = [str(ROOT / ".venv/bin/python"), "-m", "cultiva", "up"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)


def test_a_python_without_venv_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "environment", tmp_path / ".ci" / "environment")
    python = tmp_path / "bare-python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command = [str(tmp_path / ".ci" / "environment"), "requirements/run.txt"]
    environ = {**os.environ, "PYTHON": str(python)}
    result = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "has no venv" in result.stderr
    assert "apt install python3-venv" in result.stderr


def test_the_collector_may_have_a_port_of_its_own() -> None:
    port = free_port()
    with open_folder() as folder, Product(folder, COLLECTOR_PORT=str(port)) as product:
        made = json.loads(
            product.command("source", "create", "--workspace", "riega", "--key", "own", "--name", "Own", "--json")
        )
        event = {"event": "Ping", "userId": "7", "writeKey": made["write_key"]}
        body = json.dumps(event).encode()
        taken = urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/track", data=body, timeout=10)
        assert json.load(taken) == {"success": True}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{product.url}/v1/track", data=body, timeout=10)
        assert refused.value.code == 404
        assert product.query("SELECT count(*) FROM event WHERE name = 'Ping'") == [(1,)]
