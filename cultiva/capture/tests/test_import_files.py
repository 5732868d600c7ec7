"""Reading files: what is detected, what each tool's columns mean, and that bad rows are lost alone."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultiva.capture.imports import sheets, text
from cultiva.capture.imports.cells import read_email, read_moment, read_number, read_tags
from cultiva.capture.imports.mapping import BadPlan, Column, Plan, check_plan
from cultiva.capture.imports.reading import detect, open_table, sample
from cultiva.capture.imports.suggesting import suggest
from cultiva.capture.imports.tables import Bad, Record, UnreadableFile
from cultiva.capture.tests import files
from cultiva.leads.actions import BadAddress, read_address

MADRID = ZoneInfo("Europe/Madrid")
TEXT = "Correo;Nombre;Facturación\r\nana@example.com;Núñez;1.234,50\r\nbea@example.com;Iñigo;99,5\r\n"


def saved(folder: Path, content: bytes | str) -> Path:
    path = folder / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_all(path: Path) -> list[Record | Bad]:
    table = open_table(path, detect(path))
    try:
        return list(table.records)
    finally:
        table.close()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TEXT.encode(), ("utf-8", False, ";")),
        (TEXT.encode("utf-8-sig"), ("utf-8", True, ";")),
        (TEXT.encode("cp1252"), ("cp1252", False, ";")),
        (TEXT.encode("utf-16"), ("utf-16-le", True, ";")),
        (TEXT.encode("utf-16-be"), ("utf-16-be", False, ";")),
        (TEXT.replace(",", ".").replace(";", ",").encode(), ("utf-8", False, ",")),
        (TEXT.replace(";", "\t").encode("cp1252"), ("cp1252", False, "\t")),
        (TEXT.replace(";", "|").encode(), ("utf-8", False, "|")),
    ],
)
def test_it_finds_encoding_and_delimiter(tmp_path: Path, content: bytes, expected: tuple[Any, ...]) -> None:
    path = saved(tmp_path, content)
    found = detect(path)
    assert (found.encoding, found.has_bom, found.delimiter) == expected
    assert found.has_header
    columns, rows = sample(path, found)
    assert columns[0] == "Correo"
    assert [row[1] for row in rows] == ["Núñez", "Iñigo"]


def test_a_file_without_header_is_known_by_its_first_row(tmp_path: Path) -> None:
    path = saved(tmp_path, "ana@example.com,Ana,3\nbea@example.com,Bea,4\n")
    found = detect(path)
    assert not found.has_header
    columns, rows = sample(path, found)
    assert columns == ["column 1", "column 2", "column 3"]
    assert len(rows) == 2


def test_quoted_newlines_crlf_and_ragged_rows_keep_their_lines(tmp_path: Path) -> None:
    text = 'email,note,city\r\na@x.es,"two\r\nlines",Lugo\r\nb@x.es\r\n\r\nc@x.es,n,V,too,many\r\nd@x.es,n,V,,\r\n'
    found = read_all(saved(tmp_path, text))
    assert [(each.line, each.cells) for each in found if isinstance(each, Record)] == [
        (2, ["a@x.es", "two\r\nlines", "Lugo"]),
        (4, ["b@x.es", "", ""]),
        (7, ["d@x.es", "n", "V"]),
    ]
    bad = [each for each in found if isinstance(each, Bad)]
    assert [(each.line, each.reason) for each in bad] == [(6, "the row has 5 cells, the header 3")]


def test_a_nul_or_a_broken_byte_loses_its_own_row(tmp_path: Path) -> None:
    rows = [f"p{n}@x.es,Núñez {n}".encode() for n in range(20)]
    rows[3] += b"\x00"
    rows[7] += b"\xff\xfe"
    found = read_all(saved(tmp_path, b"email,name\n" + b"\n".join(rows) + b"\n"))
    bad = [each for each in found if isinstance(each, Bad)]
    assert [each.line for each in bad] == [5, 9]
    assert ["NUL" in each.reason for each in bad] == [True, False]
    assert len(found) == 20


def test_an_unclosed_quote_loses_its_own_row(tmp_path: Path) -> None:
    rows = [f"p{n}@x.es,{'x' * 300}" for n in range(2000)]
    rows[10] = 'p10@x.es,"never closed'
    found = read_all(saved(tmp_path, "email,name\n" + "\n".join(rows) + "\n"))
    assert [(each.line, each.reason) for each in found if isinstance(each, Bad)] == [
        (12, "a quote in this row is not closed")
    ]
    assert len(found) == 2000


def test_it_refuses_a_line_without_end(tmp_path: Path) -> None:
    path = saved(tmp_path, b"email,name\n" + b"a@x.es,x\n" * 20_000 + b"x" * (text.MAX_LINE + 10))
    with pytest.raises(UnreadableFile, match="Line 20002 is longer"):
        read_all(path)


def test_it_refuses_archives_that_unpack_to_much_more(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subscribed_members_export.csv", b"Email Address\n" + b"0" * (60 * 1024**2))
    with pytest.raises(UnreadableFile, match="unpacks to"):
        detect(saved(tmp_path, packed.getvalue()))


@pytest.mark.parametrize("content", [b"", b"  \n", b"PK\x03\x04broken", b"PAR1broken"])
def test_it_says_what_it_cannot_read(tmp_path: Path, content: bytes) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(UnreadableFile):
        open_table(path, detect(path))


def test_a_spreadsheet_reads_like_its_csv(tmp_path: Path) -> None:
    path = saved(
        tmp_path, files.xlsx([["Correo", "Nombre", "CP"], ["ana@example.com", "Ana", 46001], ["b@x.es", "B", 1.5]])
    )
    found = detect(path)
    assert (found.format, found.has_header) == ("xlsx", True)
    assert sample(path, found) == (
        ["Correo", "Nombre", "CP"], [["ana@example.com", "Ana", "46001"], ["b@x.es", "B", "1.5"]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "extent"),
    [
        ('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
         "1,048,576 rows and 16,384 columns"),
        ("<x:row r='1'><x:c r='xfd1'><x:v>1</x:v></x:c></x:row><row r = '400'><c><v>1</v></c></row>",
         "400 rows and 16,384 columns"),
        ("<row>" + "<c><v>1</v></c>" * 3000 + "</row>" + "<row/>" * 1999 + "<row><c><v>1</v></c></row>",
         "2,001 rows and 3,000 columns"),
    ],
)  # fmt: skip
def test_a_spreadsheet_with_a_cell_far_away_is_refused_before_it_takes_all_memory(
    tmp_path: Path, cells: str, extent: str
) -> None:
    with pytest.raises(UnreadableFile, match=f"has {extent}; the most is 5,000,000 cells"):
        detect(saved(tmp_path, files.workbook(cells)))


def test_empty_cells_far_away_do_no_harm(tmp_path: Path) -> None:
    cells = '<row r="1"><c r="A1"><v>7</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    path = saved(tmp_path, files.workbook(cells))
    assert [record.cells for record in open_table(path, detect(path)).records] == [["7"]]


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_SHEET", 1024**2)
    cells = "".join(f'<row r="{n}"><c r="A{n}"><v>{n * n}</v></c></row>' for n in range(1, 60_000))
    with pytest.raises(UnreadableFile, match="unpacks to 3 MB; the most is 1 MB") as refused:
        detect(saved(tmp_path, files.workbook(cells)))
    assert "CSV" in str(refused.value)


def test_a_size_that_is_a_lie_is_found_out(tmp_path: Path) -> None:
    cells = "".join(f'<row r="{n}"><c r="A{n}"><v>{n * n}</v></c></row>' for n in range(1, 60_000))
    packed = bytearray(files.workbook(cells))
    entry = packed.rindex(b"xl/worksheets/sheet1.xml") - 46  # in the directory at the end: 24 to 28 is the size
    packed[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    with pytest.raises(UnreadableFile, match="damaged"):
        detect(saved(tmp_path, bytes(packed)))


def test_another_office_document_is_no_spreadsheet(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    with pytest.raises(UnreadableFile, match="save the list as XLSX or CSV"):
        detect(saved(tmp_path, packed.getvalue()))


def test_parquet_reads_like_its_csv(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    duckdb.execute(f"COPY (SELECT 'ana@example.com' AS email, 3 AS employees, DATE '2024-05-01' AS seen) TO '{path}'")
    assert sample(path, detect(path)) == (["email", "employees", "seen"], [["ana@example.com", "3", "2024-05-01"]])


@pytest.mark.parametrize(
    ("content", "preset", "targets"),
    [
        (files.HUBSPOT_ES, "hubspot", {"Correo": "email", "Nombre": "first_name", "Fecha de creación": "created_at",
                                       "ID de registro": "hubspot_record_id",
                                       "Unsubscribed from all email": "unsubscribed"}),
        (files.MAUTIC, "mautic", {"firstname": "first_name", "title": "salutation", "doNotEmail": "do_not_contact",
                                  "dateAdded": "created_at", "preferred_locale": "language", "tags": "tags"}),
        (files.BREVO, "brevo", {"EMAIL": "email", "SMS": "phone", "EXT_ID": "external_id",
                                "EMAIL_BLACKLIST": "unsubscribed"}),
        (files.ODOO, "odoo", {"Name": "opportunity", "Contact Name": "name", "Email": "email",
                              "Job Position": "job_title"}),
        (files.mailchimp_zip(), "mailchimp", {"Email Address": "email", "OPTIN_TIME": "consent_time",
                                              "CONFIRM_IP": "confirmed_ip", "TAGS": "tags",
                                              "Mailchimp status": "status", "UNSUB_TIME": "unsubscribed"}),
        ("Correo electrónico;Teléfono;Apellidos;Baja\na@x.es;600000001;Gil;no\n", "",
         {"Correo electrónico": "email", "Teléfono": "phone", "Apellidos": "last_name", "Baja": "unsubscribed"}),
        ("who,x\nana@example.com,+34600000001\n", "", {"who": "email", "x": "phone"}),
    ],
)  # fmt: skip
def test_it_suggests_what_columns_mean(
    tmp_path: Path, content: bytes | str, preset: str, targets: dict[str, str]
) -> None:
    path = saved(tmp_path, content)
    columns, rows = sample(path, detect(path))
    plan = suggest(kind="leads", columns=columns, rows=rows, language="es", time_zone="Europe/Madrid")
    assert plan.preset == preset
    assert {name: plan.columns[name].target for name in targets} == targets
    check_plan(plan, kind="leads", basis="none")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2024-05-01", "2024-12-31"], ("date", "ymd", True)),
        (["31/05/2024", "01/02/2024"], ("date", "dmy", True)),
        (["05/31/2024", "01/02/2024"], ("date", "mdy", True)),
        (["03/04/2024", "01/02/2024"], ("date", "dmy", False)),
        (["31/05/2024 10:00"], ("date_time", "dmy", True)),
    ],
)
def test_it_finds_how_dates_are_written(values: list[str], expected: tuple[str, str, bool]) -> None:
    rows = [["a@x.es", value] for value in values]
    column = suggest(
        kind="leads", columns=["email", "seen"], rows=rows, language="es", time_zone="Europe/Madrid"
    ).columns["seen"]
    assert (column.type, column.order, column.is_sure) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1.234,50", "3"], ("number", ",")),
        (["1,234.50", "3"], ("number", ".")),
        (["1.5"], ("number", ".")),
        (["12", "7"], ("number", ",")),
        (["08001", "28001"], ("text", ".")),
        (["12a"], ("text", ".")),
    ],
)
def test_it_finds_how_numbers_are_written(values: list[str], expected: tuple[str, str]) -> None:
    rows = [["a@x.es", value] for value in values]
    column = suggest(
        kind="leads", columns=["email", "size"], rows=rows, language="es", time_zone="Europe/Madrid"
    ).columns["size"]
    assert (column.type, column.decimal) == expected


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2024-05-01 10:00:00", "ymd", datetime(2024, 5, 1, 8, 0, tzinfo=UTC)),
        ("2024-05-01T10:00:00Z", "ymd", datetime(2024, 5, 1, 10, 0, tzinfo=UTC)),
        ("01/05/2024", "dmy", datetime(2024, 4, 30, 22, 0, tzinfo=UTC)),
        ("5/1/2024 3:05 PM", "mdy", datetime(2024, 5, 1, 13, 5, tzinfo=UTC)),
        ("2024/5/1 03:05", "dmy", datetime(2024, 5, 1, 1, 5, tzinfo=UTC)),
        ("1714557600", "ymd", datetime(2024, 5, 1, 10, 0, tzinfo=UTC)),
        ("01/05/2024 10:00 +0200", "dmy", datetime(2024, 5, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_files_zone(text: str, order: str, expected: datetime) -> None:
    assert read_moment(text, order, MADRID, "x") == expected


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [("1.234,5", ",", 1234.5), ("1,234.5", ".", 1234.5), ("-3", ".", -3), ("12 000", ",", 12000), ("x1", ".", "x1")],
)
def test_numbers_are_read_as_their_column_writes_them(text: str, decimal: str, expected: Any) -> None:
    assert read_number(text, decimal) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [('"VIP","Blog"', ["VIP", "Blog"]), ("VIP;Blog", ["VIP", "Blog"]), ("vip|vip", ["vip"]), ('"a, b"', ["a, b"])],
)
def test_tags_are_read_however_they_are_quoted(cell: str, expected: list[str]) -> None:
    assert read_tags(cell) == expected


LOCAL = st.text(alphabet="abcXYZ019._+'-éñ ", min_size=0, max_size=12)
DOMAIN = st.sampled_from(
    ["example.com", "Example.COM", "bücher.es", "xn--bcher-kva.es", "localhost", "a.test", "x.local", "a-b.es", "-a.es",
     "a..es", "a.e1", "mail.foo.co.uk", "x.invalid", "a--b.es", "ab--c.es", "1.es", ""]
)  # fmt: skip


@given(LOCAL, DOMAIN)
def test_the_short_way_reads_addresses_as_the_long_one(local: str, domain: str) -> None:
    text = f"{local}@{domain}"

    def outcome(read: Any) -> Any:
        try:
            found = read(text)
        except BadAddress:
            return None
        return found if isinstance(found, tuple) else (found.text, found.key)

    assert outcome(read_email) == outcome(read_address)


@pytest.mark.parametrize(
    ("plan", "basis", "hint"),
    [
        (Plan(columns={"x": Column("name")}), "none", "map one to email"),
        (Plan(columns={"x": Column("email"), "y": Column("email")}), "none", "leave one of them out"),
        (Plan(columns={"x": Column("email")}), "proof", "consent_time and consent_ip"),
        (Plan(columns={"x": Column("email")}, time_zone="Europe/Nowhere"), "none", "Europe/Madrid"),
    ],
)
def test_a_plan_that_cannot_work_says_the_way_out(plan: Plan, basis: str, hint: str) -> None:
    with pytest.raises(BadPlan, match=hint):
        check_plan(plan, kind="leads", basis=basis)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A row is read when it is asked for: of a long file, the first row costs no more than of a short one."""
    import tracemalloc

    path = tmp_path / "long.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name"])
        writer.writerows((f"p{n}@example.com", "x" * 100) for n in range(200_000))
    table = open_table(path, detect(path))
    tracemalloc.start()
    assert sum(1 for _ in table.records) == 200_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    table.close()
    assert peak < 3_000_000
