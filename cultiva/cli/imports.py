"""`cultiva import`: bringing leads and events in from files."""

from pathlib import Path
from typing import Any

import click

from cultiva.cli.accounts import as_json, named_workspace, of_workspace, report
from cultiva.cli.environment import product, say

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTCOMES = ("rows", "created", "updated", "unchanged", "duplicate", "invalid", "suppressed", "opted_out",
            "without_basis")  # fmt: skip


@click.group("import")
def import_group() -> None:
    """Leads and events from files."""


@import_group.command("leads")
@click.argument("file", type=FILE)
@of_workspace
@click.option("--preset", default="", help="hubspot, mautic, mailchimp, odoo or brevo; recognised by itself.")
@click.option("--map", "maps", multiple=True, help="column=attribute, or column= to leave it out. Repeatable.")
@click.option(
    "--basis",
    type=click.Choice(["proof", "declared", "customers", "none"]),
    required=True,
    help="Why these people may be worked with; see docs/guides/import.md.",
)
@click.option("--purpose", "purposes", multiple=True, help="A purpose the proof or declaration covers. Repeatable.")
@click.option("--declared-by", default="", help="E-mail of the user who declares (--basis declared).")
@click.option("--document", type=FILE, help="The document of the declaration; it is kept.")
@click.option("--incomplete", type=click.Choice(["reject", "none"]), default="reject", show_default=True,
              help="What becomes of rows whose proof is not whole.")  # fmt: skip
@click.option("--addresses-confirmed", is_flag=True, help="The declaration says that addresses were confirmed too.")
@click.option("--time-zone", default="", help="Of times without one; the workspace's if absent.")
@click.option("--encoding", default="", help="Where the detection is wrong: utf-8, cp1252, ...")
@click.option("--delimiter", default="", help="Where the detection is wrong.")
@click.option("--dry-run", is_flag=True, help="Count what it would do, and do nothing.")
@as_json
def import_leads(
    file: Path, workspace: str, preset: str, maps: tuple[str, ...], basis: str, purposes: tuple[str, ...],
    declared_by: str, document: Path | None, incomplete: str, addresses_confirmed: bool, time_zone: str,
    encoding: str, delimiter: str, dry_run: bool, is_json: bool,
) -> None:  # fmt: skip
    """Bring in people, with what they consented to."""
    more = {"purposes": purposes, "incomplete": incomplete, "covers_confirmation": addresses_confirmed}
    run_file(
        "leads", file, workspace, maps=maps, preset=preset, basis=basis, declared_by=declared_by, document=document,
        time_zone=time_zone, encoding=encoding, delimiter=delimiter, dry_run=dry_run, is_json=is_json, more=more,
    )  # fmt: skip


@import_group.command("events")
@click.argument("file", type=FILE)
@of_workspace
@click.option("--source", default="", help="The key of the source to put them down to; `import` if absent.")
@click.option("--map", "maps", multiple=True, help="column=target; see docs/reference/imports.md. Repeatable.")
@click.option("--time-zone", default="", help="Of times without one; the workspace's if absent.")
@click.option("--encoding", default="")
@click.option("--delimiter", default="")
@click.option("--dry-run", is_flag=True, help="Count what it would do, and do nothing.")
@as_json
def import_events(
    file: Path, workspace: str, source: str, maps: tuple[str, ...], time_zone: str, encoding: str, delimiter: str,
    dry_run: bool, is_json: bool,
) -> None:  # fmt: skip
    """Bring in history: what people did, at its own times. The same file again changes nothing."""
    run_file(
        "events", file, workspace, maps=maps, time_zone=time_zone, encoding=encoding, delimiter=delimiter,
        dry_run=dry_run, is_json=is_json, more={"event_source": source},
    )  # fmt: skip


@import_group.command("list")
@of_workspace
@as_json
def list_command(workspace: str, is_json: bool) -> None:
    """The imports of a workspace, newest first."""
    with product():
        from cultiva.capture.imports.running import list_imports
        from cultiva.lib.database import workspace_scope

        place = named_workspace(workspace)
        with workspace_scope(place.id):
            for run in list_imports(workspace_id=place.id):
                facts = {"id": run.id, "kind": run.kind, "file": run.name, "state": run.state,
                         "position": run.position, "counts": run.counts}  # fmt: skip
                say(f"{run.id:>6}  {run.state:<9} {run.kind:<7} {run.name}  {_words(run.counts)}") if not is_json else (
                    report(facts, is_json)
                )


@import_group.command("undo")
@click.argument("import_id", type=int)
@of_workspace
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def undo_command(import_id: int, workspace: str, yes: bool, is_json: bool) -> None:
    """Take a whole import of leads back; opt-outs that it brought stay."""
    with product():
        from dataclasses import asdict

        from cultiva.capture.imports.undoing import go_on_undoing, preview_undo, start_undo
        from cultiva.lib import clock

        run = find(workspace, import_id)
        if run.state != "undoing":
            preview = preview_undo(run=run)
            if not yes:
                click.confirm(
                    f"Removes {preview.removed} leads, keeps {preview.kept} that something else touched since, gives"
                    f" {preview.reverted} their values back; {preview.opt_outs} opt-outs stay. Go on?",
                    abort=True,
                )
            run = start_undo(run=run, at=clock.now(), actor="cli")
        else:
            preview = None
        run = go_on_undoing(run=run, now=clock.now)
        report({"id": run.id, "state": run.state} | (asdict(preview) if preview else {}), is_json)


def run_file(
    kind: str, file: Path, workspace: str, *, maps: tuple[str, ...], dry_run: bool, is_json: bool, time_zone: str,
    encoding: str, delimiter: str, more: dict[str, Any], preset: str = "", basis: str = "", declared_by: str = "",
    document: Path | None = None,
) -> None:  # fmt: skip
    """Keep the file, say how it is taken, rehearse or run it here; a worker finishes it where this is killed."""
    with product():
        from dataclasses import replace

        from cultiva.capture.imports.running import (
            create_import,
            go_on,
            prepare,
            rehearse,
            set_dialect,
            set_document,
            start,
            suggest_plan,
            take_lease,
        )
        from cultiva.lib import clock

        place = named_workspace(workspace)
        user = named_user(declared_by, place.id) if declared_by else None
        with file.open("rb") as content:
            run = create_import(workspace_id=place.id, kind=kind, name=file.name, file=content, at=clock.now())
        overrides = {k: v for k, v in {"encoding": encoding, "delimiter": delimiter}.items() if v}
        if overrides:
            set_dialect(run=run, **overrides)
        plan = suggest_plan(run=run, language=place.language, time_zone=time_zone or place.time_zone, preset=preset)
        if time_zone:
            plan = replace(plan, time_zone=time_zone)
        plan = remap(replace(plan, **more), maps)
        if document:
            with document.open("rb") as content:
                set_document(run=run, name=document.name, file=content)
        run = prepare(run=run, plan=plan, basis=basis, declared_by=user)
        if dry_run:
            counts = rehearse(run=run, at=clock.now())
            report({"id": run.id, "state": "checked", "preset": plan.preset, **counts}, is_json)
            return
        run = start(run=run, at=clock.now(), actor=f"user:{user.id}" if user else "cli")
        leased = take_lease(workspace_id=place.id, import_id=run.id)
        if leased is None:
            report({"id": run.id, "state": "running", "note": "a worker has taken it"}, is_json)
            return

        def tell(run: Any) -> None:
            if not is_json:
                click.echo(f"\r{run.position} rows …", nl=False, err=True)

        run = go_on(run=leased, now=clock.now, progress=tell)
        if not is_json:
            click.echo("", err=True)
        counts = {key: run.counts.get(key, 0) for key in OUTCOMES if key in run.counts}
        report({"id": run.id, "state": run.state, "preset": plan.preset, **counts}, is_json)
        if run.problem:
            raise ValueError(run.problem)


def remap(plan: Any, maps: tuple[str, ...]) -> Any:
    from dataclasses import replace

    columns = dict(plan.columns)
    for each in maps:
        name, found, target = each.rpartition("=")
        if not found or name not in columns:
            raise ValueError(f"--map {each!r}: no such column.\nhint: the file has: {', '.join(columns)}")
        columns[name] = replace(columns[name], target=target)
    return replace(plan, columns=columns)


def named_user(email: str, workspace_id: int) -> Any:
    from cultiva.accounts.models import Membership
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        members = Membership.objects.select_related("user").filter(workspace_id=workspace_id)
        found = members.filter(user__email=email.strip().casefold()).first()
    if found is None:
        raise ValueError(f"No user {email} in this workspace.\nhint: cultiva user create --workspace … --email {email}")
    return found.user


def find(workspace: str, import_id: int) -> Any:
    from cultiva.capture.imports.running import find_import
    from cultiva.lib.database import workspace_scope

    place = named_workspace(workspace)
    with workspace_scope(place.id):
        run = find_import(workspace_id=place.id, import_id=import_id)
    if run is None:
        raise ValueError(f"There is no import {import_id} here.\nhint: cultiva import list --workspace {workspace}")
    return run


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[key]} {key}" for key in OUTCOMES if counts.get(key))
