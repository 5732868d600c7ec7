"""`cultiva consent`: the proof, verified, sealed and handed out."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say


@click.group()
def consent() -> None:
    """The proof of consents."""


@consent.command()
@click.option("--workspace", "slug", default="", help="The workspace's slug; every workspace if absent.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def verify(slug: str, is_json: bool) -> None:
    """Look for tampering: every chain from its beginning, its seals, the texts. Exit status 1 where something was."""
    with product():
        found = [(place, _verify(place.id, is_json)) for place in _places(slug)]
    if is_json:
        rows = [{"workspace": place.slug, "is_whole": each.is_whole} | asdict(each) for place, each in found]
        say(json.dumps({"is_whole": all(each.is_whole for _, each in found), "workspaces": rows}, ensure_ascii=False))
    else:
        for place, each in found:
            _tell(place.slug, each)
    if not all(each.is_whole for _, each in found):
        sys.exit(1)


@consent.command()
@of_workspace
def seal(workspace: str) -> None:
    """Seal the chains that grew, now; the product does so every half hour."""
    from datetime import UTC, datetime

    with product():
        from cultiva.consent.sealing import seal_chains
        from cultiva.lib import clock

        place = named_workspace(workspace)
        made = seal_chains(workspace_id=place.id, at=clock.now(), real_now=datetime.now(UTC))
    for each in made:
        say(f"seal {each.ordinal}: {each.heads} chains, root {each.root}")
    if not made:
        say("No chain grew since the last seal.")


def _places(slug: str) -> list[Any]:
    from cultiva.accounts.actions import workspace_ids
    from cultiva.accounts.models import Workspace
    from cultiva.lib.database import workspace_scope

    if slug:
        return [named_workspace(slug)]
    places = []
    for workspace_id in workspace_ids():
        with workspace_scope(workspace_id):
            places.append(Workspace.objects.get(id=workspace_id))
    return places


def _verify(workspace_id: int, is_quiet: bool) -> Any:
    from cultiva.consent.verifying import verify_workspace

    def progress(done: int, of: int) -> None:
        click.echo(f"\r{done:,} of {of:,} acts", nl=done >= of, err=True)

    shown = None if is_quiet or not sys.stderr.isatty() else progress
    return verify_workspace(workspace_id=workspace_id, progress=shown)


def _tell(slug: str, report: Any) -> None:
    for finding in report.findings:
        say(f"{slug}: {finding}")
    what = (
        f"{report.chains} chains with {report.acts} acts, {report.sealed_chains} of them sealed in {report.seals} seals"
    )
    emptied = f"; {report.emptied} payloads were erased" if report.emptied else ""
    verdict = "whole" if report.is_whole else f"{len(report.findings)} things do not hold"
    say(f"{slug}: {verdict}: {what}{emptied}")
