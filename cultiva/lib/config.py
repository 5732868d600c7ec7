"""Settings from the environment, checked before anything starts."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

LOG_LEVELS = ("debug", "info", "warning", "error")
MOST_WORKERS = 16
SMTP_SCHEMES = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


class SettingError(Exception):
    """A setting that cannot be used: its name, its value, what is accepted."""

    def __init__(self, name: str, value: str, accepted: str) -> None:
        super().__init__(f"{name} is {value!r}.\nhint: accepted: {accepted}")


@dataclass(frozen=True)
class SmtpServer:
    host: str
    port: int
    user: str
    password: str
    security: str  # plain | starttls | tls


@dataclass(frozen=True)
class Config:
    """All settings of one process. Ports are TCP ports, `data_folder` is absolute."""

    data_folder: Path
    host: str
    port: int
    collector_port: int | None
    public_url: str
    pages_url: str  # of landing pages; empty: there is no host for them
    database_url: str | None
    database_owner_url: str | None
    smtp: SmtpServer | None
    mail_from: str
    is_demo: bool
    secret_key: str | None
    log_level: str
    workers: int
    metrics_port: int | None
    spool_mb: int
    form_limit: int = 5  # submissions a minute from one address; 0: no limit
    meta_graph_url: str = "https://graph.facebook.com/v24.0"
    machine_ranges: tuple[IPv4Network | IPv6Network, ...] = ()  # apart and ascending within each IP version


def read_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Read every setting; raises SettingError at the first that cannot be used."""
    refuse_unknown(environ)
    host, port = environ.get("HOST", "127.0.0.1"), read_port("PORT", environ.get("PORT", "8000"))
    own_port = environ.get("COLLECTOR_PORT")
    collector_port = read_port("COLLECTOR_PORT", own_port) if own_port else None
    database_url = read_database_url("DATABASE_URL", environ)
    public_url = read_public_url(environ.get("PUBLIC_URL") or f"http://127.0.0.1:{port}")
    return Config(
        data_folder=Path(environ.get("CULTIVA_DATA", "data")).expanduser().absolute(),
        host=host,
        port=port,
        collector_port=collector_port,
        public_url=public_url,
        pages_url=read_pages_url(environ.get("PAGES_URL", ""), public_url),
        database_url=database_url,
        database_owner_url=read_database_url("DATABASE_OWNER_URL", environ) or database_url,
        smtp=read_smtp(environ.get("SMTP_URL", "")),
        mail_from=read_mail_from(environ.get("MAIL_FROM", "")),
        is_demo=read_switch("CULTIVA_DEMO", environ.get("CULTIVA_DEMO", "0")),
        secret_key=environ.get("CULTIVA_SECRET_KEY") or None,
        log_level=read_choice("CULTIVA_LOG_LEVEL", environ.get("CULTIVA_LOG_LEVEL", "info"), LOG_LEVELS),
        workers=read_workers(environ.get("CULTIVA_WORKERS", "1")),
        metrics_port=read_metrics_port(environ.get("METRICS_PORT", ""), port, collector_port),
        spool_mb=read_megabytes("CULTIVA_SPOOL_MB", environ.get("CULTIVA_SPOOL_MB", "512")),
        form_limit=read_count("FORM_LIMIT", environ.get("FORM_LIMIT", "5")),
        meta_graph_url=read_address_of_api(
            "META_GRAPH_URL", environ.get("META_GRAPH_URL") or "https://graph.facebook.com/v24.0"
        ),
        machine_ranges=read_machine_ranges(environ.get("CULTIVA_MACHINE_RANGES", "")),
    )


# Set by Cultiva itself for the processes it starts.
INTERNAL = {"CULTIVA_SUPERVISOR_FD"}
SETTINGS = [
    "CULTIVA_DATA",
    "CULTIVA_DEMO",
    "CULTIVA_LOG_LEVEL",
    "CULTIVA_MACHINE_RANGES",
    "CULTIVA_SECRET_KEY",
    "CULTIVA_SPOOL_MB",
    "CULTIVA_WORKERS",
    "FORM_LIMIT",
    "HOST",
    "PORT",
    "COLLECTOR_PORT",
    "METRICS_PORT",
    "META_GRAPH_URL",
    "PAGES_URL",
    "PUBLIC_URL",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "SMTP_URL",
    "MAIL_FROM",
]


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """A misspelt CULTIVA_ name would otherwise be ignored without a word."""
    for name in environ:
        if name.startswith("CULTIVA_") and name not in SETTINGS and name not in INTERNAL:
            nearest = difflib.get_close_matches(name, SETTINGS, n=1)
            raise SettingError(name, environ[name], f"no such setting; nearest: {nearest[0] if nearest else 'none'}")


def read_port(name: str, value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 65535:
        return int(value)
    raise SettingError(name, value, "a whole number from 1 to 65535")


def read_count(name: str, value: str) -> int:
    if value.isascii() and value.isdigit() and int(value) <= 100_000:
        return int(value)
    raise SettingError(name, value, "a whole number from 0 to 100000")


def read_address_of_api(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment:
        return value.rstrip("/")
    raise SettingError(name, value, "an address such as https://graph.facebook.com/v24.0")


def read_workers(value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= MOST_WORKERS:
        return int(value)
    raise SettingError("CULTIVA_WORKERS", value, f"a whole number from 1 to {MOST_WORKERS}")


def read_metrics_port(value: str, port: int, collector_port: int | None) -> int | None:
    """None: off. Not given: the next port that is not the collector's; none is above 65535."""
    if value == "off":
        return None
    if not value:
        found = port + 2 if collector_port == port + 1 else port + 1
        return found if found <= 65535 else None
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 65535 and int(value) not in (port, collector_port):
        return int(value)
    raise SettingError("METRICS_PORT", value, "a port of its own, from 1 to 65535, or off")


def read_megabytes(name: str, value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 1_000_000:
        return int(value)
    raise SettingError(name, value, "whole megabytes, from 1 to 1000000")


def read_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value in choices:
        return value
    raise SettingError(name, value, ", ".join(choices))


def read_switch(name: str, value: str) -> bool:
    return read_choice(name, value, ("0", "1")) == "1"


def read_public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment:
        return value.rstrip("/")
    raise SettingError("PUBLIC_URL", value, "an address such as https://leads.example.com")


def read_pages_url(value: str, public_url: str) -> str:
    """Not given: the other name of this machine, where PUBLIC_URL is one of them; browsers keep the two apart."""
    staff = urlsplit(public_url)
    if not value:
        other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}.get(staff.hostname or "")
        port = f":{staff.port}" if staff.port else ""
        return f"{staff.scheme}://{other}{port}" if other else ""
    parts = urlsplit(value.rstrip("/"))
    is_address = parts.scheme in ("http", "https") and parts.hostname and not (parts.path or parts.query)
    if not is_address or parts.hostname == staff.hostname:
        raise SettingError("PAGES_URL", value, "https://pages.example.com, without a path, not the host of PUBLIC_URL")
    return value.rstrip("/")


def read_database_url(name: str, environ: Mapping[str, str]) -> str | None:
    value = environ.get(name)
    if not value:
        return None
    try:
        known = conninfo_to_dict(value)
    except Exception as error:
        raise SettingError(name, hide_password(value), "postgresql://user:password@host:5432/name") from error
    if not value.startswith(("postgresql://", "postgres://")) or not known.get("dbname"):
        raise SettingError(name, hide_password(value), "postgresql://user:password@host:5432/name")
    return value


def read_smtp(value: str) -> SmtpServer | None:
    if not value:
        return None
    accepted = "smtp://host:25, smtp+tls://user:password@host:587 (STARTTLS) or smtps://user:password@host:465"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise SettingError("SMTP_URL", hide_password(value), accepted) from error
    if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
        raise SettingError("SMTP_URL", hide_password(value), accepted)
    return SmtpServer(
        host=parts.hostname,
        port=port or SMTP_SCHEMES[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        security={"smtp": "plain", "smtp+tls": "starttls", "smtps": "tls"}[parts.scheme],
    )


def read_mail_from(value: str) -> str:
    """The sender's address; empty: each workspace sends from its own contact address."""
    if value and ("@" not in value or any(c in value for c in "\r\n<> ")):
        raise SettingError("MAIL_FROM", value, "one bare address such as hola@example.com")
    return value


def read_machine_ranges(path: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks from a text file, one a line; what follows a # is a remark."""
    name, accepted = "CULTIVA_MACHINE_RANGES", "a file of networks such as 66.249.64.0/19, one a line, # for remarks"
    if not path:
        return ()
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingError(name, path, f"{accepted} (this one cannot be read: {reason})") from error
    fours: list[IPv4Network] = []
    sixes: list[IPv6Network] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            network = ip_network(text)
        except ValueError as error:
            raise SettingError(name, path, f"{accepted} (line {number}: {error})") from error
        if isinstance(network, IPv4Network):
            fours.append(network)
        else:
            sixes.append(network)
    return (*collapse_addresses(fours), *collapse_addresses(sixes))


def hide_password(url: str) -> str:
    head, separator, tail = url.rpartition("@")
    if not separator or "//" not in head:
        return url
    scheme, _, login = head.partition("//")
    return f"{scheme}//{login.partition(':')[0]}:…@{tail}"
