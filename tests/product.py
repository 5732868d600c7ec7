"""The running product, as a user starts it: `cultiva up` with a data folder of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the database's own account can reach; pytest closes its own to others."""
    with tempfile.TemporaryDirectory(prefix="cultiva-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Product:
    """`with Product(folder) as product:`; `lines` is what the supervisor printed so far."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CULTIVA_", "DATABASE_"))}
        self.environ = {
            **inherited, "CULTIVA_DATA": str(folder), "PORT": str(self.port), "CULTIVA_DEMO": "1", **settings,
        }  # fmt: skip
        self.lines: list[str] = []

    def __enter__(self) -> "Product":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout_seconds: float = 300) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cultiva", "up"], cwd=ROOT, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for(lambda: self.says("Stop with Ctrl-C"), timeout_seconds)

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())

    def says(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def wait_for(self, is_true: Callable[[], Any], timeout_seconds: float = 20) -> Any:
        """The first true answer; fails with what the product printed."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            found = is_true()
            if found:
                return found
            assert self.process.poll() is None, "\n".join(self.lines)
            time.sleep(0.1)
        raise AssertionError(f"not within {timeout_seconds} s; the product said:\n" + "\n".join(self.lines[-60:]))

    @property
    def sign_in_link(self) -> str:
        found = re.search(rf"{re.escape(self.url)}/sign-in/\S+", "\n".join(self.lines))
        assert found, "\n".join(self.lines)
        return found[0]

    def command(self, *words: str) -> str:
        """Run `cultiva …` beside it; what it printed."""
        result = subprocess.run(
            [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=self.environ, text=True, capture_output=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database as its owner, who sees every workspace."""
        import psycopg

        with psycopg.connect(self.owner_url) as connection:
            return connection.execute(sql).fetchall()

    @cached_property
    def owner_url(self) -> str:
        """The owner's address of the embedded database, told by a process that joined it; it stays with the folder."""
        return self._database_url("DATABASE_OWNER_URL")

    @cached_property
    def app_url(self) -> str:
        return self._database_url("DATABASE_URL")

    def _database_url(self, name: str) -> str:
        code = (
            "import json, os\nfrom cultiva.cli.environment import running_database\n"
            f"with running_database(): print(json.dumps(os.environ[{name!r}]))"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=self.environ, text=True, capture_output=True, check=True
        )
        return str(json.loads(result.stdout.splitlines()[-1]))

    def get(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return answer.status, answer.read().decode()

    def pids(self, name: str) -> list[int]:
        """Processes of this product: up, web, worker, or the database's own."""
        return self._postmaster() if name == "postgres" else self._commands(name)

    def _postmaster(self) -> list[int]:
        try:
            pid = int((self.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return []
        return [pid] if Path(f"/proc/{pid}").exists() else []

    def _commands(self, name: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    environ = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
                except OSError:
                    continue
                if name in words and f"CULTIVA_DATA={self.folder}" in environ:
                    found.append(int(entry.name))
        return found

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
