"""`cultiva segment run`: criteria over files."""

import csv
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from cultiva.cli.segments import segment

CRITERIA = """
timezone: Europe/Madrid
all:
  - {attribute: country, is: es}
  - any:
      - {attribute: interests, any_of: [Riego]}
      - {persona: it-director, gte: 0.6}
      - {tag: VIP}
  - event: page
    where: [{property: utm.source, is: boletín}]
    times: {at_least: 2}
    between_dates: [2026-03-08, 2026-03-09]
"""
LEADS = """lead_id;country;interests;employees;tags
10;ES;riego|huerto;;
9;ES;huerto;200;
7;ES;;;nuevo|vip
8;FR;riego;;
9;ES;riego;;
;ES;riego;;
6;ES;"dos
líneas";;
5;ES;x;y;z;t
"""
EVENTS = """lead_id,name,occurred_at,actor,utm.source,properties
10,page,2026-03-07T23:00:00Z,,Boletín,
10,page,2026-03-09 22:59:59.999999999,,,"{""utm"": {""source"": ""boletin""}}"
9,page,2026-03-08T10:00:00+01:00,human,BOLETÍN,"{""utm"": {""source"": ""x""}}"
9,page,2026-03-08T11:00:00,,Boletin,
9,page,yesterday,,Boletin,
7,page,2026-03-08,machine,boletín,
7,page,2026-03-08,,boletín,
7,page,2026-03-09T23:00:00Z,,boletín,
7,page,2026-03-08,,boletín,nothing
77,page,2026-03-08,,boletín,
"""
PERSONAS = """
- persona: it-director
  criteria:
    - {when: {attribute: employees, gte: 100}, weight: 3}
    - {when: {event: purchase}, weight: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("c.yaml", CRITERIA), ("l.csv", LEADS), ("e.csv", EVENTS), ("p.yaml", PERSONAS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *more: str, criteria: str = "c.yaml", out: str = "o.csv") -> Any:
    files = [str(folder / criteria), "--leads", str(folder / "l.csv"), "--events", str(folder / "e.csv")]
    arguments = ["run", *files, "--at", "2026-03-10", "--out", str(folder / out), *more]
    return CliRunner().invoke(segment, arguments)


def test_who_meets_the_criteria_is_written_in_the_order_of_bytes(folder: Path) -> None:
    result = run(folder, "--multi", "interests", "--personas", str(folder / "p.yaml"))
    assert result.exception is None, result.output
    assert (folder / "o.csv").read_text() == "lead_id\n10\n9\n"
    assert result.output.splitlines() == [
        "2 of 5 leads meet the criteria",
        "5 rows were rejected; they are in the rejects file",
        "1 events are of leads that are not in the file",
    ]


def test_rows_that_cannot_be_taken_are_told_with_line_column_value_and_reason(folder: Path) -> None:
    run(folder, "--personas", str(folder / "p.yaml"))
    with (folder / "o.csv.rejects.csv").open(newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert rows == [
        ("leads", "6", "lead_id", "9", "stands in an earlier row"),
        ("leads", "7", "lead_id", "", "is missing"),
        ("leads", "10", "", "5;ES;x;y;z;t", "has more than 5 cells"),
        ("events", "6", "occurred_at", "yesterday", "is no time; ISO 8601 is: 2026-03-10T12:00:00Z"),
        ("events", "10", "properties", "nothing", "is no JSON object"),
    ]


def test_a_persona_may_ask_for_events(folder: Path) -> None:
    (folder / "c.yaml").write_text("{persona: reader, gte: 1}")
    (folder / "p.yaml").write_text("{persona: reader, criteria: [{when: {event: page}, weight: 2}]}")
    assert run(folder, "--personas", str(folder / "p.yaml")).exception is None
    assert (folder / "o.csv").read_text() == "lead_id\n10\n7\n9\n"


def test_parquet_is_read_and_written(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT '1' AS lead_id, [1.5, 7] AS sizes, DATE '2000-03-12' AS birthday, 'nan'::DOUBLE AS score"
            f" UNION ALL SELECT '2', [], DATE '2000-03-13', 3) TO '{folder / 'l.csv'}' (FORMAT PARQUET)"
        )
        connection.execute(
            "COPY (SELECT '1' AS lead_id, 'purchase' AS name, TIMESTAMP '2026-03-09 10:00' AS occurred_at,"
            " 99.5 AS value)"
            f" TO '{folder / 'e.csv'}' (FORMAT PARQUET)"
        )
    criteria = [
        ("{attribute: sizes, any_of: [7]}", ["1"]),
        ("{attribute: sizes, is_empty: true}", ["2"]),
        ("{attribute: birthday, anniversary_within_days: 3}", ["1"]),
        ("{attribute: birthday, anniversary_within_days: 4}", ["1", "2"]),
        ("{attribute: score, is_not_empty: true}", ["2"]),
        ("{event: purchase, sum: value, between: [99.5, 99.5]}", ["1"]),
        ("{event: purchase, sum: value, lte: 0}", ["2"]),
    ]
    for text, expected in criteria:
        (folder / "c.yaml").write_text(text)
        assert run(folder, out="o.parquet").exception is None
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT lead_id FROM '{folder / 'o.parquet'}'").fetchall()
        assert [row[0] for row in rows] == expected, text


REFUSED = [
    ("{attribute: contry, is: ES}", "criteria: no column `contry` in", "did you mean `country`?"),
    (
        "{all: [{not: {stage: customer}}]}",
        "criteria.all[0].not: `stage` cannot be answered from files",
        "files tell of attributes",
    ),
    ("{persona: it, gte: 1}", "criteria.persona: no persona `it`", "no persona was given"),
    ("{attribute: country, iss: ES}", "criteria: unknown key `iss`", "did you mean `is`?"),
    ("{timezone: Europe/Madird, all: []}", "timezone: no time zone 'Europe/Madird'", "an IANA name"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_criteria_that_files_cannot_answer_are_refused_before_anything_is_written(
    folder: Path, text: str, message: str, hint: str
) -> None:
    (folder / "c.yaml").write_text(text)
    result = run(folder)
    assert str(result.exception).startswith(message)
    assert hint in str(result.exception)
    assert not (folder / "o.csv").exists()
    assert not (folder / "o.csv.rejects.csv").exists()


def test_files_that_cannot_be_read_are_refused(folder: Path) -> None:
    (folder / "c.yaml").write_text("{event: page}")
    (folder / "e.csv").write_text("lead_id,nme,occurred_at\n")
    assert "has no column `name`\nhint: did you mean `nme`?" in str(run(folder).exception)
    (folder / "e.csv").write_text("lead_id,name,occurred_at,path,path\n")
    assert "has two columns `path`" in str(run(folder).exception)
    (folder / "e.csv").unlink()
    assert "cannot be read: No such file or directory" in str(run(folder).exception)
    assert not (folder / "o.csv").exists()
