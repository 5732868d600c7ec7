"""A file from the upload to its undo, by the import screens, in a real browser against the running product."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LOOKS, Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink

ROWS = 1500
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="es-ES")
    yield page
    page.context.close()


def people_file(folder: Path, who: str) -> Path:
    """As a Spanish office writes it: semicolons, Windows' letters, a row that is no person, one who wants no mail."""
    rows = [f"{who}{n}@example.com;Begoña {n};Huertos Peña;0{n % 9 + 1}/04/2024;" for n in range(ROWS)]
    rows[7] = "no tiene;=1+1;Huertos Peña;01/04/2024;"
    rows[9] += "sí"
    path = folder / "clientes-feria.csv"
    path.write_text("Correo;Nombre;Empresa;Alta;Baja\r\n" + "\r\n".join(rows), encoding="cp1252")
    return path


class Look:
    """One language and one kind of screen; `check` looks at the page as it stands."""

    def __init__(self, page: Page, language: str, kind: str) -> None:
        self.page, self.language, self.kind = page, language, kind
        self.violations: list[str] = []

    def choose(self, product: Product) -> None:
        self.page.set_viewport_size(PHONE if self.kind == "phone" else DESK)  # type: ignore[arg-type]
        self.page.emulate_media(color_scheme="dark" if self.kind == "dark" else "light")
        self.page.goto(product.url + "/settings")
        self.page.locator("select[name=language]").select_option(self.language)
        self.page.locator("input[name=what][value=mine] ~ button").click()
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)

    def check(self, name: str) -> None:
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"
        picture(self.page, f"import-{name}-{self.language}-{self.kind}")
        self.violations += serious_violations(self.page)


@pytest.mark.parametrize(("language", "kind"), LOOKS)
def test_a_file_goes_from_upload_to_undo(
    running: tuple[Product, Sink, Browser], staff: Page, tmp_path: Path, language: str, kind: str
) -> None:
    product, _sink, chromium = running
    who, page, look = f"{language}-{kind}-", staff, Look(staff, language, kind)
    count = f"SELECT count(*) FROM lead WHERE email LIKE '{who}%'"
    look.choose(product)

    # The upload: nothing comes in yet.
    page.goto(product.url + "/imports")
    look.check("list")
    page.locator("a.btn-primary[href='/imports/new']").first.click()
    look.check("new")
    page.locator("input[type=file]").set_input_files(people_file(tmp_path, who))
    page.locator("form[enctype] button.btn-primary").click()

    # What was found in it, and what it means.
    expect(page).to_have_url(re.compile(r"/imports/\d+/mapping$"))
    expect(page.locator("[name=encoding]")).to_have_value("cp1252")
    expect(page.locator("[name=delimiter]")).to_have_value(";")
    expect(page.locator("main")).to_contain_text("Begoña 0")
    assert [page.locator(f"[name=target-{n}]").input_value() for n in (0, 1, 2)] == ["email", "first_name", "company"]
    expect(page.locator("[role=note]")).to_contain_text("Alta")
    page.locator("[name=target-4]").fill("unsubscribed")
    page.locator("[name=reading-3]").select_option("date-dmy")
    page.locator("form[enctype] button.btn-primary").click()
    assert page.url.endswith("/mapping"), "a file without a basis went on"
    page.locator("[name=basis][value=declared]").check()
    page.locator("[name=purposes]").first.check()
    page.locator("[name=declared_by]").select_option(index=1)
    page.locator("[name=document]").set_input_files(
        {"name": "declaracion.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    look.check("mapping")
    page.locator("form[enctype] button.btn-primary").last.click()

    # The rehearsal.
    start = page.locator("form[action$='/start'] button")
    expect(start).to_be_visible(timeout=30_000)
    page.locator("details summary").click()
    look.check("checked")
    facts = page.locator(".facts").inner_text()
    assert re.search(r"1[.,\u202f\u00a0]?500", facts), facts
    assert product.query(count) == [(0,)]

    # The run, with its progress, and its result.
    start.click()
    expect(page.locator("progress")).to_be_visible()
    picture(page, f"import-running-{language}-{kind}")
    undo = page.locator("a[href$='/undo']")
    expect(undo).to_be_visible(timeout=60_000)
    expect(page.locator("progress")).to_have_count(0)
    look.check("done")
    assert product.query(count) == [(ROWS - 1,)]

    # What was not taken comes back as a file.
    with page.expect_download() as downloaded:
        page.locator("a[href$='/rejects.csv']").click()
    rejects = list(csv.reader(io.StringIO(Path(downloaded.value.path()).read_text("utf-8-sig"))))
    assert [len(rejects), rejects[1][0], rejects[1][3:5]] == [2, "9", ["no tiene", "'=1+1"]]

    # The undo asks first; opt-outs stay.
    undo.click()
    look.check("undo")
    page.locator("form button.btn-danger").click()
    expect(page.locator("#import-state[hx-get]")).to_have_count(0, timeout=60_000)
    look.check("undone")
    assert product.query(count) == [(0,)]
    assert not look.violations
    assert not chromium.errors
