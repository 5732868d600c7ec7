"""`cultiva score learn --workspace`: a model from a workspace's own past.

Leads are asked about with the attributes, consents and events of each date (criteria.columns), so what is learned knows
nothing of what came later. What conditions can be made of is looked for in the history as of the end of the training.
"""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.criteria.columns import workspace_columns, write_history
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.offline import Files, Wanted
from cultiva.leads.models import Attribute
from cultiva.lib.database import workspace_scope
from cultiva.lib.refusals import Refusal
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.learning.examples import Opened, Split
from cultiva.scoring.learning.learn import Learned, Options, Tell, learn
from cultiva.scoring.learning.vocabulary import Vocabulary, vocabulary_of_files
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.rehearsal.plan import Plan, make_plan
from cultiva.scoring.writing import primary_model
from cultiva.segments.standing import personas_of

SHAPES = {"number": "number", "boolean": "boolean", "multi_choice": "list"}  # other types are texts
ADDRESSES, NAMES = ("email", "phone"), ("first_name", "last_name", "name")
OWN_COLUMNS = ("lead_id", "created_at", "owner")


def attributes_of(workspace_id: int) -> dict[str, str]:
    """{attribute of leads: its shape in a file}, without names and addresses."""
    with workspace_scope(workspace_id):
        found = Attribute.objects.filter(workspace_id=workspace_id, subject="lead").exclude(type__in=ADDRESSES)
        types = dict(found.exclude(key__in=(*NAMES, *OWN_COLUMNS)).order_by("key").values_list("key", "type"))
    return {key: SHAPES.get(type_, "text") for key, type_ in types.items()} | {TAGS: "list"}


@dataclass(frozen=True)
class PastOfWorkspace:
    workspace_id: int
    at: datetime
    personas: Any

    def compile(self, model: ScoringModel, plan: Plan) -> BulkModel:
        return compile_bulk_model(model, timezone=plan.timezone, personas=self.personas)

    @contextmanager
    def open(self, model: ScoringModel, compiled: BulkModel, plan: Plan) -> Iterator[Opened]:
        wanted = Wanted(compiled.attributes, compiled.properties, compiled.events | {plan.goal})
        until = min(plan.until, self.at)
        with workspace_columns(
            workspace_id=self.workspace_id, wanted=wanted, since=plan.dates[0], until=until
        ) as columns:
            people = "SELECT lead_id, created_at, '' AS owner FROM person"
            yield Opened(columns.connection, people, columns.stand_at)


def learn_workspace(
    *,
    workspace_id: int,
    first: date,
    last: date,
    horizon_days: int,
    goal: str,
    at: datetime,
    excluded: Collection[str] = (),
    options: Options | None = None,
    tell: Tell = lambda _what, _share: None,
) -> Learned:
    """Compared with the primary model; `goal` is that one's where it is empty.

    Raises DocumentError, Refusal.
    """
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.get(id=workspace_id)
        primary: ModelVersion | None = primary_model(workspace_id)
        personas = dict(personas_of(workspace_id))
    current = [ScoringModel.read(primary.body)] if primary else []
    zone = next((each.timezone for each in current if each.timezone), "") or workspace.time_zone
    wanted_goal = goal or next((each.goal for each in current if each.goal), "")
    plan = make_plan(first=first, last=last, timezone=zone, horizon_days=horizon_days, goal=wanted_goal)
    if plan.until > at:
        raise Refusal(
            gettext("the horizon of the last date, %(date)s, is not over") % {"date": plan.dates[-1].date()},
            gettext("choose an earlier last date, or a shorter horizon"),
        )

    def vocabulary_of(split: Split) -> Vocabulary:
        trained = plan.dates[split.training.stop - 1]
        with tempfile.TemporaryDirectory(prefix="cultiva-learning-") as name:
            folder, shapes = Path(name), attributes_of(workspace_id)
            write_history(workspace_id=workspace_id, attributes=shapes, at=trained, folder=folder)
            files = Files(
                folder / "leads.parquet", folder / "events.parquet", folder / "rejects.csv",
                multi=[key for key, shape in shapes.items() if shape == "list"],
            )  # fmt: skip
            return vocabulary_of_files(files, goal=plan.goal, until=trained, asked_out=excluded)

    return learn(
        PastOfWorkspace(workspace_id, at, personas), plan, vocabulary_of, personas=personas, current=current,
        options=options or Options(), tell=tell,
    )  # fmt: skip
