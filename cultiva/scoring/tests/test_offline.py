"""Scores over files are what the reference says, as those of the live store are, on random models and people."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from math import fsum
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva import scoring
from cultiva.criteria.files import UnreadableFile
from cultiva.criteria.offline import Files
from cultiva.criteria.tests.cast import Person
from cultiva.criteria.tests.on_files import write_people
from cultiva.scoring.offline import read_model, score_files
from cultiva.scoring.tests import samples
from cultiva.scoring.tests.reference import evaluate, grade, temperature
from cultiva.scoring.tests.test_agreement import EXACT, close_when_shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("files"))


histories = given(
    model=samples.models(samples.steps | samples.smooth),
    people=st.lists(samples.people, min_size=2, max_size=5),
    at=st.sampled_from(samples.INSTANTS),
)


@settings(deadline=None, database=None, max_examples=40)
@histories
def test_a_score_of_files_is_what_the_reference_says(
    folder: Path, model: Any, people: list[Person], at: datetime
) -> None:
    agree(folder, model, people, at)


@pytest.mark.slow
@settings(deadline=None, database=None, max_examples=500)
@histories
def test_many_more_scores_of_files_are_what_the_reference_says(
    folder: Path, model: Any, people: list[Person], at: datetime
) -> None:
    agree(folder, model, people, at)


def agree(folder: Path, model: Any, people: Sequence[Person], at: datetime) -> None:
    write_people(folder, people, at)
    read = read_model(json.dumps(model))
    files = Files(folder / "leads.parquet", folder / "events.csv", folder / "rejects.csv")
    found = score_files(read, files, at=at, out=folder / "out.parquet", timezone="Europe/Madrid", explain="0001")
    with duckdb.connect() as connection:
        rows = connection.execute(f"FROM '{folder / 'out.parquet'}'").fetchall()
    for (lead_id, fit, interest, total, band, letter), (n, person) in zip(rows, enumerate(people), strict=True):
        expected = evaluate(model, person, at, at)
        assert lead_id == f"{n:04}"
        assert close_when_shown(total, expected.total)
        assert close_when_shown(fit, expected.dimensions["fit"])
        assert close_when_shown(interest, expected.dimensions["interest"])
        assert band == temperature(model, total)
        assert letter == grade(model, {"fit": fit, "interest": interest})
    assert found.explained is not None
    explains(found.explained, model, evaluate(model, people[1], at, at), at)


def explains(parts: list[dict[str, Any]], model: Any, expected: Any, at: datetime) -> None:
    """Each part is the reference's, and they add up."""
    rules, cuts = [each for each in parts if "rule" in each], {each["name"]: each for each in parts if "cap" in each}
    assert [each["raw"] for each in rules] == pytest.approx(expected.raw, rel=EXACT, abs=EXACT)
    assert [each["after_rule_cap"] for each in rules] == pytest.approx(expected.after, rel=EXACT, abs=EXACT)
    total = cuts["total"]["cut"]
    for name, dimension in model["dimensions"].items():
        value = fsum(each["after_rule_cap"] for each in rules if each["dimension"] == name) + cuts[name]["cut"]
        assert value == pytest.approx(expected.dimensions[name], rel=EXACT, abs=EXACT)
        total += dimension.get("weight", 1) * value
    assert total == pytest.approx(expected.total, rel=EXACT, abs=EXACT)
    for each in rules:
        instants = [datetime.fromisoformat(event["occurred_at"]) for event in each["events"]]
        assert instants == sorted(instants, reverse=True)
        assert each["next_change_at"] is None or datetime.fromisoformat(each["next_change_at"]) > at


def test_frames_score_as_files_do(folder: Path) -> None:
    people = [Person({"a": "Directora"}, []), Person({}, [])]
    at = samples.INSTANTS[0]
    write_people(folder, people, at)
    model = {
        "model": "m", "dimensions": {"fit": {"max": 10}},
        "rules": [{"key": "r", "dimension": "fit", "points": 4, "when": {"attribute": "a", "contains": "direc"}}],
    }  # fmt: skip
    with duckdb.connect() as connection:
        leads = connection.sql(f"FROM '{folder / 'leads.parquet'}'").df()
        events = connection.sql("SELECT '0000' AS lead_id, 'page' AS name, 'soon' AS occurred_at").df()
    scores, rejects = scoring.score_frames(scoring.read_model(json.dumps(model)), leads, events, at=at)
    assert scores[["lead_id", "fit", "total"]].values.tolist() == [["0000", 4.0, 4.0], ["0001", 0.0, 0.0]]
    assert rejects[["file", "column", "value"]].values.tolist() == [["events", "occurred_at", "soon"]]


ONE_RULE = "{model: m, dimensions: {fit: {}}, rules: [{key: r, dimension: fit, points: 1, when: {event: page}}]}"


def test_frames_that_are_none_and_columns_that_are_missing_are_named() -> None:
    model, at = scoring.read_model(ONE_RULE), samples.INSTANTS[0]
    with pytest.raises(UnreadableFile, match="leads has no column `lead_id`"):
        scoring.score_frames(model, pandas.DataFrame({"lead": [1]}), pandas.DataFrame(), at=at)
    with pytest.raises(UnreadableFile, match="give a DataFrame"):
        scoring.score_frames(model, "leads", "events", at=at)


def test_the_face_of_scoring_is_whole_and_needs_no_database() -> None:
    """In a process of its own, without settings."""
    script = "from cultiva import scoring; print(len([getattr(scoring, name) for name in scoring.HOMES]))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "DJANGO", "CULTIVA"))}
    done = subprocess.run([sys.executable, "-c", script], env=kept, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(scoring.HOMES) >= len(scoring.__all__)
