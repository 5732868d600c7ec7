"""Actions on many leads: tagging, undoing it, an attribute, an owner, and exports, in leads a second;
tagging and the CSV beside a loop that does the same lead by lead with the ORM, in the same run.

BENCH_LEADS sets the size; 100,000 without it.
"""

import csv
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import Result
from tests.product import ROOT

LEADS = int(os.environ.get("BENCH_LEADS", "100000"))
LOOPED = 2_000  # leads that the loop is given: it is linear, and slow
LEAST_TAGGED = 5  # times the loop's pace
LEAST_EXPORTED = 5


def measure() -> list[Result]:
    """In a process of its own: it becomes a Cultiva with a database that goes with it."""
    printed = subprocess.run(
        [sys.executable, "-m", "bench.bulk_actions"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(printed.stderr, file=sys.stderr)
    rows = [line.split("\t") for line in printed.stdout.splitlines() if line.count("\t") == 3]
    assert rows, printed.stdout
    return [Result(claim, shown, limit, holds == "True") for claim, shown, limit, holds in rows]


def run() -> None:
    from tests.database import use_own_database

    use_own_database()

    os.environ["DJANGO_SETTINGS_MODULE"] = "cultiva.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    from cultiva.accounts.actions import create_user, create_workspace, grant_role
    from cultiva.consent.actions import publish_policy, publish_purpose
    from cultiva.consent.tests.documents import MARKETING, POLICY
    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope

    at = clock.now()
    workspace = create_workspace(slug="bench", name="Bench", at=at)
    with workspace_scope(workspace.id):
        publish_policy(workspace_id=workspace.id, text=POLICY, at=at)
        publish_purpose(workspace_id=workspace.id, text=MARKETING, at=at)
        eva = create_user(email="eva@bench.example", full_name="Eva", at=at)
        grant_role(workspace_id=workspace.id, user=eva, role="sales", at=at)
        fill(workspace.id, at)
    looped = LOOPED / timed(lambda: tag_one_by_one(workspace.id, at))
    written = LOOPED / timed(lambda: export_one_by_one(workspace.id, at))
    tagged = act(workspace.id, "add_tag", {"tag": "bench"})
    tell("tag", tagged, f"{tagged / looped:.0f} x an ORM loop ({looped:,.0f}/s)", LEAST_TAGGED, tagged / looped)
    undone = undo_last(workspace.id)
    tell("undo that", undone)
    tell("set an attribute", act(workspace.id, "set_attribute", {"attribute": "sector", "value": "fruta"}))
    tell("assign an owner", act(workspace.id, "assign_owner", {"owner": "eva@bench.example"}))
    for form in ("csv", "xlsx", "parquet"):
        pace = act(workspace.id, "export", {"format": form})
        if form == "csv":
            tell(
                "export CSV",
                pace,
                f"{pace / written:.0f} x an ORM loop ({written:,.0f}/s)",
                LEAST_EXPORTED,
                pace / written,
            )
        else:
            tell(f"export {form.upper()}", pace)


def fill(workspace_id: int, at: Any) -> None:
    from cultiva.leads.attributes import define
    from cultiva.lib.database import execute

    for key, type_ in (("first_name", "text"), ("last_name", "text"), ("company", "text"), ("sector", "text"),
                       ("hectares", "number"), ("tags", "multi_choice")):  # fmt: skip
        define(workspace_id=workspace_id, subject="lead", key=key, type=type_, at=at)
    execute(
        "WITH made AS (INSERT INTO lead (workspace_id, email, email_key, attributes, language, source_kind, created_at,"
        " search_text) SELECT %(workspace)s, 'p' || n || '@example.com', 'p' || n || '@example.com',"
        " jsonb_build_object('email', 'p' || n || '@example.com', 'first_name', 'Ana', 'last_name', 'Garcia ' || n,"
        " 'company', 'Huertos ' || n / 20, 'sector', 'vino', 'hectares', n %% 500), 'es', 'import', %(at)s,"
        " 'ana garcia ' || n FROM generate_series(1, %(leads)s) n RETURNING id)"
        " INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)"
        " SELECT %(workspace)s, id, 'lead', %(at)s, 1 FROM made",
        {"workspace": workspace_id, "at": at, "leads": LEADS},
    )


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def act(workspace_id: int, kind: str, settings: dict[str, Any]) -> float:
    """Leads a second, counting and fixing them included."""
    from cultiva.bulk.running import create_action, go_on, start
    from cultiva.lib import clock

    began = time.monotonic()
    action = create_action(
        workspace_id=workspace_id, kind=kind, settings=settings, selection={"filter": {}}, by="bench", at=clock.now()
    )
    action = go_on(action=start(action=action, at=clock.now(), by="bench"), now=clock.now)
    assert (action.state, action.position) == ("done", LEADS), action.problem
    return LEADS / (time.monotonic() - began)


def undo_last(workspace_id: int) -> float:
    from cultiva.bulk.running import list_actions
    from cultiva.bulk.undoing import go_on_undoing, start_undo
    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        action = list_actions(workspace_id=workspace_id)[0]
    began = time.monotonic()
    action = go_on_undoing(action=start_undo(action=action, at=clock.now(), by="bench"), now=clock.now)
    assert action.counts["restored"] == LEADS
    return LEADS / (time.monotonic() - began)


def tag_one_by_one(workspace_id: int, at: Any) -> None:
    """As a view in a hurry would: a lead, its event, its row, each in a transaction of its own."""
    from cultiva.events.actions import NewEvent, record_events
    from cultiva.leads.models import Lead
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        ids = list(Lead.objects.order_by("-id").values_list("id", flat=True)[:LOOPED])
    for lead_id in ids:
        with workspace_scope(workspace_id):
            lead = Lead.objects.select_for_update().get(workspace_id=workspace_id, id=lead_id)
            lead.attributes = lead.attributes | {"tags": ["loop"]}
            lead.save(update_fields=["attributes"])
            event = NewEvent(
                kind="identify", message_id=f"loop:{lead_id}", occurred_at=at, lead_id=lead_id, by="staff",
                properties={"tags": ["loop"]},
            )  # fmt: skip
            record_events(workspace_id=workspace_id, events=[event], received_at=at)


def export_one_by_one(workspace_id: int, at: Any) -> None:
    """As a view in a hurry would: a row a lead, with its state and what it may be written to for."""
    from cultiva.consent.actions import can_contact
    from cultiva.leads.models import Lead
    from cultiva.lib.database import workspace_scope

    writer = csv.writer(io.StringIO())
    with workspace_scope(workspace_id):
        for lead in Lead.objects.filter(workspace_id=workspace_id).order_by("-id")[:LOOPED]:
            found = can_contact(
                workspace_id=workspace_id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
            )[lead.id]
            writer.writerow([lead.id, lead.email, *lead.attributes.values(), lead.state.stage, found.allowed])


def tell(name: str, pace: float, beside: str = "", least: float = 0, ratio: float = 0) -> None:
    limit = f">= {least:.0f} x" if least else "(told)"
    shown = f"{pace:,.0f}/s" + (f" ({beside})" if beside else "")
    print(f"{LEADS:,} leads: {name}\t{shown}\t{limit}\t{ratio >= least}", flush=True)


if __name__ == "__main__":
    run()
