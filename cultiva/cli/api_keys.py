"""`cultiva apikey`: what programs prove themselves by at the API."""

from datetime import UTC, datetime
from typing import Any

import click

from cultiva.cli.accounts import as_json, named_workspace, of_workspace, report, report_rows
from cultiva.cli.environment import product

ACTOR = "cli"


@click.group()
def apikey() -> None:
    """API keys: for programs that read or write leads."""


@apikey.command("create")
@of_workspace
@click.option("--name", required=True, help="Which program it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; * for all. May be repeated.")
@click.option("--expires", default="", help="An instant such as 2027-01-31 or 2027-01-31T12:00:00Z; never if absent.")
@click.option("--requests-per-minute", type=int, default=600, show_default=True)
@as_json
def create_api_key_command(
    workspace: str, name: str, scopes: tuple[str, ...], expires: str, requests_per_minute: int, is_json: bool
) -> None:
    """Make a key; it is shown this once."""
    with product():
        from cultiva.accounts.api_keys import create_api_key
        from cultiva.lib import clock

        key, secret = create_api_key(
            workspace_id=named_workspace(workspace).id,
            name=name,
            scopes=scopes,
            expires_at=read_instant(expires) if expires else None,
            requests_per_minute=requests_per_minute,
            by=ACTOR,
            at=clock.now(),
        )
        report({"id": key.id, "name": key.name, "scopes": key.scopes, "api_key": secret}, is_json)


@apikey.command("list")
@of_workspace
@as_json
def list_api_keys_command(workspace: str, is_json: bool) -> None:
    """Every key of a workspace, without its secret."""
    with product():
        from cultiva.accounts.api_keys import api_keys_of
        from cultiva.lib.database import workspace_scope

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            rows = [facts(key) for key in api_keys_of(place.id)]
        report_rows(rows, is_json)


@apikey.command("revoke")
@of_workspace
@click.argument("key_id", type=int)
@as_json
def revoke_api_key_command(workspace: str, key_id: int, is_json: bool) -> None:
    """End a key at once, for good."""
    with product():
        from cultiva.accounts.api_keys import revoke_api_key
        from cultiva.lib import clock

        key = revoke_api_key(
            workspace_id=named_workspace(workspace).id, key_id=key_id, by=ACTOR, at=clock.now()
        )  # fmt: skip
        report(facts(key), is_json)


def facts(key: Any) -> dict[str, Any]:
    instants = ("created_at", "expires_at", "last_used_at", "revoked_at")
    return {
        "id": key.id, "name": key.name, "ends_in": key.shown, "scopes": key.scopes,
        "requests_per_minute": key.requests_per_minute,
    } | {name: str(getattr(key, name) or "") for name in instants}  # fmt: skip


def read_instant(text: str) -> datetime:
    """ISO 8601, UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no instant.\nhint: for example 2027-01-31 or 2027-01-31T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
