"""`cultiva score run`: scores of files, and why one of them is what it is."""

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from cultiva.cli.scores import score

MODEL = """
model: readiness
timezone: Europe/Madrid
dimensions:
  fit: {max: 20}
  interest: {min: 0, max: 30, weight: 0.5}
total: {min: 0, max: 100}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains_any: [director]}, points: 15}
  - {key: persona, dimension: fit, when: {persona: it-director, gte: 0.5}, points: 10}
  - {key: pricing, dimension: interest, when: {event: page, where: [{property: path, starts_with: /precios}]},
     points: 8, window_days: 30, ageing: {linear_days: 10}, max: 20}
  - {key: silent, dimension: interest, when: {event: any, times: {at_most: 0}}, window_days: 5, points: -6}
temperature: {warm: 12, hot: 25}
grade: {dimension: fit, A: 20, B: 15, C: 5}
"""
LEADS = "lead_id,job_title,employees\n10,Director,200\n9,Jefa,\n9,Director,\n8,,500\n"
EVENTS = """lead_id,name,occurred_at,path,actor
10,page,2026-03-09T12:00:00Z,/precios,
10,page,2026-03-05T12:00:00Z,/precios/es,
10,page,2026-03-08T12:00:00Z,/precios,machine
9,page,2026-03-01T12:00:00Z,/blog,
7,page,2026-03-09T12:00:00Z,/precios,
9,page,soon,/precios,
"""
PERSONAS = "{persona: it-director, criteria: [{when: {attribute: employees, gte: 100}, weight: 1}]}"


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    for name, text in (("m.yaml", MODEL), ("l.csv", LEADS), ("e.csv", EVENTS), ("p.yaml", PERSONAS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *more: str) -> Any:
    files = [str(folder / "m.yaml"), "--leads", str(folder / "l.csv"), "--events", str(folder / "e.csv")]
    words = ["run", *files, "--at", "2026-03-10T12:00:00Z", "--personas", str(folder / "p.yaml"), *more]
    return CliRunner().invoke(score, words)


def test_scores_are_written_with_a_column_for_each_dimension(cast: Path) -> None:
    result = run(cast, "--out", str(cast / "o.csv"))
    assert result.exception is None, result.output
    rows = list(csv.reader((cast / "o.csv").read_text().splitlines()))
    assert rows[0] == ["lead_id", "fit", "interest", "total", "temperature", "grade"]
    # 8 × (0.9 + 0.5) = 11.2, of which the total takes half; 15 + 10 are capped at 20
    assert rows[1:] == [
        ["10", "20.0", "11.2", "25.6", "hot", "A"],
        ["8", "10.0", "0.0", "10.0", "cold", "C"],
        ["9", "0.0", "0.0", "0.0", "cold", "D"],
    ]
    assert result.output.splitlines() == [
        "3 leads are scored",
        "2 rows were rejected; they are in the rejects file",
        "1 events are of leads that are not in the file",
    ]
    rejected = list(csv.DictReader((cast / "o.csv.rejects.csv").open()))
    assert [(each["column"], each["value"]) for each in rejected] == [("lead_id", "9"), ("occurred_at", "soon")]


def test_a_lead_is_explained_part_by_part(cast: Path) -> None:
    result = run(cast, "--explain", "10")
    assert result.exception is None, result.output
    parts = {each.get("rule") or each["name"]: each for each in json.loads(result.stdout)}
    assert parts["pricing"]["raw"] == pytest.approx(11.2)
    assert parts["pricing"]["points"] == 8
    assert [(each["occurred_at"], each["weight"]) for each in parts["pricing"]["events"]] == [
        ("2026-03-09T12:00:00+00:00", pytest.approx(0.9)),
        ("2026-03-05T12:00:00+00:00", pytest.approx(0.5)),
    ]
    assert parts["pricing"]["next_change_at"] == "2026-03-10T23:00:00+00:00"  # ageing: the next midnight in Madrid
    assert parts["silent"]["next_change_at"] == "2026-03-10T12:00:00+00:00" or parts["silent"]["raw"] == 0
    assert parts["fit"] == {"cap": "dimension", "name": "fit", "cut": -5}
    assert parts["total"]["cut"] == 0


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("a: {}}\nrules: [{key: a, when: {attribute: nope, is: x}, points: 1}]", "nope"),
        ("a: {}}\nrules: [{key: a, when: {stage: lead}, points: 1}]", "cannot ask for `stage`"),
        ("a: {}}\nrules: [{key: a, when: {persona: q, gte: 1}, points: 1}]", "no persona `q`"),
        ("total: {}}\nrules: [{key: a, when: {event: b}, points: 1}]", "a column of the result"),
        ("a: {}}\nrules: []\npoint: 1", "point"),
        ("a: {max: .inf}}\nrules: []", "dimensions.a.max"),
        ("a: {}}\nrules: [{key: a, when: {event: b}, points: .nan}]", "rules[0].points"),
        ("a: {}}\nrules: [{key: a, when: {event: b}, points: 1, ageing: {half_life_days: 0}}]", "half_life_days"),
    ],
)
def test_a_model_that_cannot_be_run_is_refused_before_anything_is_written(cast: Path, model: str, says: str) -> None:
    (cast / "m.yaml").write_text(f"model: x\ndimensions: {{{model}")
    result = run(cast, "--out", str(cast / "o.csv"))
    assert result.exception is not None
    assert says in str(result.exception)
    assert not list(cast.glob("o.csv*"))


def test_an_empty_history_scores_everybody(cast: Path) -> None:
    (cast / "e.csv").write_text("lead_id,name,occurred_at,path\n")
    result = run(cast, "--out", str(cast / "o.parquet"), "--explain", "nobody")
    assert "nobody" in str(result.exception)
    assert run(cast, "--out", str(cast / "o.parquet")).exception is None
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT lead_id, total, grade FROM '{cast / 'o.parquet'}'").fetchall()
    assert rows == [("10", 20.0, "A"), ("8", 10.0, "C"), ("9", 0.0, "D")]
