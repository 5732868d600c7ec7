"""`cultiva consent`: the proof, verified, sealed and handed out."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
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


@consent.command()
@click.argument("lead")
@of_workspace
@click.option("--output", type=click.Path(path_type=Path), help="The file; consent-LEAD.zip if absent.")
def prove(lead: str, workspace: str, output: Path | None) -> None:
    """Write all that proves what a lead agreed to, as a signed ZIP. LEAD: its number, or its address."""
    with product():
        from cultiva.consent.bundle import prove as bundle_of
        from cultiva.lib import clock

        place = named_workspace(workspace)
        lead_id = _lead(place.id, lead)
        content = bundle_of(workspace_id=place.id, lead_id=lead_id, at=clock.now(), by="cli")
    path = output or Path(f"consent-{lead_id}.zip")
    path.write_bytes(content)
    say(f"{path}: {len(content)} bytes")


@consent.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="The published key, or the file of published keys (.json).")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, key: str, is_json: bool) -> None:
    """Check a bundle, here and without a database or network. Exit status 1 where it is not genuine."""
    from cultiva.consent import check_proof

    text = Path(key).read_text(encoding="utf-8") if key.endswith(".json") else key
    try:
        facts, problems = check_proof.check(file, text or None)
    except (check_proof.Bad, KeyError, ValueError, TypeError, AttributeError) as error:
        facts, problems = {}, [f"not a bundle: {error}"]
    if is_json:
        say(json.dumps({"is_genuine": not problems, "facts": facts, "problems": problems}, ensure_ascii=False))
    else:
        for name, value in facts.items():
            say(f"{name}: {value}")
        for problem in problems:
            say(f"PROBLEM: {problem}")
        say("NOT GENUINE" if problems else "genuine")
    if problems:
        sys.exit(1)


def _lead(workspace_id: int, word: str) -> int:
    from cultiva.leads.actions import read_address
    from cultiva.leads.aliases import current_lead_id
    from cultiva.leads.models import Lead
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        found = Lead.objects.filter(workspace_id=workspace_id)
        found = found.filter(id=int(word)) if word.isdigit() else found.filter(email_key=read_address(word).key)
        lead = found.first()
        if lead is None:
            raise LookupError(f"There is no lead {word!r}.\nhint: give its number, or its address")
        return current_lead_id(workspace_id, lead.id)


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
