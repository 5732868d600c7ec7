"""Reading files of rows: what they are, how they are written, and their records one by one.

Everything is read as a stream, a record at a time: a file of a million rows takes no more memory than one of a
thousand. A record that cannot be read is a `Bad` one, with its line and the reason; the others are not lost by it.
Spreadsheets are the exception: their library reads a sheet whole, so their size is limited. (A library that streams
them, openpyxl, takes twelve times as long: 16 s instead of 1.4 for 150,000 rows of ten columns.)
"""

import codecs
import csv
import io
import logging
import mmap
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, TextIO

import duckdb
from charset_normalizer import from_bytes
from django.utils.formats import number_format
from django.utils.translation import gettext
from python_calamine import CalamineWorkbook, PasswordError

from cultiva.lib.refusals import Refusal

log = logging.getLogger(__name__)

Json = dict[str, Any]

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 200
MAX_LINE = 1024 * 1024  # characters; a person's row has some hundreds
MAX_FIELD = 256 * 1024  # characters; beyond it a quote was not closed
MAX_COLUMNS = 500
MAX_UNPACKED = 4 * 1024**3  # bytes an archive may hold
MAX_RATIO = 200  # unpacked to packed; CSV packs to a tenth, spreadsheets to a thirtieth
# A spreadsheet is read whole: 200 bytes of memory for 100 of its text, and 32 for every cell between the first and the
# last, empty ones too. Measured at the limits: 500 MB.
MAX_SHEET = 200 * 1024**2  # bytes of its texts and sheets, unpacked
MAX_CELLS = 5_000_000  # rows times columns
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be", "mac-roman")
FORMATS = ("csv", "xlsx", "xls", "parquet", "mailchimp")
csv.field_size_limit(MAX_FIELD)

OLE = b"\xd0\xcf\x11\xe0"  # of XLS files, and of what a password protects
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# The files of a Mailchimp export, and what being in one of them means; opt-outs first.
MAILCHIMP_FILES = {"unsubscribed": "unsubscribed", "cleaned": "cleaned", "nonsubscribed": "nonsubscribed",
                   "subscribed": "subscribed"}  # fmt: skip


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


def detect(path: Path, *, name: str = "") -> Dialect:
    """How a file is written, by its content. Raises UnreadableFile."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise UnreadableFile(gettext("%(name)s is empty.") % {"name": name or path.name}, gettext("export it again"))
    if head.startswith(b"PAR1"):
        return Dialect(format="parquet")
    if head.startswith(b"PARE"):
        raise _encrypted_parquet()
    if head.startswith(OLE):
        return Dialect(format="xls", has_header=_looks_like_header(_first_rows(_open_sheet(path))))
    if head.startswith(b"PK\x03\x04"):
        return _detect_archive(path, name)
    return _detect_text(head, name or path.name)


def open_table(path: Path, dialect: Dialect) -> Table:
    """The file's columns and records. Raises UnreadableFile."""
    if dialect.format == "parquet":
        return _open_parquet(path)
    if dialect.format in ("xlsx", "xls"):
        return _to_table(_open_sheet(path), dialect)
    if dialect.format == "mailchimp":
        return _open_mailchimp(path)
    stream = path.open("rb")
    table = _to_table(_records(_decode(stream, dialect), dialect, ""), dialect)
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


# Text


def _detect_text(head: bytes, name: str) -> Dialect:
    encoding, has_bom, is_sure = _detect_encoding(head)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    if len(head) == SAMPLE_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    delimiter, quote = _detect_delimiter(text)
    dialect = Dialect("csv", encoding, has_bom, delimiter, quote, is_sure=is_sure)
    try:
        rows = _first_rows(_records(io.StringIO(text), dialect, ""))
    except UnreadableFile as error:
        raise UnreadableFile(f"{name}: {error.problem}", error.hint) from error
    return Dialect("csv", encoding, has_bom, delimiter, quote, _looks_like_header(rows), is_sure)


def _detect_encoding(head: bytes) -> tuple[str, bool, bool]:
    """(encoding, has a BOM, is sure). UTF-8 proves itself; of one-byte encodings cp1252 is what offices write."""
    for bom, encoding in BOMS.items():
        if head.startswith(bom):
            return encoding, True, True
    zeros_even, zeros_odd = head[0:4000:2].count(0), head[1:4000:2].count(0)
    if max(zeros_even, zeros_odd) > len(head[:4000]) * 0.2:
        return ("utf-16-le" if zeros_odd > zeros_even else "utf-16-be"), False, False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < SAMPLE_BYTES)
        return "utf-8", False, True
    except UnicodeDecodeError:
        pass
    guess = from_bytes(head, cp_isolation=["cp1252", "mac_roman", "utf_8"]).best()
    if guess is not None and guess.encoding == "mac_roman" and b"\x8e" in head and b"\xe9" not in head:
        return "mac-roman", False, False
    # A byte that is no character in UTF-8 now and then, in a file that is UTF-8 otherwise, spoils its row alone.
    broken = sum(c == "\ufffd" for c in head.decode("utf-8", errors="replace"))
    wide = sum(byte >= 0xC2 for byte in head)
    return ("utf-8" if wide > 3 * broken else "cp1252"), False, False


def _detect_delimiter(text: str) -> tuple[str, str]:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".csv", newline="") as file:
        file.write(text.replace("\x00", ""))
        file.flush()
        with suppress(duckdb.Error), duckdb.connect() as connection:
            found = connection.execute(
                "SELECT Delimiter, Quote FROM sniff_csv(?, strict_mode = false, ignore_errors = true,"
                " null_padding = true, all_varchar = true)",
                [file.name],
            ).fetchone()
            if found and found[0] in DELIMITERS and found[0] in text:
                return found[0], '"'
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=first.count), '"'


BROKEN = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of bytes that are no text
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _looks_like_header(rows: Sequence[Sequence[Any]]) -> bool:
    """Names are texts, all different, and none is a value such as an address or a number."""
    if not rows:
        return False
    first = [str(cell or "").strip() for cell in rows[0]]
    named = [cell for cell in first if cell]
    if len(named) < len(first) / 2 or len({cell.casefold() for cell in named}) < len(named):
        return False
    return not any(EMAIL.search(cell) or re.fullmatch(r"[\d\s.,/:+-]+", cell) for cell in named)


def _first_rows(records: Iterator["Record | Bad"]) -> list[list[Any]]:
    rows = []
    for record in records:
        if isinstance(record, Record):
            rows.append(record.cells)
            if len(rows) == 20:
                break
    return rows


def _decode(stream: io.BufferedReader | Any, dialect: Dialect) -> TextIO:
    """A byte that is no character becomes a surrogate, by which its row is known."""
    errors = "surrogateescape" if not dialect.encoding.startswith("utf-16") else "replace"
    text = io.TextIOWrapper(stream, encoding=dialect.encoding, errors=errors, newline="")
    if dialect.has_bom:
        try:
            text.read(1)
        except UnicodeError as error:
            raise _wrong_encoding(text) from error
    return text


def _wrong_encoding(text: TextIO) -> UnreadableFile:
    """Where somebody chose one in which not even single bytes can be put aside."""
    return UnreadableFile(
        gettext("The file is no %(encoding)s text.") % {"encoding": text.encoding},
        gettext("choose one of %(known)s") % {"known": ", ".join(ENCODINGS)},
    )


class Lines:
    """The physical lines of a file, each with a limit, some of them given back to be read again."""

    def __init__(self, text: TextIO) -> None:
        self.text, self.number, self.pending = text, 0, list[str]()
        self.taken: list[str] = []  # since the record began

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self.pending.pop() if self.pending else self._read_line()
        if not line:
            raise StopIteration
        if len(line) >= MAX_LINE:
            raise UnreadableFile(
                gettext("Line %(line)s is longer than %(most)s characters.")
                % {"line": self.number + 1, "most": _grouped(MAX_LINE)},
                gettext("this is no table of rows, or its line ends are lost; export it again as CSV"),
            )
        self.number += 1
        self.taken.append(line)
        return line

    def _read_line(self) -> str:
        try:
            return self.text.readline(MAX_LINE)
        except UnicodeError as error:
            raise _wrong_encoding(self.text) from error

    def give_back(self, lines: list[str]) -> None:
        self.number -= len(lines)
        self.pending += reversed(lines)


def _records(text: TextIO, dialect: Dialect, part: str) -> Iterator[Record | Bad]:
    """Records with the line each begins at. A quote that is never closed costs its own line and no other."""
    lines = Lines(text)
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote or None)
    while True:
        lines.taken = []
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.give_back(lines.taken[1:])
            yield Bad(line, gettext("a quote in this row is not closed"), [lines.taken[0].rstrip("\r\n")[:5000]], part)
            reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote or None)
            continue
        if not cells or not any(cells):
            continue
        raw = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
        if "\x00" in raw:
            shown = [cell.replace("\x00", "") for cell in cells]
            yield Bad(line, gettext("the row holds a NUL character"), shown, part)
        elif not raw.isascii() and BROKEN.search(raw):
            shown = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in cells]
            reason = gettext("the row holds bytes that are no %(encoding)s text") % {"encoding": dialect.encoding}
            yield Bad(line, reason, shown, part)
        else:
            yield Record(line, cells, part)


def _to_table(records: Iterator[Record | Bad], dialect: Dialect) -> Table:
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


# Spreadsheets and Parquet


def _open_sheet(path: Path) -> Iterator[Record | Bad]:
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
        Record(number, [_cell_text(cell) for cell in cells])
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


def _cell_text(cell: Any) -> Any:
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


def _open_parquet(path: Path) -> Table:
    connection = duckdb.connect()
    try:
        connection.execute("SET threads = 1")
        result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        columns = name_columns([column[0] for column in result.description or ()])
    except duckdb.Error as error:
        connection.close()
        raise _unreadable_parquet(path, error) from error

    def records() -> Iterator[Record | Bad]:
        number = 0
        while rows := fetch():
            for row in rows:
                number += 1
                yield Record(number, [_parquet_value(value) for value in row])

    def fetch() -> list[Any]:
        try:
            return result.fetchmany(2000)
        except duckdb.Error as error:  # the end of a file is read first, the damage in its middle when it comes
            raise _unreadable_parquet(path, error) from error

    return Table(columns, records(), connection.close)


def _unreadable_parquet(path: Path, error: duckdb.Error) -> UnreadableFile:
    said = str(error).partition("\n")[0]
    log.info("event=import.unreadable format=parquet error=%r", said)
    if "encrypt" in said.casefold():
        return _encrypted_parquet()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        is_whole = file.read() == b"PAR1"
    if not is_whole:
        return UnreadableFile(gettext("The end of the Parquet file is missing."), gettext("download it again"))
    return UnreadableFile(gettext("The Parquet file is damaged."), gettext("export it again"))


def _encrypted_parquet() -> UnreadableFile:
    return UnreadableFile(gettext("The Parquet file is encrypted."), gettext("export it without encryption"))


def _parquet_value(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return value
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return _cell_text(float(value)) if isinstance(value, float) else str(value)
    return _cell_text(value)


# Archives


def _detect_archive(path: Path, name: str) -> Dialect:
    _refuse_bomb(path, limit=MAX_UNPACKED)
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
    if "xl/workbook.xml" in inside:
        _refuse_large_sheets(path)
        return Dialect(format="xlsx", has_header=_looks_like_header(_first_rows(_open_sheet(path))))
    if _mailchimp_parts(inside):
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


@contextmanager
def _whole_archive() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        log.info("event=import.unreadable format=zip error=%r", str(error))
        raise UnreadableFile(gettext("The archive is damaged."), gettext("download it again")) from error


def _refuse_bomb(path: Path, *, limit: int) -> None:
    with _whole_archive(), zipfile.ZipFile(path) as archive:
        inside = archive.infolist()
    if any(each.flag_bits & 1 for each in inside):
        raise UnreadableFile(
            gettext("The archive is protected by a password."),
            gettext("unpack it, and import its CSV files one by one"),
        )
    if any(each.compress_type not in PACKINGS for each in inside):
        raise UnreadableFile(
            gettext("The archive is packed in a way that cannot be read."),
            gettext("unpack it, and import its CSV files one by one"),
        )
    sizes = [(each.file_size, each.compress_size) for each in inside]
    unpacked, packed = sum(size for size, _ in sizes), sum(size for _, size in sizes) or 1
    if unpacked > limit or (unpacked > 10 * 1024**2 and unpacked / packed > MAX_RATIO):
        raise UnreadableFile(
            gettext("The archive unpacks to %(size)s MB, %(times)s times its size.")
            % {"size": _grouped(unpacked // 1024**2), "times": unpacked // packed},
            gettext("this is more than a list of people; import it as CSV"),
        )


# A cell or the beginning of a row, with its place where it names one. `/`: it is empty.
PLACE = re.compile(
    rb"""<(?:\w+:)?(row|c)(?=[\s/>])(?:[^>]*?\sr\s*=\s*["']([A-Za-z]*)(\d+)["'])?[^>]*?(/?)>""",
)


def _refuse_large_sheets(path: Path) -> None:
    """Before the library reads them: memory it does not get ends the process. Everything is read through here once, so
    that no size in the archive's directory is a lie."""
    with zipfile.ZipFile(path) as archive:
        parts = [each for each in archive.infolist() if each.filename.endswith((".xml", ".rels"))]
        unpacked = sum(each.file_size for each in parts)
        if unpacked > MAX_SHEET:
            raise UnreadableFile(
                gettext("The spreadsheet unpacks to %(size)s MB; the most is %(most)s MB.")
                % {"size": _grouped(unpacked // 1024**2), "most": MAX_SHEET // 1024**2},
                gettext("save the sheet as CSV, which may be of any length"),
            )
        for part in parts:
            with _whole_archive(), archive.open(part) as file:
                rows, columns = _extent(file)
            if rows * columns > MAX_CELLS:
                raise UnreadableFile(
                    gettext("The spreadsheet has %(rows)s rows and %(columns)s columns; the most is %(most)s cells.")
                    % {"rows": _grouped(rows), "columns": _grouped(columns), "most": _grouped(MAX_CELLS)},
                    gettext("delete what stands far below or beside the list, or save the sheet as CSV"),
                )


def _grouped(number: int) -> str:
    return number_format(number, force_grouping=True)


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
    with _whole_archive():
        return file.read(1024 * 1024)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper()[:7]:
        number = number * 26 + letter - 64
    return number


def _mailchimp_parts(names: Sequence[str]) -> list[tuple[str, str]]:
    """(name, status) of the export's files, opt-outs first: whatever the order, they win."""
    found = []
    for name in names:
        file = name.rpartition("/")[2].casefold()
        status = next((word for word in MAILCHIMP_FILES if file.startswith(word)), None)
        if status and file.endswith(".csv"):
            found.append((name, status))
    order = list(MAILCHIMP_FILES)
    return sorted(found, key=lambda each: (order.index(each[1]), each[0]))


STATUS_COLUMN = "Mailchimp status"  # not in the files: which of them a row stood in


def _open_mailchimp(path: Path) -> Table:
    """The export's files as one table: all their columns, and one that says which file a row stood in."""
    _refuse_bomb(path, limit=MAX_UNPACKED)
    archive = zipfile.ZipFile(path)
    parts = []
    columns: list[str] = []
    for name, status in _mailchimp_parts(archive.namelist()):
        with _whole_archive(), archive.open(name) as file:
            head = file.read(SAMPLE_BYTES)
        if not head.strip():
            continue
        dialect = _detect_text(head, name)
        with _whole_archive(), archive.open(name) as file:
            table = _to_table(_records(_decode(file, dialect), dialect, name), dialect)
        parts.append((name, status, dialect, table.columns))
        columns += [column for column in table.columns if column not in columns]
    if not parts:
        raise UnreadableFile(gettext("The archive holds no rows."))

    def records() -> Iterator[Record | Bad]:
        place = {column: number for number, column in enumerate(columns)}
        for name, status, dialect, own in parts:
            with archive.open(name) as file:
                table = _to_table(_capped(_records(_decode(file, dialect), dialect, name)), dialect)
                for record in table.records:
                    if isinstance(record, Bad):
                        yield record
                        continue
                    cells: list[Any] = [""] * len(columns)
                    for column, cell in zip(own, record.cells, strict=True):
                        cells[place[column]] = cell
                    yield Record(record.line, [*cells, status], name)

    return Table([*columns, STATUS_COLUMN], records(), archive.close)


def _capped(records: Iterator[Record | Bad]) -> Iterator[Record | Bad]:
    """What an archive says of its sizes may be a lie: zipfile itself stops at the size it announced."""
    with _whole_archive():
        yield from records
