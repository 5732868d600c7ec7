"""Spreadsheets, whose library reads them whole: what is too large is refused before."""

import logging
import mmap
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext
from python_calamine import CalamineWorkbook, PasswordError

from cultiva.capture.imports.archives import whole_archive
from cultiva.capture.imports.tables import SAMPLE_BYTES, Bad, Record, UnreadableFile, grouped

log = logging.getLogger(__name__)
# A spreadsheet is read whole: 200 bytes of memory for 100 of its text, and 32 for every cell between the first and the
# last, empty ones too. Measured at the limits: 500 MB.
MAX_SHEET = 200 * 1024**2  # bytes of its texts and sheets, unpacked
MAX_CELLS = 5_000_000  # rows times columns
OLE = b"\xd0\xcf\x11\xe0"  # of XLS files, and of what a password protects


def open_sheet(path: Path) -> Iterator[Record | Bad]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        if not book.sheet_names:
            raise UnreadableFile(gettext("The spreadsheet has no sheet."), gettext("save it again, or as CSV"))
        sheet = book.get_sheet_by_index(0)
        start = sheet.start[0] if sheet.start else 0
        rows = sheet.iter_rows()
    except UnreadableFile:
        raise
    except Exception as error:  # the library's errors have no common base
        raise _unreadable_sheet(path, error) from error
    return (
        Record(number, [cell_text(cell) for cell in cells])
        for number, cells in enumerate(rows, start=start + 1)
        if any(cell not in ("", None) for cell in cells)
    )


def _unreadable_sheet(path: Path, error: Exception) -> UnreadableFile:
    """The library tells in English and in its own terms; that is for the log."""
    log.info("event=import.unreadable format=spreadsheet error=%r", error)
    with path.open("rb") as file:
        is_ole = file.read(len(OLE)) == OLE
    if isinstance(error, PasswordError) or (is_ole and _holds(path, "EncryptedPackage".encode("utf-16-le"))):
        return UnreadableFile(
            gettext("The spreadsheet is protected by a password."), gettext("save it without password, or as CSV")
        )
    if is_ole:
        return UnreadableFile(
            gettext("The file is no spreadsheet, or a damaged one."), gettext("save it again, or as CSV")
        )
    return UnreadableFile(gettext("The spreadsheet is damaged."), gettext("save it again, or as CSV"))


def _holds(path: Path, name: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(name) >= 0


def cell_text(cell: Any) -> Any:
    """Spreadsheets hold every number as a float and dates as such; texts go on as if they came from CSV."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == cell.min.time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell).replace("\x00", "")


# A cell or the beginning of a row, with its place where it names one. `/`: it is empty.
PLACE = re.compile(
    rb"""<(?:\w+:)?(row|c)(?=[\s/>])(?:[^>]*?\sr\s*=\s*["']([A-Za-z]*)(\d+)["'])?[^>]*?(/?)>""",
)


def refuse_large_sheets(path: Path) -> None:
    """Before the library reads them: memory it does not get ends the process. Everything is read through here once, so
    that no size in the archive's directory is a lie."""
    with zipfile.ZipFile(path) as archive:
        parts = [each for each in archive.infolist() if each.filename.endswith((".xml", ".rels"))]
        unpacked = sum(each.file_size for each in parts)
        if unpacked > MAX_SHEET:
            raise UnreadableFile(
                gettext("The spreadsheet unpacks to %(size)s MB; the most is %(most)s MB.")
                % {"size": grouped(unpacked // 1024**2), "most": MAX_SHEET // 1024**2},
                gettext("save the sheet as CSV, which may be of any length"),
            )
        for part in parts:
            with whole_archive(), archive.open(part) as file:
                rows, columns = _extent(file)
            if rows * columns > MAX_CELLS:
                raise UnreadableFile(
                    gettext("The spreadsheet has %(rows)s rows and %(columns)s columns; the most is %(most)s cells.")
                    % {"rows": grouped(rows), "columns": grouped(columns), "most": grouped(MAX_CELLS)},
                    gettext("delete what stands far below or beside the list, or save the sheet as CSV"),
                )


def _extent(file: IO[bytes]) -> tuple[int, int]:
    """The last row and the last column with a value in a sheet; (0, 0) of what is no sheet."""
    row = column = last_row = last_column = 0
    columns: dict[bytes, int] = {}
    rest = b""
    while block := _read_block(file):
        block = rest + block
        cut = block.rfind(b"<") if block.rfind(b"<") > block.rfind(b">") else len(block)
        block, rest = block[:cut], block[cut:]
        if len(rest) > SAMPLE_BYTES:
            raise UnreadableFile(gettext("The spreadsheet is damaged."), gettext("save it again, or as CSV"))
        for tag, letters, number, is_empty in PLACE.findall(block):
            if tag == b"row":
                row, column = int(number) if number else row + 1, 0
                continue
            if letters:
                row, column = int(number), columns.get(letters) or columns.setdefault(letters, _column_number(letters))
            else:
                column += 1
            if not is_empty:
                last_row, last_column = max(last_row, row), max(last_column, column)
    return last_row, last_column


def _read_block(file: IO[bytes]) -> bytes:
    with whole_archive():
        return file.read(1024 * 1024)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper()[:7]:
        number = number * 26 + letter - 64
    return number
