"""Reading files of rows: what they are, how they are written, and their records one by one.

Everything is read as a stream, a record at a time: a file of a million rows takes no more memory than one of a
thousand. A record that cannot be read is a `Bad` one, with its line and the reason; the others are not lost by it.
Spreadsheets are the exception: their library reads a sheet whole, so their size is limited. (A library that streams
them, openpyxl, takes twelve times as long: 16 s instead of 1.4 for 150,000 rows of ten columns.)
"""

import zipfile
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.imports.archives import MAX_UNPACKED, mailchimp_parts, open_mailchimp, refuse_bomb
from cultiva.capture.imports.parquet import encrypted_parquet, open_parquet
from cultiva.capture.imports.sheets import OLE, open_sheet, refuse_large_sheets
from cultiva.capture.imports.tables import (
    SAMPLE_BYTES,
    Dialect,
    Record,
    Table,
    UnreadableFile,
    first_rows,
    looks_like_header,
    to_table,
)
from cultiva.capture.imports.text import decode, detect_text, records_of

SAMPLE_ROWS = 200


def detect(path: Path, *, name: str = "") -> Dialect:
    """How a file is written, by its content. Raises UnreadableFile."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise UnreadableFile(gettext("%(name)s is empty.") % {"name": name or path.name}, gettext("export it again"))
    if head.startswith(b"PAR1"):
        return Dialect(format="parquet")
    if head.startswith(b"PARE"):
        raise encrypted_parquet()
    if head.startswith(OLE):
        return Dialect(format="xls", has_header=looks_like_header(first_rows(open_sheet(path))))
    if head.startswith(b"PK\x03\x04"):
        return _detect_archive(path, name)
    return detect_text(head, name or path.name)


def open_table(path: Path, dialect: Dialect) -> Table:
    """The file's columns and records. Raises UnreadableFile."""
    if dialect.format == "parquet":
        return open_parquet(path)
    if dialect.format in ("xlsx", "xls"):
        return to_table(open_sheet(path), dialect)
    if dialect.format == "mailchimp":
        return open_mailchimp(path)
    stream = path.open("rb")
    table = to_table(records_of(decode(stream, dialect), dialect, ""), dialect)
    table.close = stream.close
    return table


def sample(path: Path, dialect: Dialect, *, rows: int = SAMPLE_ROWS) -> tuple[list[str], list[list[Any]]]:
    """The columns and the first readable rows."""
    table = open_table(path, dialect)
    try:
        found: list[list[Any]] = []
        for record in table.records:
            if isinstance(record, Record):
                found.append(record.cells)
                if len(found) == rows:
                    break
        return table.columns, found
    finally:
        table.close()


def _detect_archive(path: Path, name: str) -> Dialect:
    refuse_bomb(path, limit=MAX_UNPACKED)
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
    if "xl/workbook.xml" in inside:
        refuse_large_sheets(path)
        return Dialect(format="xlsx", has_header=looks_like_header(first_rows(open_sheet(path))))
    if mailchimp_parts(inside):
        return Dialect(format="mailchimp")
    if "[Content_Types].xml" in inside or "content.xml" in inside:
        raise UnreadableFile(
            gettext("%(name)s is no XLSX file.") % {"name": name or path.name},
            gettext("open it and save the list as XLSX or CSV"),
        )
    raise UnreadableFile(
        gettext("%(name)s is an archive without the files of a Mailchimp export.") % {"name": name or path.name},
        gettext("unpack it, and import its CSV files one by one"),
    )
