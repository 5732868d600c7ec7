"""`cultiva workspace`, `cultiva user`, `cultiva source`: what staff set up by clicking, by command."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click

from cultiva.cli.environment import product, say

Option = Callable[[Callable[..., None]], Callable[..., None]]

of_workspace: Option = click.option("--workspace", required=True, help="The workspace's slug.")
as_json: Option = click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")


def with_language(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--time-zone", default="Europe/Madrid", show_default=True)(command)
    return click.option("--language", default="es", show_default=True)(command)


@click.group()
def workspace() -> None:
    """Workspaces."""


@workspace.command("create")
@click.option("--name", required=True)
@click.option("--slug", default="", help="Its name in addresses; made from the name if absent.")
@with_language
@as_json
def create_workspace_command(name: str, slug: str, language: str, time_zone: str, is_json: bool) -> None:
    """Make a workspace. `cultiva apply` brings its documents."""
    with product():
        from cultiva.accounts.actions import create_workspace
        from cultiva.lib import clock

        made = create_workspace(name=name, slug=slug, language=language, time_zone=time_zone, at=clock.now())
        report({"id": made.id, "slug": made.slug, "name": made.name}, is_json)


@click.group()
def user() -> None:
    """Users."""


@user.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@of_workspace
@click.option("--role", default="owner", show_default=True)
@with_language
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@as_json
def create_user_command(
    email: str, name: str, workspace: str, role: str, language: str, time_zone: str, password_stdin: bool,
    is_json: bool,
) -> None:  # fmt: skip
    """Make a user, or add one who exists, to a workspace; prints a one-time sign-in link."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    with product():
        from cultiva.accounts.actions import create_user, grant_role
        from cultiva.accounts.models import User
        from cultiva.lib import clock

        at, place = clock.now(), named_workspace(workspace)
        person: User = User.objects.with_email(email).first() or create_user(
            email=email, full_name=name, password=password, language=language, time_zone=time_zone, at=at
        )
        grant_role(workspace_id=place.id, user=person, role=role, at=at, actor="cli")
        report({"id": person.id, "email": person.email, "role": role, "sign_in_link": sign_in_address(person)}, is_json)


@user.command("link")
@click.argument("email")
@as_json
def link(email: str, is_json: bool) -> None:
    """A one-time sign-in link for a user, good for a day."""
    with product():
        from cultiva.accounts.models import User

        person = User.objects.with_email(email).first()
        if person is None:
            raise ValueError(f"There is no user {email}.\nhint: cultiva user create --email {email} ...")
        report({"email": person.email, "sign_in_link": sign_in_address(person)}, is_json)


@user.command("welcome", hidden=True)
def welcome() -> None:
    """What `cultiva up` says once it runs: how to sign in."""
    with product() as config:
        from cultiva.accounts.models import User

        person = User.objects.filter(is_active=True).order_by("id").first()
        if person is None:
            say(
                "Nobody can sign in yet. In another terminal:\n"
                "  .venv/bin/cultiva workspace create --name 'My company'\n"
                "  .venv/bin/cultiva user create --workspace my-company --email you@example.com --name You"
            )
        elif config.is_demo:
            say(f"Sign in as {person.full_name}, once: {sign_in_address(person)}")


@click.group()
def source() -> None:
    """Event sources: sites, apps and servers that send events."""


@source.command("create")
@of_workspace
@click.option("--key", required=True, help="Its name in criteria and reports, for example web.")
@click.option("--name", required=True)
@click.option(
    "--kind",
    default="site",
    show_default=True,
    help="site, server, or a shop's kind such as shopify. A site's key is publishable; a server's is secret.",
)
@click.option(
    "--basis",
    type=click.Choice(["consent", "contract", "legitimate_interest", "legal_obligation"]),
    help="On what grounds a server or shop tells of people.",
)
@click.option("--basis-note", default="", help="Where that is written down.")
@click.option("--secret-stdin", is_flag=True, help="Read what the shop signs its webhooks with from standard input.")
@as_json
def create_source_command(
    workspace: str,
    key: str,
    name: str,
    kind: str,
    basis: str | None,
    basis_note: str,
    secret_stdin: bool,
    is_json: bool,
) -> None:
    """Make a source and its write key (a secret one is shown this once), or the address of a shop's webhooks."""
    secret = sys.stdin.readline().rstrip("\n") if secret_stdin else ""
    with product():
        from cultiva.events.connectors import address_of
        from cultiva.events.sources import create_source
        from cultiva.lib import clock
        from cultiva.lib.plugins import plugin

        if kind not in ("site", "server"):
            plugin("connectors", kind)  # raises what is installed
            if not secret:
                raise ValueError(
                    f"A {kind} source needs the secret.\nhint: echo SECRET | cultiva source create --secret-stdin ..."
                )
        made, write_key = create_source(
            workspace_id=named_workspace(workspace).id, key=key, name=name, kind=kind, secret=secret,
            basis=basis or "", basis_note=basis_note, at=clock.now(),
        )  # fmt: skip
        if kind not in ("site", "server"):
            report({"id": made.id, "key": made.key, "address": address_of(made)}, is_json)
            return
        report({"id": made.id, "key": made.key, "write_key": write_key}, is_json)


@source.command("list")
@of_workspace
@as_json
def list_sources_command(workspace: str, is_json: bool) -> None:
    """Every source of a workspace, and how many of its keys are good."""
    with product():
        from cultiva.events.models import EventSource
        from cultiva.lib.database import workspace_scope

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            found = EventSource.objects.filter(workspace_id=place.id).order_by("key").prefetch_related("keys")
            rows = [
                {
                    "id": each.id, "key": each.key, "name": each.name, "kind": each.kind,
                    "write_keys": [key.shown for key in each.keys.all() if key.revoked_at is None],
                    "stopped_at": str(each.stopped_at or ""),
                }
                for each in found
            ]  # fmt: skip
        report_rows(rows, is_json)


@source.command("stop")
@of_workspace
@click.argument("key")
@as_json
def stop_source_command(workspace: str, key: str, is_json: bool) -> None:
    """From now on its write keys are unknown; what it sent stays."""
    with product():
        from cultiva.accounts.actions import record_audit
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope

        place, at = named_workspace(workspace), clock.now()
        with workspace_scope(place.id):
            found = named_source(place, key)
            if found.stopped_at is None:
                found.stopped_at = at
                found.save(update_fields=["stopped_at"])
                record_audit(workspace_id=place.id, actor="cli", action="source.stopped", target=f"source:{key}", at=at)
        report({"id": found.id, "key": found.key, "stopped_at": str(found.stopped_at)}, is_json)


@source.command("key")
@of_workspace
@click.argument("key")
@click.option("--kind", type=click.Choice(["publishable", "secret"]), help="As its source's first key if absent.")
@click.option("--revoke", "ending", default="", help="End the key with these last four characters; make none.")
@click.option("--revoke-others", is_flag=True, help="End the keys of before at once.")
@as_json
def source_key_command(
    workspace: str, key: str, kind: str | None, ending: str, revoke_others: bool, is_json: bool
) -> None:
    """A further write key of a source: the way to change keys without a gap."""
    with product():
        from cultiva.accounts.actions import record_audit
        from cultiva.events.models import WriteKey
        from cultiva.events.sources import create_write_key
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope

        place, at = named_workspace(workspace), clock.now()
        with workspace_scope(place.id):
            found = named_source(place, key)
            kind = kind or ("publishable" if found.kind == "site" else "secret")
            others = WriteKey.objects.filter(workspace_id=place.id, source_id=found.id, revoked_at=None)
            over = others.filter(shown__endswith=ending) if ending else others
            revoked = over.update(revoked_at=at) if ending or revoke_others else 0
            if ending and not revoked:
                raise ValueError(f"No key of {key!r} ends in {ending!r}.\nhint: cultiva source list shows them")
            write_key = ""
            if not ending:
                _row, write_key = create_write_key(workspace_id=place.id, source_id=found.id, kind=kind, at=at)
            record_audit(
                workspace_id=place.id, actor="cli", action="write_key.changed", target=f"source:{key}",
                detail={"made": kind if write_key else "", "revoked": revoked}, at=at,
            )  # fmt: skip
        report({"id": found.id, "key": found.key, "write_key": write_key, "revoked": revoked}, is_json)


def named_source(place: Any, key: str) -> Any:
    from cultiva.events.models import EventSource

    found = EventSource.objects.filter(workspace_id=place.id, key=key).first()
    if found is None:
        raise ValueError(f"There is no source {key!r}.\nhint: cultiva source list --workspace {place.slug}")
    return found


def named_workspace(slug: str) -> Any:
    from cultiva.accounts.actions import find_workspace

    found = find_workspace(slug)
    if found is None:
        raise ValueError(f"There is no workspace {slug!r}.\nhint: cultiva workspace create --name ...")
    return found


def sign_in_address(person: Any) -> str:
    from django.conf import settings

    from cultiva.accounts.actions import make_sign_in_link
    from cultiva.lib import clock

    token = make_sign_in_link(user=person, at=clock.now(), life=timedelta(days=1))
    return f"{settings.PUBLIC_URL}/sign-in/{token}"


def report(facts: dict[str, Any], is_json: bool) -> None:
    say(json.dumps(facts, ensure_ascii=False) if is_json else "\n".join(f"{k}: {v}" for k, v in facts.items()))


def report_rows(rows: list[dict[str, Any]], is_json: bool) -> None:
    """A JSON array, or a line for each."""
    if is_json:
        say(json.dumps(rows, ensure_ascii=False))
    else:
        say("\n".join("  ".join(f"{k}: {v}" for k, v in row.items() if v not in ("", None)) for row in rows) or "None.")
