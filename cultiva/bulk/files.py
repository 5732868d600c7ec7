"""The files an export may become. Rows are written piece by piece while the export runs; CSV is done with that, the
others are put together at the end.

A spreadsheet takes text that begins with = + - @, a tab or a return for a formula: an apostrophe before it makes it
text again. An import of the file takes that apostrophe off. Parquet is read by programs, and holds what is.
"""

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import orjson

from cultiva.capture.imports.given_out import guarded

Row = Sequence[Any]

BOM = "\ufeff"  # without it spreadsheets take UTF-8 for the old encodings
MOST_SHEET_ROWS = 1_048_576  # of XLSX, the row of names among them
MEMORY = "512MB"  # that the engine may take
MOST_CELL = 32_767  # characters that Excel keeps in a cell
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML 1.0 has no way to write


@dataclass(frozen=True)
class Column:
    """`type`: text, number, boolean, date, date_time or list."""

    name: str
    type: str = "text"


class Csv:
    key, suffix, content_type = "csv", "csv", "text/csv; charset=utf-8"
    is_whole = True  # the pieces are the file

    def __init__(self, separator: str = ",") -> None:
        self.separator = separator

    def head(self, columns: Sequence[Column]) -> bytes:
        return (BOM + self._lines([[column.name for column in columns]])).encode()

    def piece(self, rows: Iterable[Row]) -> bytes:
        return self._lines(rows).encode()

    def _lines(self, rows: Iterable[Row]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator).writerows([guarded(plain(cell)) for cell in row] for row in rows)
        return text.getvalue()

    def join(self, columns: Sequence[Column], pieces: Iterator[bytes], path: Path) -> None:
        raise NotImplementedError


class Xlsx:
    """One sheet of typed cells: a text is told to be a text, and never calculated."""

    key, suffix = "xlsx", "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    is_whole = False

    def head(self, columns: Sequence[Column]) -> bytes:
        return self.piece([[column.name for column in columns]])

    def piece(self, rows: Iterable[Row]) -> bytes:
        return "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows).encode()

    def join(self, columns: Sequence[Column], pieces: Iterator[bytes], path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as book:
            for name, text in BOOK.items():
                book.writestr(name, text)
            with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
                sheet.write(SHEET_HEAD.encode())
                for piece in pieces:
                    sheet.write(piece)
                sheet.write(b"</sheetData></worksheet>")


class Parquet:
    """Typed columns; a column of which some value is not of its type is text."""

    key, suffix, content_type = "parquet", "parquet", "application/vnd.apache.parquet"
    is_whole = False
    types = {"number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "date_time": "TIMESTAMPTZ"}

    def head(self, columns: Sequence[Column]) -> bytes:
        return b""

    def piece(self, rows: Iterable[Row]) -> bytes:
        return b"".join(_json([None if cell == "" else cell for cell in row]) + b"\n" for row in rows)

    def join(self, columns: Sequence[Column], pieces: Iterator[bytes], path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="cultiva-export-") as folder, duckdb.connect() as engine:
            rows = Path(folder) / "rows"
            with rows.open("wb") as file:
                file.writelines(pieces)
            engine.execute("SET TimeZone = 'UTC'")
            engine.execute(f"SET memory_limit = '{MEMORY}'")
            # Each line is a JSON array, read as one text: names of columns may be anything.
            engine.execute(
                f"CREATE VIEW given AS SELECT row FROM read_csv('{rows}', columns = {{'row': 'JSON'}},"  # noqa: S608
                " delim = '\x01', quote = '', escape = '', header = false, max_line_size = 33554432)"
            )
            values = self._values(engine, columns)
            kept = ", ".join(f"{sql} AS {_name(column)}" for sql, column in zip(values, columns, strict=True))
            engine.execute(f"COPY (SELECT {kept} FROM given) TO '{path}' (FORMAT parquet)")  # noqa: S608

    def _values(self, engine: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[str]:
        """SQL of each column: of its type, if all its values are."""
        texts = [f"(row ->> '$[{place}]')" for place in range(len(columns))]
        values = [self._typed(place, column) for place, column in enumerate(columns)]
        checks = [f"bool_or({t} IS NOT NULL AND {v} IS NULL)" for t, v in zip(texts, values, strict=True)]
        misfits = engine.execute(f"SELECT {', '.join(checks)} FROM given").fetchone() or ()  # noqa: S608
        return [text if is_misfit else value for text, value, is_misfit in zip(texts, values, misfits, strict=True)]

    def _typed(self, place: int, column: Column) -> str:
        if column.type == "list":
            return (
                f"CASE json_type(row, '$[{place}]') WHEN 'ARRAY' THEN CAST(row -> '$[{place}]' AS VARCHAR[])"
                f" WHEN 'NULL' THEN NULL ELSE [row ->> '$[{place}]'] END"
            )
        if column.type in self.types:
            return f"TRY_CAST((row ->> '$[{place}]') AS {self.types[column.type]})"
        return f"(row ->> '$[{place}]')"


def _name(column: Column) -> str:
    return '"' + column.name.replace('"', '""') + '"'


Format = Csv | Xlsx | Parquet


def format_of(key: str, separator: str = ",") -> Format:
    made: dict[str, Format] = {"csv": Csv(separator), "xlsx": Xlsx(), "parquet": Parquet()}
    return made[key]


def plain(value: Any) -> Any:
    """A value as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(str(plain(each)) for each in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    value = guarded(plain(value))
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    if not value:
        return "<c/>"
    text = escape(UNWRITABLE.sub("", value[:MOST_CELL]))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _json(row: list[Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # whole numbers beyond 64 bit
        return json.dumps(row, ensure_ascii=False, default=str).encode()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# The least that ECMA-376 asks of a workbook with one sheet.
BOOK = {
    "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Leads" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
SHEET_HEAD = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1"' \
    ' topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'  # fmt: skip
