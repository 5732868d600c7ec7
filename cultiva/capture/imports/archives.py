"""Archives: what is refused of them, and those of a Mailchimp export as one table."""

import logging
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.imports.tables import (
    SAMPLE_BYTES,
    Bad,
    Record,
    Table,
    UnreadableFile,
    grouped,
    to_table,
)
from cultiva.capture.imports.text import decode, detect_text, records_of

log = logging.getLogger(__name__)
MAX_UNPACKED = 4 * 1024**3  # bytes an archive may hold
MAX_RATIO = 200  # unpacked to packed; CSV packs to a tenth, spreadsheets to a thirtieth
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# The files of a Mailchimp export, and what being in one of them means; opt-outs first.
MAILCHIMP_FILES = {"unsubscribed": "unsubscribed", "cleaned": "cleaned", "nonsubscribed": "nonsubscribed",
                   "subscribed": "subscribed"}  # fmt: skip


@contextmanager
def whole_archive() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        log.info("event=import.unreadable format=zip error=%r", str(error))
        raise UnreadableFile(gettext("The archive is damaged."), gettext("download it again")) from error


def refuse_bomb(path: Path, *, limit: int) -> None:
    with whole_archive(), zipfile.ZipFile(path) as archive:
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
            % {"size": grouped(unpacked // 1024**2), "times": unpacked // packed},
            gettext("this is more than a list of people; import it as CSV"),
        )


def mailchimp_parts(names: Sequence[str]) -> list[tuple[str, str]]:
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


def open_mailchimp(path: Path) -> Table:
    """The export's files as one table: all their columns, and one that says which file a row stood in."""
    refuse_bomb(path, limit=MAX_UNPACKED)
    archive = zipfile.ZipFile(path)
    parts = []
    columns: list[str] = []
    for name, status in mailchimp_parts(archive.namelist()):
        with whole_archive(), archive.open(name) as file:
            head = file.read(SAMPLE_BYTES)
        if not head.strip():
            continue
        dialect = detect_text(head, name)
        with whole_archive(), archive.open(name) as file:
            table = to_table(records_of(decode(file, dialect), dialect, name), dialect)
        parts.append((name, status, dialect, table.columns))
        columns += [column for column in table.columns if column not in columns]
    if not parts:
        raise UnreadableFile(gettext("The archive holds no rows."))

    def records() -> Iterator[Record | Bad]:
        place = {column: number for number, column in enumerate(columns)}
        for name, status, dialect, own in parts:
            with archive.open(name) as file:
                table = to_table(_capped(records_of(decode(file, dialect), dialect, name)), dialect)
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
    with whole_archive():
        yield from records
