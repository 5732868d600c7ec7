"""A landing page made by clicking, and its form sent from the host of pages, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser import Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink


def test_a_marketer_makes_a_page_and_a_visitor_sends_its_form(running: tuple[Product, Sink, Browser]) -> None:
    product, _sink, chromium = running
    host = product.url.replace("127.0.0.1", "localhost")
    staff = signed_in(product, chromium, locale="es-ES")
    staff.goto(product.url + "/pages/new")
    staff.fill("input[name=name]", "Mi guía")
    staff.check("input[value=ebook]")
    staff.locator("form .card-footer button.btn-primary").click()
    expect(staff).to_have_url(f"{product.url}/pages/of/mi-guia/edit")
    frame = staff.frame_locator(".form-preview")
    expect(frame.locator("h1")).to_be_visible()
    titles = staff.locator("[data-blocks] summary strong")
    first = titles.nth(0).inner_text()
    with staff.expect_response(lambda answer: answer.request.method == "POST"):
        staff.locator("[data-blocks] summary").nth(0).focus()
        staff.keyboard.press("Alt+ArrowDown")
    assert titles.nth(1).inner_text() == first
    with staff.expect_response(lambda answer: answer.request.method == "POST"):
        staff.locator("[data-blocks] li").nth(1).locator("summary").drag_to(staff.locator("[data-blocks] li").nth(0))
    assert titles.nth(0).inner_text() == first
    staff.locator("[data-blocks] summary").nth(0).click()
    with staff.expect_response(lambda answer: answer.request.method == "POST"):
        staff.locator("[data-blocks] li").nth(0).locator("input").nth(0).fill("Riega mejor")
    expect(frame.locator("h1")).to_have_text("Riega mejor")
    staff.locator("[data-width=phone]").click()
    picture(staff, "pages-builder")
    assert serious_violations(staff) == []
    staff.locator("form[action$='/publish'] button").click()
    expect(staff).to_have_url(f"{product.url}/pages/of/mi-guia")

    visitor = chromium.context(locale="es-ES").new_page()
    visitor.goto(f"{host}/p/riega/mi-guia?utm_source=feria")
    expect(visitor.locator("h1")).to_have_text("Riega mejor")
    assert serious_violations(visitor) == []
    picture(visitor, "pages-public")
    visitor.locator("input[name=first_name]").fill("Eva")
    visitor.locator("input[name=email]").fill("eva@finca.example")
    visitor.locator("input[name=policy-accepted]").check()
    visitor.wait_for_timeout(2100)  # people need more than two seconds
    visitor.locator("form.capture button[type=submit]").click()
    expect(visitor.locator(".card.message")).to_be_visible()
    assert visitor.url.startswith(f"{host}/f/riega/mi-guia/thanks/")
    assert visitor.context.cookies() == []
    found = product.query("SELECT landing_page, via FROM submission WHERE landing_page <> ''")
    assert found == [("mi-guia", "page")]
    staff.goto(product.url + "/pages")
    expect(staff.locator("tr", has_text="Riega mejor").or_(staff.locator("tr", has_text="guía")).first).to_be_visible()
    picture(staff, "pages-list")
    assert serious_violations(staff) == []
    assert not chromium.errors


@pytest.mark.parametrize("path", ["guia-riego", "jornadas/riego-deficitario"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_demos_pages_can_be_read_by_everybody(
    running: tuple[Product, Sink, Browser], path: str, width: int
) -> None:
    product, _sink, chromium = running
    page = chromium.context(viewport={"width": width, "height": 800}).new_page()
    page.goto(f"{product.url.replace('127.0.0.1', 'localhost')}/p/riega/{path}")
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    picture(page, f"pages-demo-{path.replace('/', '-')}-{width}")
    assert not chromium.errors


@pytest.mark.parametrize("path", ["/f/riega/guia-riego", "/p/riega/guia-riego", "/g/riega"])
def test_a_hosted_page_weighs_little_beside_its_images(running: tuple[Product, Sink, Browser], path: str) -> None:
    product, _sink, chromium = running
    page = chromium.context(locale="es-ES").new_page()
    page.goto(product.url.replace("127.0.0.1", "localhost") + path if path.startswith("/p/") else product.url + path)
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate(
        "performance.getEntries().filter(each => 'transferSize' in each && each.initiatorType != 'img')"
        ".map(each => [each.name, each.transferSize])"
    )
    assert all(size > 0 for _name, size in sizes), sizes  # nothing came from a cache
    assert sum(size for _name, size in sizes) < 50_000, sizes
