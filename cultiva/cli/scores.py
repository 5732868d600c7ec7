"""`cultiva score`: the scores of leads in files, under a model that need not be published; and why a lead has its."""

import json
import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say, set_up_django
from cultiva.cli.score_explain import explain as explain_lead
from cultiva.cli.segments import FILE, NAMED_FILE, read_instant, read_text

if TYPE_CHECKING:
    from cultiva.scoring.lint import Fault

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def score() -> None:
    """Scores of leads in files, and why they are what they are."""


# Texts, no paths: on a cluster they may be addresses.
@score.command("run")
@click.argument("model", type=NAMED_FILE)
@click.option(
    "--leads", metavar="PATH", required=True, help="CSV, Parquet or a folder of it: one row a lead, by lead_id."
)
@click.option("--events", metavar="PATH", required=True, help="The same, with lead_id, name and occurred_at.")
@click.option("--at", required=True, help="As of when: ISO 8601, without offset UTC.")
@click.option("--out", metavar="PATH", help="Where the scores go: CSV, or Parquet by its ending; a folder with Spark.")
@click.option("--multi", multiple=True, help="A column of leads that is a list parted by |. Repeatable, or a,b.")
@click.option("--timezone", "zone", default="", help="Of days; the model's own, or else UTC, if absent.")
@click.option("--rejects", type=FILE, help="Where rows that cannot be taken go; OUT.rejects.csv if absent.")
@click.option("--personas", type=NAMED_FILE, help="Personas that the model names: YAML or JSON.")
@click.option("--explain", default="", metavar="LEAD_ID", help="Print every part of this lead's score as JSON.")
@click.option("--engine", type=click.Choice(["embedded", "spark"]), default="embedded", show_default=True)
@click.option("--master", default="", metavar="URL", help="Of the Spark cluster, for example spark://host:7077.")
def run(
    model: Path, leads: str, events: str, at: str, out: str | None, multi: tuple[str, ...], zone: str,
    rejects: Path | None, personas: Path | None, explain: str, engine: str, master: str,
) -> None:  # fmt: skip
    """The scores of a file of leads under MODEL, as of --at. No database is needed."""
    if not out and not explain:
        raise ValueError("Nothing is asked for.\nhint: --out FILE, --explain LEAD_ID, or both")
    set_up_django()
    from cultiva.criteria.offline import Files
    from cultiva.criteria.personas import read_personas
    from cultiva.scoring.offline import read_model, score_files

    found_model, instant = read_model(read_text(model)), read_instant(at)
    lists = [column for each in multi for column in each.split(",")]
    known = read_personas(read_text(personas)) if personas else {}
    if engine == "spark":
        if not master or not out or explain or rejects:
            raise ValueError("Spark needs --master and --out, and takes neither --explain nor --rejects.\n"
                             "hint: --engine spark --master spark://host:7077 --out scores")  # fmt: skip
        from cultiva.scoring.spark import score_on_spark

        done = score_on_spark(
            found_model, leads=leads, events=events, out=out, at=instant, master=master, multi=lists, timezone=zone,
            personas=known,
        )  # fmt: skip
        say(f"{done.scored} leads are scored")
        if done.rejected:
            say(f"{done.rejected} rows were rejected; the embedded engine names each")
        return
    beside = Path(out or leads)
    found = score_files(
        found_model,
        Files(
            leads=Path(leads), events=Path(events), multi=lists,
            rejects=rejects or beside.with_name(f"{beside.name}.rejects.csv"),
        ),
        at=instant,
        out=Path(out) if out else None,
        timezone=zone,
        personas=known,
        explain=explain,
    )  # fmt: skip
    outcome = found.outcome
    if found.explained is not None:
        say(json.dumps(found.explained, ensure_ascii=False))
    if out:
        click.echo(f"{outcome.matched} leads are scored", err=found.explained is not None)
    if outcome.rejected:
        click.echo(f"{outcome.rejected} rows were rejected; they are in the rejects file", err=bool(explain))
    if outcome.events_of_nobody:
        click.echo(f"{outcome.events_of_nobody} events are of leads that are not in the file", err=bool(explain))


@score.command("lint")
@click.argument("model", type=NAMED_FILE)
@click.option("--workspace", "slug", default="", help="Ask its leads and events, too; without, no database is needed.")
@click.option("--language", type=click.Choice(["en", "es"]), default="en", help="Of the words.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def lint(model: Path, slug: str, language: str, is_json: bool) -> None:
    """What of MODEL probably does not do what is meant. Exit status 1 where there is something."""
    if slug:
        with product():
            faults = _faults(model, slug, language)
    else:
        set_up_django()
        faults = _faults(model, slug, language)
    if is_json:
        say(json.dumps([vars(fault) for fault in faults], ensure_ascii=False))
    else:
        for fault in faults:
            say(f"{fault.place}: {fault.message}\nhint: {fault.hint}")
    sys.exit(1 if faults else 0)


def _faults(model: Path, slug: str, language: str) -> "list[Fault]":
    from django.utils import translation

    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope
    from cultiva.scoring.lint import faults_of, find_faults
    from cultiva.scoring.offline import read_model

    with translation.override(language):
        found = read_model(read_text(model))
        if not slug:
            return faults_of(found)
        workspace = named_workspace(slug)
        with workspace_scope(workspace.id):
            return find_faults(found, workspace_id=workspace.id, at=clock.now())


@score.command("rehearse")
@click.argument("models", nargs=-1, required=True, type=NAMED_FILE)
@click.option("--leads", type=FILE, required=True, help="CSV or Parquet, with lead_id; created_at and owner are used.")
@click.option("--events", type=FILE, required=True, help="CSV or Parquet with lead_id, name and occurred_at.")
@click.option("--from", "first", type=DAY, required=True, help="First date, YYYY-MM-DD; each week after it is asked.")
@click.option("--to", "last", type=DAY, required=True, help="Last possible date, YYYY-MM-DD.")
@click.option("--horizon-days", type=int, default=90, show_default=True, help="How long a conversion is waited for.")
@click.option("--capacity", type=float, help="Hand-overs a week: the threshold is chosen by it.")
@click.option("--goal", default="", help="The event that is the conversion; the first model's goal, if absent.")
@click.option("--name", default="", help="What the report is called.")
@click.option("--out", type=FILE, required=True, help="Where the report goes: JSON.")
@click.option("--multi", multiple=True, help="A column of leads that is a list parted by |. Repeatable, or a,b.")
@click.option("--timezone", "zone", default="", help="Of dates; the first model's own, or else UTC, if absent.")
@click.option("--personas", type=NAMED_FILE, help="Personas that the models name: YAML or JSON.")
def rehearse(
    models: tuple[Path, ...], leads: Path, events: Path, first: datetime, last: datetime, horizon_days: int,
    capacity: float | None, goal: str, name: str, out: Path, multi: tuple[str, ...], zone: str, personas: Path | None,
) -> None:  # fmt: skip
    """What MODELS would have said on past dates, beside what came of it; the first is the one in force."""
    set_up_django()
    from cultiva.criteria.offline import Files
    from cultiva.criteria.personas import read_personas
    from cultiva.scoring.rehearsal.offline import rehearse_files, write_report

    report = rehearse_files(
        [read_text(model) for model in models],
        Files(
            leads=leads, events=events, rejects=out.with_name(f"{out.name}.rejects.csv"),
            multi=[column for each in multi for column in each.split(",")],
        ),
        first=first.date(),
        last=last.date(),
        horizon_days=horizon_days,
        capacity=capacity,
        goal=goal,
        timezone=zone,
        name=name,
        personas=read_personas(read_text(personas)) if personas else {},
    )  # fmt: skip
    write_report(report, out)
    for each in report["models"]:
        outcome = each["outcome"]
        if "auc" in outcome:
            say(f"{each['model']}: AUC {outcome['auc']:.3f}, {outcome['converted']} of {outcome['cases']} convert")
        else:
            say(f"{each['model']}: {outcome['unavailable']}")


@score.command("learn")
@click.option("--leads", type=FILE, help="CSV or Parquet, with lead_id; created_at is used.")
@click.option("--events", type=FILE, help="CSV or Parquet with lead_id, name and occurred_at.")
@click.option("--workspace", default="", help="In place of files: a workspace, as it stood on each date.")
@click.option("--from", "first", type=DAY, required=True, help="First date, YYYY-MM-DD; each week after it is asked.")
@click.option("--to", "last", type=DAY, required=True, help="Last date whose horizon is over, YYYY-MM-DD.")
@click.option("--goal", default="", help="The event that is the conversion; that of the first --against, if absent.")
@click.option("--horizon-days", type=int, default=30, show_default=True, help="How long a conversion is waited for.")
@click.option("--out", type=FILE, required=True, help="Where the learned model goes: YAML.")
@click.option("--report", "report_file", type=FILE, help="Where all figures go: JSON.")
@click.option("--card", type=FILE, help="Where the model card goes: Markdown.")
@click.option("--reasons", type=FILE, help="Where probabilities and their reasons go, lead by lead: JSON lines.")
@click.option("--against", multiple=True, type=NAMED_FILE, help="A model to compare with. Repeatable.")
@click.option("--exclude", multiple=True, help="An attribute or event to leave out. Repeatable, or a,b.")
@click.option("--monotone", is_flag=True, help="What a lead does may only add points, silence only take some.")
@click.option("--rules", type=click.IntRange(1, 60), default=15, show_default=True, help="How many at most.")
@click.option("--key", default="learned", show_default=True, help="The key of the learned model.")
@click.option("--name", default="", help="Its name.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed and files give the same model.")
@click.option("--multi", multiple=True, help="A column of leads that is a list parted by |. Repeatable, or a,b.")
@click.option("--timezone", "zone", default="", help="Of dates; that of --against, or else UTC, if absent.")
@click.option("--personas", type=NAMED_FILE, help="Personas whose closeness may be asked: YAML or JSON.")
@click.option("--language", type=click.Choice(["en", "es"]), default="en", help="Of the words.")
def learn(
    leads: Path | None, events: Path | None, workspace: str, first: datetime, last: datetime, goal: str,
    horizon_days: int, out: Path,
    report_file: Path | None, card: Path | None, reasons: Path | None, against: tuple[Path, ...],
    exclude: tuple[str, ...], monotone: bool, rules: int, key: str, name: str, seed: int, multi: tuple[str, ...],
    zone: str, personas: Path | None, language: str,
) -> None:  # fmt: skip
    """A model whose points are learned from who converted, and what it is worth on later dates."""
    of_files = [*against, *multi, zone, personas]
    if workspace and (leads or events or any(of_files)):
        raise ValueError(
            "A workspace has leads, personas and a time zone of its own, and its primary model to compare with.\n"
            "hint: --workspace without --leads, --events, --against, --multi, --timezone and --personas"
        )
    if not workspace and not (leads and events):
        raise ValueError("Nothing to learn from.\nhint: --leads FILE --events FILE, or --workspace")
    with product() if workspace else nullcontext():
        set_up_django()
        from django.utils import translation

        from cultiva.scoring.learning.card import card_of
        from cultiva.scoring.learning.learn import Options, told_in_words
        from cultiva.scoring.learning.offline import learn_files, write_reasons, write_text
        from cultiva.scoring.rehearsal.offline import write_report

        asked: dict[str, Any] = {
            "first": first.date(), "last": last.date(), "horizon_days": horizon_days, "goal": goal,
            "excluded": [word for each in exclude for word in each.split(",")],
            "options": Options(key=key, name=name, monotone=monotone, most_rules=rules, seed=seed),
            "tell": lambda what, share: click.echo(f"{share:4.0%} {what}", err=True),
        }  # fmt: skip
        with translation.override(language):
            if leads and events:
                from cultiva.criteria.offline import Files
                from cultiva.criteria.personas import read_personas

                files = Files(
                    leads=leads, events=events, rejects=out.with_name(f"{out.name}.rejects.csv"),
                    multi=[column for each in multi for column in each.split(",")],
                )  # fmt: skip
                found = learn_files(
                    files, timezone=zone, current=[read_text(each) for each in against],
                    personas=read_personas(read_text(personas)) if personas else {}, **asked,
                )  # fmt: skip
            else:
                from cultiva.lib import clock
                from cultiva.scoring.learning.workspace import learn_workspace

                found = learn_workspace(workspace_id=named_workspace(workspace).id, at=clock.now(), **asked)
            card_text = card_of(found.report, name=found.report["name"])
        write_text(found.text, out)
        if report_file:
            write_report(found.report, report_file)
        if card:
            write_text(card_text, card)
        if reasons:
            write_reasons(found, reasons)
        for line in told_in_words(found):
            say(line)


@score.command("history")
@of_workspace
@click.option("--out", type=FILE, required=True, help="A folder, for leads.parquet and events.parquet.")
def history(workspace: str, out: Path) -> None:
    """A workspace's leads and events as files for `score run`, `rehearse` and `learn`, without names and addresses."""
    with product():
        from cultiva.criteria.columns import write_history
        from cultiva.lib import clock
        from cultiva.scoring.learning.workspace import attributes_of

        place = named_workspace(workspace)
        out.mkdir(parents=True, exist_ok=True)
        leads, events = write_history(
            workspace_id=place.id, attributes=attributes_of(place.id), at=clock.now(), folder=out
        )
        say(f"{leads} leads and {events} events are in {out}")


score.add_command(explain_lead)
