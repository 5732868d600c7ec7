"""`cultiva plan`, `cultiva apply`, `cultiva pull`: documents as files.

Exit status of `plan`: 0 nothing to do, 2 there are changes, 1 an error. Of the others: 0 done, 1 an error.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cultiva.cli.accounts import named_workspace
from cultiva.cli.environment import product, say

MARKS = {"created": "+", "changed": "~", "deleted": "-", "unchanged": " "}
COLOURS = {"created": "green", "changed": "yellow", "deleted": "red"}
FOLDER = click.Path(path_type=Path)


class Command(click.Command):
    """Whatever cannot be done ends with 1: 2 says that there are changes."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            error.exit_code = 1  # type: ignore[misc]
            raise

    def invoke(self, ctx: click.Context) -> Any:
        from cultiva.lib.config import SettingError
        from cultiva.lib.postgres import PostgresError

        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.exit_code = 1  # type: ignore[misc]
            raise
        except (SettingError, PostgresError, ValueError, LookupError, OSError) as error:
            if isinstance(error, (KeyError, IndexError, UnicodeError, BrokenPipeError)):
                raise
            click.echo(f"error: {error}", err=True)
            sys.exit(1)


def common(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "is_json", is_flag=True, help="Print one JSON object."),
        click.option("--full", is_flag=True, help="Show new documents whole, too."),
        click.option(
            "--delete", "deletions", multiple=True, metavar="KIND/KEY",
            help="Take out a document that has no file any more. Repeatable.",
        ),
        click.option(
            "--workspace", "workspaces", multiple=True, required=True, help="The workspace's slug. Repeatable."
        ),
        click.argument("folder", type=FOLDER),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(cls=Command)
@common
def plan(folder: Path, workspaces: tuple[str, ...], deletions: tuple[str, ...], full: bool, is_json: bool) -> None:
    """What applying FOLDER would change. Nothing is changed; exit status 2 where something would be."""
    with product():
        plans = make_plans(folder, workspaces, deletions)
        if is_json:
            say(as_json(plans))
        else:
            for each in plans:
                tell(each, full)
    if any(each.problems for each in plans):
        sys.exit(1)
    sys.exit(2 if any(each.changes for each in plans) else 0)


@click.command(cls=Command)
@common
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--overwrite", is_flag=True, help="Also what was changed in the product since the last apply.")
def apply(
    folder: Path, workspaces: tuple[str, ...], deletions: tuple[str, ...], full: bool, is_json: bool, yes: bool,
    overwrite: bool,
) -> None:  # fmt: skip
    """Put the documents of FOLDER in force: in each workspace all of them or none."""
    with product():
        plans = make_plans(folder, workspaces, deletions)
        if not is_json:
            for each in plans:
                tell(each, full)
        check(plans, overwrite, is_json)
        if any(each.changes for each in plans) and not yes:
            ask(plans, is_json)
        outcomes = [apply_to(each, folder, deletions, overwrite) for each in plans]
        if is_json:
            say(json.dumps({"workspaces": outcomes}, ensure_ascii=False))
        for each in outcomes:
            if not is_json:
                say(f"{each['workspace']}: {each['outcome']}")
    if any(each["error"] for each in outcomes):
        sys.exit(1)


@click.command(cls=Command)
@click.argument("folder", type=FOLDER)
@click.option("--workspace", required=True, help="The workspace's slug.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def pull(folder: Path, workspace: str, is_json: bool) -> None:
    """Write what a workspace has now to FOLDER, a file a document, and take that for applied. Other files stay."""
    with product():
        from cultiva.documents.applying import pull as pull_documents
        from cultiva.documents.applying import remember_pulled
        from cultiva.documents.trees import read_folder, write_folder
        from cultiva.lib import clock

        workspace_id = named_workspace(workspace).id
        tree = pull_documents(workspace_id=workspace_id)
        written = write_folder(tree, folder)
        remember_pulled(workspace_id=workspace_id, tree=tree, by="cli", at=clock.now())
        others = sorted(read_folder(folder).keys() - tree.keys())
    if is_json:
        done = {"workspace": workspace, "files": sorted(tree), "written": written, "others": others}
        say(json.dumps(done, ensure_ascii=False))
    else:
        for path in written:
            say(f"wrote {path}")
        for path in others:
            say(f"{path} is not in the product, and stays")
        say(f"{len(tree)} files, {len(written)} of them written")


def make_plans(folder: Path, workspaces: tuple[str, ...], deletions: tuple[str, ...]) -> list[Any]:
    from cultiva.documents.planning import plan_files
    from cultiva.documents.reading import read_tree
    from cultiva.documents.trees import read_folder
    from cultiva.lib import clock

    places = [named_workspace(slug) for slug in dict.fromkeys(workspaces)]
    delete = [named_document(each) for each in deletions]
    given, problems = read_tree(read_folder(folder))
    if not given and not problems and not delete:
        raise ValueError(
            f"There is no document in {folder}.\nhint: a document is a file such as models/readiness.yaml;"
            f" cultiva pull {folder} writes those that a workspace has"
        )
    return [
        plan_files(workspace_id=place.id, given=given, problems=problems, delete=delete, by="cli", at=clock.now())
        for place in places
    ]


def named_document(word: str) -> tuple[str, str]:
    kind, found, key = word.partition("/")
    if not (kind and found and key):
        raise ValueError(f"--delete {word!r} names no document.\nhint: KIND/KEY, such as segment/old-customers")
    return kind, key


def check(plans: list[Any], overwrite: bool, is_json: bool) -> None:
    """End here where something cannot be applied: then nothing is, in no workspace."""
    from cultiva.documents.applying import drift_words

    message = ""
    if any(each.problems for each in plans):
        message = "Nothing was changed: mend the problems first."
    elif not overwrite and (drifted := [each for each in plans if each.drift]):
        message = "\n".join(f"{each.workspace}: {drift_words(each)}" for each in drifted)
    if message:
        if is_json:
            say(as_json(plans))
        click.echo(f"error: {message}", err=True)
        sys.exit(1)


def ask(plans: list[Any], is_json: bool) -> None:
    count = sum(len(each.changes) for each in plans)
    where = ", ".join(each.workspace for each in plans if each.changes)
    if not sys.stdin.isatty() and is_json:
        raise ValueError("There is nobody to ask.\nhint: --yes applies without asking")
    if not click.confirm(f"Apply {count} changes to {where}?", err=True):
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)


def apply_to(plan: Any, folder: Path, deletions: tuple[str, ...], overwrite: bool) -> dict[str, Any]:
    """What became of one workspace: the plan that was shown, or nothing."""
    from cultiva.documents.applying import apply_files
    from cultiva.documents.reading import read_tree
    from cultiva.documents.trees import read_folder
    from cultiva.lib import clock

    given, problems = read_tree(read_folder(folder))
    outcome = {"workspace": plan.workspace, **plan.as_json()}
    try:
        done = apply_files(
            workspace_id=named_workspace(plan.workspace).id, given=given, problems=problems,
            delete=[named_document(each) for each in deletions], overwrite=overwrite, expected=plan.digest, by="cli",
            at=clock.now(),
        )  # fmt: skip
    except ValueError as error:
        return outcome | {"outcome": f"nothing was changed: {error}", "error": str(error)}
    words = f"{len(done.changes)} changes applied" if done.changes else "nothing to do"
    return outcome | {**done.as_json(), "outcome": words, "error": ""}


def as_json(plans: list[Any]) -> str:
    return json.dumps({"workspaces": [each.as_json() for each in plans]}, ensure_ascii=False)


def tell(plan: Any, full: bool) -> None:
    """A plan for people: what changes and how, what was changed elsewhere, what is wrong."""
    say(click.style(f"Workspace {plan.workspace}", bold=True))
    for step in plan.changes:
        say(click.style(f"  {MARKS[step.status]} {step.path} is {_will(step.status)}", fg=COLOURS[step.status]))
        if step.is_drift:
            say(f"    drift: changed in the product since it was applied on {step.drifted_since:%Y-%m-%d %H:%M} UTC")
        for note in step.notes:
            say(f"    note: {note}")
        for line in step.diff.splitlines() if full or step.status != "created" else ():
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            say("    " + click.style(line, fg=colour) if colour else f"    {line}")
    if plan.only_in_product:
        say("  only in the product, and they stay (--delete takes one out):")
        say("\n".join(f"    {kind}/{key}" for kind, key in plan.only_in_product))
    for problem in plan.problems:
        click.echo(click.style(f"error: {problem}", fg="red"), err=True)
    counts = plan.counts
    say(
        f"  {counts['created']} to create, {counts['changed']} to change, {counts['deleted']} to delete,"
        f" {counts['unchanged']} unchanged, {len(plan.drift)} drifted, {len(plan.problems)} problems"
    )


def _will(status: str) -> str:
    return {"created": "new", "changed": "changed", "deleted": "taken out"}[status]
