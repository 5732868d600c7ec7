"""`cultiva doctor`: what is wrong with this installation, and how to mend it."""

import http.client
import json
import platform
import shutil
import smtplib
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click

from cultiva import __version__
from cultiva.cli.environment import product, say
from cultiva.lib.config import Config

LEAST_DISK_GB = 1.0
MOST_SKEW_SECONDS = 5.0
MOST_LAG_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is good, what was seen, and the way out where it is not."""

    what: str
    is_good: bool
    seen: str
    hint: str = ""


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Print a JSON list.")
def doctor(is_json: bool) -> None:
    """Check versions, database, roles, time, mail, address, disk and flow; exit status 1 if something is wrong."""
    with product() as config:
        findings = [check(config) for check in CHECKS]
    if is_json:
        say(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.is_good else click.style("!!  ", fg="red")
            say(f"{mark}{finding.what}: {finding.seen}" + (f"\n      hint: {finding.hint}" if finding.hint else ""))
    if not all(finding.is_good for finding in findings):
        sys.exit(1)


def check_versions(_: Config) -> Finding:
    import django

    is_good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    seen = f"Cultiva {__version__}, Python {platform.python_version()}, Django {django.get_version()}"
    return Finding("versions", is_good, seen, "" if is_good else "use Python 3.11, 3.12 or 3.13")


def check_database(config: Config) -> Finding:
    from django.db import connection

    row = ask(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number"
    )
    is_good = row["number"] >= 150_000
    where = f"{connection.settings_dict['HOST'] or 'socket'}:{connection.settings_dict['PORT']}"
    hint = "" if is_good else "Cultiva needs PostgreSQL 15 or newer"
    return Finding("database", is_good, f"PostgreSQL {row['version']} at {where}", hint)


def check_migrations(_: Config) -> Finding:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections["owner"])
    open_steps = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    connections["owner"].close()
    if open_steps:
        return Finding("tables", False, f"{open_steps} migrations are missing", "run: cultiva migrate")
    return Finding("tables", True, "of this version")


def check_roles(_: Config) -> Finding:
    row = ask(
        "SELECT current_user AS name, rolsuper OR rolbypassrls AS is_mighty,"
        " has_table_privilege('event', 'UPDATE') OR has_table_privilege('consent_evidence', 'DELETE') AS may_change,"
        " EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user) AS is_owner"
        " FROM pg_roles WHERE rolname = current_user"
    )
    if row["is_mighty"] or row["may_change"] or row["is_owner"]:
        return Finding(
            "roles", False, f"{row['name']} could change the ledger and read every workspace",
            "give DATABASE_URL a login that is neither owner nor superuser, and DATABASE_OWNER_URL the owner's",
        )  # fmt: skip
    return Finding("roles", True, f"{row['name']} can add to the ledger and to consents, and change neither")


def check_connections(config: Config) -> Finding:
    row = ask("SELECT current_setting('max_connections')::int AS most")
    # Web's pool, the collector's, a worker's four loops with one to spare, and what commands and the metrics take.
    needed = 12 + 5 + 5 * config.workers + 8
    is_good = row["most"] >= needed
    hint = "" if is_good else f"set max_connections to {needed} or more"
    return Finding("connections", is_good, f"{row['most']} allowed, at most {needed} used on this machine", hint)


def check_time(_: Config) -> Finding:
    row = ask("SELECT clock_timestamp() AS now, current_setting('TimeZone') AS zone")
    skew = abs((row["now"] - datetime.now(UTC)).total_seconds())
    if skew > MOST_SKEW_SECONDS:
        return Finding("time", False, f"this machine and the database differ by {skew:.0f} s", "set both by NTP")
    from cultiva.lib import clock

    moved = clock.offset()
    return Finding("time", True, f"sessions in {row['zone']}" + (f"; the demo clock is {moved} ahead" if moved else ""))


def check_mail(config: Config) -> Finding:
    smtp = config.smtp
    if smtp is None:
        return Finding("mail", True, "the local mailbox; set SMTP_URL to send for real")
    try:
        kind = smtplib.SMTP_SSL if smtp.security == "tls" else smtplib.SMTP
        with kind(smtp.host, smtp.port, timeout=10) as connection:
            if smtp.security == "starttls":
                connection.starttls()
            if smtp.user:
                connection.login(smtp.user, smtp.password)
    except (OSError, smtplib.SMTPException) as error:
        return Finding("mail", False, f"{smtp.host}:{smtp.port}: {error}", "check SMTP_URL and the server")
    return Finding("mail", True, f"{smtp.host}:{smtp.port} answers")


def check_address(config: Config) -> Finding:
    url = config.public_url
    is_local = any(name in url for name in ("//127.", "//localhost", "//[::1]"))
    if is_local and config.smtp:
        return Finding("public address", False, url, "mails would carry links nobody else can open: set PUBLIC_URL")
    if not is_local and not url.startswith("https://"):
        return Finding("public address", False, url, "use https: cookies and consents travel over it")
    if not config.pages_url:
        return Finding("public address", True, f"{url}; landing pages are seen by nobody until PAGES_URL is set")
    return Finding("public address", True, url)


def check_disk(config: Config) -> Finding:
    free = shutil.disk_usage(config.data_folder).free / 1e9
    is_good = free >= LEAST_DISK_GB
    hint = "" if is_good else "make room or move CULTIVA_DATA; PostgreSQL stops when the disk is full"
    return Finding("disk", is_good, f"{free:.1f} GB free at {config.data_folder}", hint)


def check_lag(_: Config) -> Finding:
    """How long the oldest event waits. Those of set-aside work are in no queue."""
    from cultiva.lib import clock

    row = ask(
        "SELECT sum(events)::bigint AS events, sum(leads)::bigint AS leads, min(oldest) AS oldest FROM flow_backlog()"
    )
    events, leads = row["events"] or 0, row["leads"] or 0
    if not events and not leads:
        return Finding("flow", True, "no event waits")
    seconds = max(0.0, (clock.now() - row["oldest"]).total_seconds()) if row["oldest"] else 0.0
    seen = f"{events} new events and {leads} rows of leads wait, the oldest for {seconds:.1f} s"
    if seconds <= MOST_LAG_SECONDS:
        return Finding("flow", True, seen)
    return Finding("flow", False, seen, "see that a worker runs; more of them: CULTIVA_WORKERS or `cultiva worker`")


def check_steps(_: Config) -> Finding:
    """Sizes of the last batches and times per step, of every worker since its start."""
    from cultiva.lib.timings import add_up, timings_by_worker

    workers = timings_by_worker()
    steps = add_up([timing for timings in workers.values() for timing in timings])
    if not steps:
        return Finding("steps", True, "nothing was worked on yet")
    sizes = [f"{name} {steps[name].last_size}" for name in ("arrivals", "leads", "due") if name in steps]
    times = [
        f"{name} {timing.quantile(0.5) * 1000:.0f}/{timing.quantile(0.95) * 1000:.0f}"
        for name, timing in sorted(steps.items())
    ]
    return Finding("steps", True, f"last batch: {', '.join(sizes) or 'none'}; p50/p95 in ms: {', '.join(times)}")


def check_set_aside(_: Config) -> Finding:
    row = ask("SELECT sum(retried)::bigint AS retried, sum(set_aside)::bigint AS set_aside FROM flow_backlog()")
    retried, aside = row["retried"] or 0, row["set_aside"] or 0
    if not retried and not aside:
        return Finding("set aside", True, "nothing failed")
    seen = f"{aside} pieces of work set aside, {retried} to be tried again"
    hint = "see why: cultiva flow failures --workspace SLUG; then retry or discard them"
    return Finding("set aside", not aside, seen, hint if aside else "")


def check_metrics(config: Config) -> Finding:
    if config.metrics_port is None:
        return Finding("metrics", True, "off")
    url = f"http://127.0.0.1:{config.metrics_port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            is_ours = b"cultiva_flow_" in answer.read()
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return Finding("metrics", True, f"nobody answers at {url}: web does not run on this machine")
        is_ours = False
    except (OSError, http.client.HTTPException):
        is_ours = False
    if is_ours:
        return Finding("metrics", True, url)
    hint = "give METRICS_PORT a free port, or turn metrics off with METRICS_PORT=off"
    return Finding("metrics", False, f"somebody else has port {config.metrics_port}", hint)


CHECKS: list[Callable[[Config], Finding]] = [
    check_versions, check_database, check_migrations, check_roles, check_connections, check_time, check_mail,
    check_address, check_disk, check_lag, check_steps, check_set_aside, check_metrics,
]  # fmt: skip


def ask(sql: str) -> dict[str, Any]:
    from cultiva.lib.database import fetch_all

    return fetch_all(sql)[0]
