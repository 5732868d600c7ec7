"""A segment made by clicking, in a real browser on the running product; its screens in both languages and looks."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LOOKS, Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink
from tests.test_journey_of_criteria import choose_look, node, part


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="es-ES")
    yield page
    page.context.close()


def test_a_segment_is_built_filled_and_asked_for(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    product, _sink, chromium = running
    in_murcia = product.query("SELECT count(*) FROM lead WHERE attributes ->> 'province' = 'Murcia'")[0][0]
    valid = product.query(
        "SELECT count(*) FROM lead l JOIN consent_mark m ON m.lead_id = l.id"
        " WHERE l.attributes ->> 'province' = 'Murcia' AND m.valid_since IS NOT NULL AND l.merged_into_id IS NULL"
    )[0][0]
    staff.goto(product.url + "/segments/new")
    staff.locator("input[name=name]").fill("De Murcia")
    part(staff, f"{node(staff, 'group', 0)}/add").click()
    number = node(staff, "condition", 0)
    part(staff, f"{number}/subject").select_option("attribute:province")
    part(staff, f"{number}/value").fill("Murcia")
    expect(staff.locator(".criteria-count")).to_contain_text(str(valid))
    staff.locator("input[name=takes_only_valid]").click()
    expect(staff.locator(".criteria-count")).to_contain_text(str(in_murcia))
    staff.locator("input[name=takes_only_valid]").click()
    staff.locator("form .card-footer button.btn-primary").click()
    expect(staff.locator(".card-header [role=status]")).to_contain_text(str(valid))
    staff.goto(product.url + "/segments/new")
    staff.locator("input[name=name]").fill("Los demás")
    part(staff, f"{node(staff, 'group', 0)}/add").click()
    number = node(staff, "condition", 0)
    part(staff, f"{number}/subject").select_option("kind:segment")
    part(staff, f"{number}/segment").select_option("de-murcia")
    part(staff, f"{number}/not").click()
    staff.locator("form .card-footer button.btn-primary").click()
    expect(staff.locator("main")).to_contain_text("de-murcia")
    assert not chromium.errors


@pytest.mark.parametrize(("language", "look"), LOOKS)
def test_the_screens_are_sound(running: tuple[Product, Sink, Browser], staff: Page, language: str, look: str) -> None:
    product, _sink, chromium = running
    choose_look(product, staff, language, look)
    number = product.query("SELECT id FROM segment WHERE key = 'de-murcia'")[0][0]
    violations = []
    for name, path in (("list", ""), ("one", f"/{number}"), ("edit", f"/{number}/edit"), ("new", "/new")):
        staff.goto(f"{product.url}/segments{path}")
        staff.wait_for_timeout(400)
        width = staff.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"
        picture(staff, f"segments-{name}-{language}-{look}")
        violations += serious_violations(staff)
    assert not violations
    assert not chromium.errors
