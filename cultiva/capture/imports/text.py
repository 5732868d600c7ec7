"""Text: how it is encoded and parted, and its records."""

import codecs
import csv
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TextIO

import duckdb
from charset_normalizer import from_bytes
from django.utils.translation import gettext

from cultiva.capture.imports.tables import (
    DELIMITERS,
    ENCODINGS,
    SAMPLE_BYTES,
    Bad,
    Dialect,
    Record,
    UnreadableFile,
    first_rows,
    grouped,
    looks_like_header,
)

MAX_LINE = 1024 * 1024  # characters; a person's row has some hundreds
MAX_FIELD = 256 * 1024  # characters; beyond it a quote was not closed
csv.field_size_limit(MAX_FIELD)
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def detect_text(head: bytes, name: str) -> Dialect:
    encoding, has_bom, is_sure = _detect_encoding(head)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    if len(head) == SAMPLE_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    delimiter, quote = _detect_delimiter(text)
    dialect = Dialect("csv", encoding, has_bom, delimiter, quote, is_sure=is_sure)
    try:
        rows = first_rows(records_of(io.StringIO(text), dialect, ""))
    except UnreadableFile as error:
        raise UnreadableFile(f"{name}: {error.problem}", error.hint) from error
    return Dialect("csv", encoding, has_bom, delimiter, quote, looks_like_header(rows), is_sure)


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


def decode(stream: io.BufferedReader | Any, dialect: Dialect) -> TextIO:
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
                % {"line": self.number + 1, "most": grouped(MAX_LINE)},
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


BROKEN = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of bytes that are no text


def records_of(text: TextIO, dialect: Dialect, part: str) -> Iterator[Record | Bad]:
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
