"""The files that exports become: what stands in them, what spreadsheets do not calculate, when they go."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine

from cultiva.accounts.models import User
from cultiva.bulk.files import Column, Csv, Parquet, Xlsx
from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.kinds.export import Export, file_of
from cultiva.bulk.models import BulkAction, BulkPart
from cultiva.bulk.running import forget
from cultiva.bulk.tests.conftest import Act, settle
from cultiva.capture.imports.reading import detect, open_table
from cultiva.capture.imports.rows import person_reader
from cultiva.capture.imports.suggesting import suggest
from cultiva.consent.actions import record_consents, withdraw
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.leads.actions import save_lead
from cultiva.leads.attributes import define
from cultiva.leads.models import Lead

FORMULAS = ["=1+1", "+34600111222", "-x", "@SUM(A1)", "＝1", "plain", "'quoted", 'a,"b";c;d', "Íñigo <b>"]
Read = Callable[[bytes], list[list[Any]]]


def as_csv(content: bytes) -> list[list[Any]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def as_sheet(content: bytes) -> list[list[Any]]:
    book = python_calamine.load_workbook(io.BytesIO(content))
    return book.get_sheet_by_index(0).to_python(skip_empty_area=False)


def content_of(action: BulkAction) -> bytes:
    content = b"".join(file_of(action))
    assert len(content) == action.file_bytes
    return content


@pytest.mark.parametrize(("format", "read"), [("csv", as_csv), ("xlsx", as_sheet)])
def test_no_cell_of_a_spreadsheet_begins_a_formula(
    lawful: Any, act: Act, at: datetime, format: str, read: Read
) -> None:
    for number, text in enumerate(FORMULAS):
        save_lead(
            workspace_id=lawful.id, email=f"p{number:02}@example.com", attributes={"=note": text}, source_kind="api",
            at=at,
        )  # fmt: skip
    settle(lawful, at)
    rows = read(content_of(act("export", {"format": format}, {"filter": {}})))
    column = rows[0].index("'=note")
    cells = [row[column] for row in rows[1:]]
    kept = [Lead.objects.get(email=row[1]).attributes["=note"] for row in rows[1:]]
    dangerous = tuple("=+-@\t\r＝＋－＠")
    assert cells == [f"'{text}" if text.startswith(dangerous) else text for text in kept]
    assert sum(text.startswith(dangerous) for text in kept) >= 5
    assert not [cell for row in rows for cell in row if str(cell).startswith(dangerous)]


def test_every_row_says_which_consents_hold(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    ana, bea, _ = people
    for lead in (ana, bea):
        record_consents(
            workspace_id=lawful.id, lead_id=lead.id, language="es", circumstances=Circumstances(form="guia"), at=at,
            policy=PolicyVersion.currents(lawful.id)[0], purposes=list(PurposeVersion.currents(lawful.id)),
        )  # fmt: skip
    withdraw(workspace_id=lawful.id, lead_id=bea.id, purpose="marketing", channel="email", at=at)
    head, *rows = as_csv(content_of(act("export", {"format": "csv"}, people)))
    assert head[:3] == ["cultiva_lead_id", "email", "external_id"]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["email"], bool(row["valid_since"]), row["may_contact_marketing_email"]) for row in found] == [
        ("ana@example.com", True, "no: unconfirmed"),
        ("bea@example.com", True, "no: objected"),
        ("carlos@example.com", False, "no: not_valid"),
    ]
    assert (found[0]["tags"], found[0]["hectares"], found[0]["stage"]) == ("vip", "12", "lead")
    assert found[1]["phone"] == "'+34600111222"


def test_parquet_holds_what_is_with_its_types(
    lawful: Any, people: list[Lead], act: Act, at: datetime, tmp_path: Path
) -> None:
    save_lead(
        workspace_id=lawful.id, email="dora@example.com", attributes={"sector": "=1+1", "tags": ["a", "b"]},
        source_kind="api", at=at,
    )  # fmt: skip
    settle(lawful, at)
    path = tmp_path / "leads.parquet"
    path.write_bytes(content_of(act("export", {"format": "parquet"}, {"filter": {}})))
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        types = dict(
            engine.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{path}')").fetchall()
        )
        rows = engine.execute(
            f"SELECT email, sector, tags, hectares, created_at FROM '{path}' ORDER BY email"
        ).fetchall()
    assert (types["hectares"], types["tags"], types["created_at"]) == (
        "DOUBLE",
        "VARCHAR[]",
        "TIMESTAMP WITH TIME ZONE",
    )
    assert rows[0][:4] == ("ana@example.com", "vino", ["vip"], 12.0)
    assert rows[3][:4] == ("dora@example.com", "=1+1", ["a", "b"], None)
    assert rows[0][4] == at


def test_chosen_attributes_alone_are_exported(people: list[Lead], act: Act) -> None:
    head, *rows = as_csv(
        content_of(act("export", {"format": "csv", "separator": ";", "attributes": ["sector"]}, people))
    )
    assert len(head) == 1
    assert head[0].startswith("cultiva_lead_id;email;external_id;sector;company_name;")
    assert rows[0][0].split(";")[3] == "vino"


def test_a_column_defined_meanwhile_does_not_shift_the_others(
    lawful: Any, people: list[Lead], act: Act, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Export, "chunk_leads", 1)
    plain, numbers = Export.run, iter(range(9))

    def run(self: Export, chunk: Any, settings: Any) -> Any:
        key = f"aaa{next(numbers)}"
        define(workspace_id=lawful.id, subject="lead", key=key, type="text", at=at)
        return plain(self, chunk, settings)

    monkeypatch.setattr(Export, "run", run)
    rows = as_csv(content_of(act("export", {"format": "csv"}, people)))
    assert len(rows) == 4
    assert len({len(row) for row in rows}) == 1


def test_our_own_file_comes_back_as_it_was(
    lawful: Any, people: list[Lead], act: Act, at: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(content_of(act("export", {"format": "csv", "attributes": ["phone"]}, people)))
    dialect = detect(path, name="leads.csv")
    table = open_table(path, dialect)
    rows = list(table.records)
    plan = suggest(
        kind="leads", columns=table.columns, rows=[row.cells for row in rows], language="es", time_zone="UTC"
    )
    read = person_reader(plan, table.columns, basis="none", at=at)
    table.close()
    assert [read(row).phone_key for row in rows] == [None, "+34600111222", None]
    assert [read(row).email for row in rows] == ["ana@example.com", "bea@example.com", "carlos@example.com"]


def test_a_sheet_that_excel_cannot_hold_is_refused(
    people: list[Lead], act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cultiva.bulk.kinds.export.MOST_SHEET_ROWS", 3)
    with pytest.raises(BulkRefused, match="CSV or Parquet"):
        act("export", {"format": "xlsx"}, people)
    assert act("export", {"format": "csv"}, people).state == "done"


def test_a_file_goes_after_seven_days(lawful: Any, people: list[Lead], act: Act, at: datetime) -> None:
    action = act("export", {"format": "xlsx"}, people)
    assert not BulkPart.objects.filter(what="rows").exists()  # put together
    forget(workspace_id=lawful.id, at=at + timedelta(days=6, hours=23))
    assert as_sheet(content_of(action))[1][1] == "ana@example.com"
    forget(workspace_id=lawful.id, at=at + timedelta(days=7, seconds=1))
    action.refresh_from_db()
    assert (action.file_bytes, list(file_of(action)), BulkPart.objects.count()) == (None, [], 0)


@pytest.mark.parametrize("form", [Csv(), Xlsx(), Parquet()], ids=lambda form: form.key)
def test_any_text_can_be_written(form: Any, tmp_path: Path) -> None:
    """Control characters, emoji, 200,000 letters, lists in lists, numbers beyond 64 bit."""
    columns = [Column('na"me'), Column("n", "number"), Column("when", "date"), Column("list", "list")]
    rows = [
        ["\x00\x08<&>\ufffe\U0001f600", 2**70, "2026-02-31", ["a", None, 3]],
        ["x" * 200_000, -1.5e300, "2026-02-28", "alone"],
        [None, None, None, None],
        [True, 7, "", []],
    ]
    path = tmp_path / f"file.{form.suffix}"
    pieces = [form.head(columns), form.piece(rows)]
    if form.is_whole:
        path.write_bytes(b"".join(pieces))
    else:
        form.join(columns, iter(pieces), path)
    content = path.read_bytes()
    if form.key == "parquet":
        with duckdb.connect() as engine:
            stored = engine.execute(f"SELECT * FROM '{path}'").fetchall()
        assert [row[2] for row in stored] == ["2026-02-31", "2026-02-28", None, None]
        assert stored[1][3] == ["alone"]
    else:
        found = as_csv(content) if form.key == "csv" else as_sheet(content)
        assert found[0] == ['na"me', "n", "when", "list"]
        assert len(found) == 5
        assert found[4][:2] in (["true", "7"], ["true", 7.0])


@pytest.mark.parametrize("format", ["csv", "xlsx", "parquet"])
def test_whoever_is_killed_at_the_end_leaves_the_same_file_to_the_next(
    people: list[Lead], act: Act, at: datetime, format: str
) -> None:
    action = act("export", {"format": format}, people)
    content = content_of(action)
    Export().finish(action, at)  # it was stored; its end was not
    assert content_of(action) == content


def test_owners_are_named(people: list[Lead], eva: User, act: Act) -> None:
    act("assign_owner", {"owner": eva.email}, people[:1])
    head, first, second, _ = as_csv(content_of(act("export", {"format": "csv"}, people)))
    assert [row[head.index("owner")] for row in (first, second)] == [eva.email, ""]
