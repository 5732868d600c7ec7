"""What every command needs before Django can be set up: settings, the secret key, a database that runs."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cultiva.lib.config import Config, SettingError, read_config
from cultiva.lib.postgres import EmbeddedPostgres, resolve_data_folder


@contextmanager
def running_database() -> Iterator[tuple[Config, EmbeddedPostgres | None]]:
    """Settings, with DATABASE_URL and the secret key in the environment for this process and its children.

    Without a DATABASE_URL the embedded PostgreSQL of the data folder is started, or joined where it runs; with one
    there is no server of ours.
    """
    config = prepare_data_folder(read_config())
    if config.database_url:
        yield config, None
        return
    server = EmbeddedPostgres(config.data_folder / "postgres")
    with server as urls:
        os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = urls.app, urls.owner
        yield read_config(), server


@contextmanager
def product() -> Iterator[Config]:
    """The database running and Django set up: what commands that touch the domain start with."""
    with running_database() as (config, _server):
        set_up_django()
        yield config


def set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
    import django

    django.setup()


def prepare_data_folder(config: Config) -> Config:
    """Make the data folder and the installation's secret key."""
    folder, notice = resolve_data_folder(config.data_folder)
    if notice:
        click.echo(notice, err=True)
        os.environ["CULTIVA_DATA"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("CULTIVA_SECRET_KEY", read_secret_key(folder / "secret_key"))
    except OSError as error:
        raise SettingError("CULTIVA_DATA", str(folder), f"a folder that can be written ({error.strerror})") from error
    return read_config()


def read_secret_key(path: Path) -> str:
    """Made once; links and tokens already sent depend on it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip() or _refuse_empty(path)
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_hex(32)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _refuse_empty(path: Path) -> str:
    raise SettingError("CULTIVA_DATA", str(path), "a secret key of its own; this file is empty, remove it")


def say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()
