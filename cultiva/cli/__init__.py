"""The command `cultiva`."""

import importlib
import sys

import click

from cultiva import __version__
from cultiva.lib.config import SettingError
from cultiva.lib.postgres import PostgresError

COMMANDS = {
    "up": "up",
    "web": "processes",
    "collector": "processes",
    "worker": "processes",
    "migrate": "database",
    "doctor": "doctor",
    "demo": "demo",
    "archive": "archive",
    "clock": "clock",
    "workspace": "accounts",
    "user": "accounts",
    "source": "accounts",
    "flow": "flow",
    "rebuild": "rebuild",
    "apikey": "api_keys",
    "import": "imports",
    "segment": "segments",
    "score": "scores",
    "plan": "documents",
    "apply": "documents",
    "pull": "documents",
    "bulk": "bulk",
    "persona": "personas",
    "consent": "consent",
    "privacy": "privacy",
}
NAMED = {"import": "import_group"}  # `import` cannot be a function's name


class Commands(click.Group):
    """Loads a command's module when it is asked for: `cultiva up` stays small."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cultiva.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, NAMED.get(cmd_name, cmd_name))
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cultiva() -> None:
    """Cultiva, a self-hosted lead platform."""


def main() -> None:
    """Errors that a person can mend are told in two lines, without a traceback; exit status 2."""
    try:
        cultiva(prog_name="cultiva")
    except (SettingError, PostgresError, ValueError, LookupError) as error:
        if isinstance(error, (KeyError, IndexError, UnicodeError)):
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
