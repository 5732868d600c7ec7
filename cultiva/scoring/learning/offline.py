"""`cultiva score learn`: a model from the past that two files tell, without a database."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cultiva.criteria.documents import read_timezone
from cultiva.criteria.files import write_rows
from cultiva.criteria.offline import REJECTS, Files, places_of
from cultiva.criteria.personas import Persona
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.learning.examples import Opened, Split
from cultiva.scoring.learning.learn import Learned, Options, Tell, learn
from cultiva.scoring.learning.vocabulary import Vocabulary, vocabulary_of_files
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.offline import read_model
from cultiva.scoring.rehearsal.offline import opened
from cultiva.scoring.rehearsal.plan import Plan, make_plan


@dataclass(frozen=True)
class PastOfFiles:
    files: Files
    personas: Mapping[str, Persona]

    def compile(self, model: ScoringModel, plan: Plan) -> BulkModel:
        return compile_bulk_model(model, timezone=plan.timezone, personas=self.personas)

    @contextmanager
    def open(self, model: ScoringModel, compiled: BulkModel, plan: Plan) -> Iterator[Opened]:
        places: dict[str, str] = {}
        for number, rule in enumerate(model.rules):
            places |= places_of(rule.when, f"rules[{number}].when")
        with opened(compiled, places, self.files, plan) as (connection, people):
            yield Opened(connection, people)
            write_rows(connection, REJECTS, self.files.rejects)


def learn_files(
    files: Files,
    *,
    first: date,
    last: date,
    horizon_days: int,
    goal: str,
    timezone: str = "",
    current: Sequence[str] = (),
    excluded: Collection[str] = (),
    personas: Mapping[str, Persona] | None = None,
    options: Options | None = None,
    tell: Tell = lambda _what, _share: None,
) -> Learned:
    """`current`: YAML or JSON of models to compare with; `excluded`: attributes and events to leave out.

    Raises DocumentError, UnreadableFile, Refusal.
    """
    models = [read_model(text) for text in current]
    zone = next((each.timezone for each in models if each.timezone), "") or read_timezone(timezone or "UTC", "timezone")
    wanted_goal = goal or next((each.goal for each in models if each.goal), "")
    plan = make_plan(first=first, last=last, timezone=zone, horizon_days=horizon_days, goal=wanted_goal)

    def vocabulary_of(split: Split) -> Vocabulary:
        return vocabulary_of_files(files, goal=plan.goal, until=plan.dates[split.training.stop - 1], asked_out=excluded)

    given = personas or {}
    return learn(
        PastOfFiles(files, given), plan, vocabulary_of, personas=given, current=models,
        options=options or Options(), tell=tell,
    )  # fmt: skip


def write_text(text: str, path: Path) -> None:
    """Whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_reasons(found: Learned, path: Path) -> None:
    """A line a lead, most probable first."""
    write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in found.reasons), path)
