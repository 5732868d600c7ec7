"""Files that cannot be read are told of in the reader's language; what the library says goes to the log alone."""

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from django.utils import translation
from django.utils.translation import gettext

from cultiva.capture.imports.reading import detect, open_table
from cultiva.capture.imports.tables import Dialect, UnreadableFile
from cultiva.capture.tests import files

BOOK = files.xlsx([["email"], ["ana@example.com"]])
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def without(part: str, instead: str | None = None) -> bytes:
    """The workbook with a part of it left out, or another in its place."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book, zipfile.ZipFile(packed, "w") as archive:
        for name in book.namelist():
            text = instead if name == part else book.read(name).decode()
            if text is not None:
                archive.writestr(name, text)
    return packed.getvalue()


def protected_book() -> bytes:
    """A compound file as Office saves one with a password: what is encrypted, in a stream of this name."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + b"\xff" * (108 * 4)
    fat = struct.pack("<II", 0xFFFFFFFD, 0xFFFFFFFE) + b"\xff" * (126 * 4)
    return header + fat + b"".join(entry(name, kind) for name, kind in (("Root Entry", 5), ("EncryptedPackage", 2)) * 2)


def entry(name: str, kind: int) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    links = struct.pack("<HBBIII", len(raw), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1 if kind == 5 else 0xFFFFFFFF)
    return raw.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", 0xFFFFFFFE, 0)


def parquet(change: Callable[[bytearray], bytes]) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        path = folder / "good.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT 'ana' || hash(range) AS name FROM range(9000)) TO '{path}' (FORMAT parquet)"
            )
        return change(bytearray(path.read_bytes()))

    return make


def noise(content: bytearray, begin: int, end: int) -> bytes:
    content[begin:end] = random.Random(1).randbytes(len(content[begin:end]))
    return bytes(content)


def archive(flags: int = 0, packing: int = 0) -> bytes:
    """With bits and a packing of the entry set in its directory."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("subscribed_x.csv", files.SUBSCRIBED)
    content = bytearray(packed.getvalue())
    place = content.index(b"PK\x01\x02")
    content[place + 8], content[place + 10] = flags, packing or content[place + 10]
    return bytes(content)


FILES: dict[str, tuple[bytes | Callable[[Path], bytes], str]] = {
    "password": (protected_book(), "The spreadsheet is protected by a password."),
    "no spreadsheet": (b"\xd0\xcf\x11\xe0" + bytes(3000), "The file is no spreadsheet, or a damaged one."),
    "half": (BOOK[: len(BOOK) // 2], "The archive is damaged."),
    "no sheet": (
        without("xl/workbook.xml", f'<workbook xmlns="{MAIN}"><sheets></sheets></workbook>'),
        "The spreadsheet has no sheet.",
    ),
    "lost sheet": (without("xl/worksheets/sheet1.xml"), "The spreadsheet is damaged."),
    "broken sheet": (
        without("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row><c></row>"), "The spreadsheet is damaged.",
    ),
    "half a Parquet": (parquet(lambda content: bytes(content[:-2000])), "The end of the Parquet file is missing."),
    "small": (lambda _: b"PAR1PAR1", "The Parquet file is damaged."),
    "bad footer": (parquet(lambda content: noise(content, -160, -10)), "The Parquet file is damaged."),
    "bad rows": (parquet(lambda content: noise(content, 100, 60_000)), "The Parquet file is damaged."),
    "encrypted": (b"PARE" + bytes(100) + b"PARE", "The Parquet file is encrypted."),
    "locked zip": (archive(flags=1), "The archive is protected by a password."),
    "strange zip": (archive(packing=97), "The archive is packed in a way that cannot be read."),
}  # fmt: skip


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", FILES)
def test_an_unreadable_file_is_told_of_in_the_readers_language(tmp_path: Path, kind: str, language: str) -> None:
    content, problem = FILES[kind]
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content(tmp_path))
    with translation.override(language), pytest.raises(UnreadableFile) as refused:
        list(open_table(path, detect(path)).records)
    with translation.override(language):
        assert refused.value.problem == gettext(problem)
    assert refused.value.hint
    assert str(tmp_path) not in str(refused.value)


def test_what_the_library_says_goes_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file"
    path.write_bytes(without("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row r='1'><c r='A1'><v>1</c></row>"))
    with caplog.at_level("INFO", logger="cultiva"), pytest.raises(UnreadableFile) as refused:
        detect(path)
    assert "event=import.unreadable format=spreadsheet error=XmlError('ill-formed document" in caplog.text
    assert "ill-formed" not in str(refused.value)


@pytest.mark.parametrize("has_bom", [True, False])
def test_an_encoding_that_cannot_be_is_refused(tmp_path: Path, has_bom: bool) -> None:
    path = tmp_path / "file"
    path.write_text("email\nana@example.com\n")
    with pytest.raises(UnreadableFile, match="The file is no utf-32 text"):
        list(open_table(path, Dialect(encoding="utf-32", has_bom=has_bom)).records)
