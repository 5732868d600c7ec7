"""A file as a table, however it is written: its columns, and its records with the line each begins at."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext

from cultiva.lib.refusals import Refusal

Json = dict[str, Any]
SAMPLE_BYTES = 256 * 1024
MAX_COLUMNS = 500
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be", "mac-roman")
FORMATS = ("csv", "xlsx", "xls", "parquet", "mailchimp")


class UnreadableFile(Refusal):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Dialect:
    """How a file is written. Each part is detected and may be set by hand."""

    format: str = "csv"
    encoding: str = "utf-8"
    has_bom: bool = False
    delimiter: str = ","
    quote: str = '"'
    has_header: bool = True
    is_sure: bool = True  # False: the encoding is a guess

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `line` is where it begins in its file (from 1), `part` the file within an archive."""

    line: int
    cells: list[Any]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be read."""

    line: int
    reason: str
    cells: list[Any]
    part: str = ""


@dataclass
class Table:
    """An open file: its columns, and its records from the first."""

    columns: list[str]
    records: Iterator[Record | Bad]
    close: Callable[[], None] = field(default=lambda: None)


def to_table(records: Iterator[Record | Bad], dialect: Dialect) -> Table:
    first = next((record for record in records if isinstance(record, Record)), None)
    if first is None:
        raise UnreadableFile(gettext("The file has no rows."), gettext("export it again"))
    if len(first.cells) > MAX_COLUMNS:
        said = {"number": len(first.cells), "most": MAX_COLUMNS}
        raise UnreadableFile(gettext("The file has %(number)d columns; the most is %(most)d.") % said)
    if dialect.has_header:
        columns = name_columns(first.cells)
        return Table(columns, _fitted(records, len(columns)))
    columns = [f"column {number}" for number in range(1, len(first.cells) + 1)]
    return Table(columns, _fitted(_and_then(first, records), len(columns)))


def name_columns(cells: Sequence[Any]) -> list[str]:
    """Every column has a name of its own: empty ones by their number, repeated ones with a count."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = str(cell or "").strip()[:200] or f"column {number}"
        again = 2
        while name in names:
            name, again = f"{name.rpartition(' (')[0] if again > 2 else name} ({again})", again + 1
        names.append(name)
    return names


def _and_then(first: Record, records: Iterator[Record | Bad]) -> Iterator[Record | Bad]:
    yield first
    yield from records


def _fitted(records: Iterator[Record | Bad], width: int) -> Iterator[Record | Bad]:
    """Rows as wide as the header: short ones end in blanks; of long ones the rest must be blank."""
    for record in records:
        if isinstance(record, Record) and len(record.cells) != width:
            if len(record.cells) > width and any(record.cells[width:]):
                said = {"number": len(record.cells), "width": width}
                reason = gettext("the row has %(number)d cells, the header %(width)d") % said
                yield Bad(record.line, reason, record.cells, record.part)
                continue
            record.cells[width:] = []
            record.cells.extend([""] * (width - len(record.cells)))
        yield record


EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def looks_like_header(rows: Sequence[Sequence[Any]]) -> bool:
    """Names are texts, all different, and none is a value such as an address or a number."""
    if not rows:
        return False
    first = [str(cell or "").strip() for cell in rows[0]]
    named = [cell for cell in first if cell]
    if len(named) < len(first) / 2 or len({cell.casefold() for cell in named}) < len(named):
        return False
    return not any(EMAIL.search(cell) or re.fullmatch(r"[\d\s.,/:+-]+", cell) for cell in named)


def first_rows(records: Iterator["Record | Bad"]) -> list[list[Any]]:
    rows = []
    for record in records:
        if isinstance(record, Record):
            rows.append(record.cells)
            if len(rows) == 20:
                break
    return rows


def grouped(number: int) -> str:
    return number_format(number, force_grouping=True)
