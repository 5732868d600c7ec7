"""Many leads at once: ticked, counted, tagged, taken back, exported, by the screens, in a real browser against the
running product."""

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

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="es-ES")
    yield page
    page.context.close()


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
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"
        picture(self.page, f"bulk-{name}-{self.language}-{self.kind}")
        self.violations += serious_violations(self.page)


@pytest.mark.parametrize(("language", "kind"), LOOKS)
def test_many_leads_are_ticked_tagged_taken_back_and_exported(
    running: tuple[Product, Sink, Browser], staff: Page, language: str, kind: str
) -> None:
    product, _sink, chromium = running
    tag, page, look = f"journey-{language}-{kind}", staff, Look(staff, language, kind)
    tagged = f"SELECT count(*) FROM lead WHERE attributes -> 'tags' ? '{tag}'"
    look.choose(product)

    # Nothing is ticked at first; one box ticks the page, another takes one off again.
    page.goto(product.url + "/leads")
    boxes = page.locator("input[name=lead]")
    assert boxes.count() == 50
    page.locator("[data-tick-all=lead]").check()
    boxes.nth(3).uncheck()
    look.check("list")
    page.locator("button[name=who][value=ticked]").click()

    # What should happen, and with what.
    expect(page).to_have_url(re.compile(r"/bulk-actions/new\?"))
    look.check("kinds")
    page.locator("input[name=kind][value=add_tag]").check()
    page.locator("form.card button.btn-primary").click()
    page.locator("input[name=tag]").fill(tag)
    look.check("settings")
    page.locator("form.card button.btn-primary").click()

    # The count first; then it happens, and it is taken back.
    expect(page).to_have_url(re.compile(r"/bulk-actions/\d+$"))
    expect(page.locator("#bulk-state")).to_contain_text("49")
    look.check("counted")
    assert product.query(tagged) == [(0,)]
    page.locator("form[action$='/start'] button").click()
    undo = page.locator("form[action$='/undo'] button")
    expect(undo).to_be_visible(timeout=30_000)
    look.check("done")
    assert product.query(tagged) == [(49,)]
    page.once("dialog", lambda dialog: dialog.accept())
    undo.click()
    expect(page.locator("#bulk-state[hx-get]")).to_have_count(0, timeout=30_000)
    expect(undo).to_have_count(0)
    look.check("undone")
    assert product.query(tagged) == [(0,)]

    # All that the list's filter finds, by keyboard alone, as a file.
    page.goto(product.url + "/leads?stage=customer")
    page.locator("button[name=who][value=all]").focus()
    page.keyboard.press("Enter")
    page.locator("input[name=kind][value=export]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("select[name=format]")).to_be_visible()
    look.check("export")
    page.locator("select[name=format]").focus()
    page.locator("form.card button.btn-primary").focus()
    page.keyboard.press("Enter")
    page.locator("form[action$='/start'] button").focus()
    page.keyboard.press("Enter")
    link = page.locator("a[href$='/file']")
    expect(link).to_be_visible(timeout=30_000)
    look.check("exported")
    with page.expect_download() as downloaded:
        link.click()
    rows = list(csv.DictReader(io.StringIO(Path(downloaded.value.path()).read_text("utf-8-sig"))))
    assert {row["stage"] for row in rows} == {"customer"}
    here = "workspace_id = (SELECT id FROM workspace WHERE slug = 'riega')"
    assert product.query(f"SELECT count(*) FROM lead_state WHERE stage = 'customer' AND {here}") == [(len(rows),)]

    # The history names both.
    page.goto(product.url + "/bulk-actions")
    expect(page.locator(".list-group-item")).not_to_have_count(0)
    expect(page.locator(".list-group")).to_contain_text(tag)
    look.check("history")
    assert not look.violations
    assert not chromium.errors
