"""It is three months ago: a draft is rehearsed beside the model in force, then what really happened is revealed. In a
real browser, on the running product's own past."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LOOKS, Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink
from tests.test_journey_of_criteria import choose_look

Running = tuple[Product, Sink, Browser]


@pytest.fixture(scope="module")
def staff(running: Running) -> Page:
    product, _sink, chromium = running
    return signed_in(product, chromium, locale="es-ES")


def rehearse(product: Product, page: Page) -> str:
    """A draft with fewer points for one rule, over eight weeks that ended ninety days ago; returns its address."""
    page.goto(product.url + "/models")
    page.locator("a[href='/rehearsals']").click()
    page.locator("a[href='/rehearsals/new']").first.click()
    last = datetime.now(UTC).date() - timedelta(days=90)
    page.locator("[name=name]").fill("Hace tres meses")
    page.locator("[name=first]").fill(str(last - timedelta(weeks=8)))
    page.locator("[name=last]").fill(str(last))
    page.locator("[name=horizon_days]").fill("90")
    page.locator("[name=goal]").fill("quote_requested")
    page.locator("[name=capacity]").fill("12")
    draft = page.locator("[name=draft]")
    draft.fill(draft.input_value().replace("points: 9", "points: 1", 1))
    page.locator("form .card-footer button.btn-primary").click()
    expect(page.locator("#outcome")).to_be_visible(timeout=60_000)
    return page.url


def test_it_is_three_months_ago_and_then_the_truth(running: Running, staff: Page) -> None:
    product, _sink, chromium = running
    address = rehearse(product, staff)
    main = staff.locator("main")
    expect(main).not_to_contain_text("AUC")
    assert staff.locator("main svg.chart").count() >= 4
    before = staff.locator("main .row-cards").first.inner_text()
    staff.locator("a[href='?revealed#outcome']").click()
    expect(main).to_contain_text("AUC")
    assert staff.locator("main .row-cards").first.inner_text() == before  # the forecast stays what it was
    with staff.expect_download() as downloading:
        staff.locator("a[href$='report.json']").click()
    report = json.loads(downloading.value.path().read_text())
    live = report["models"][0]
    assert live["outcome"]["converted"] > 10
    assert live["outcome"]["auc"] > 0.6
    assert [week["at"] for week in live["forecast"]["bands"]] == report["dates"]
    staff.goto(address)
    staff.locator("form[action$='/share'] button").click()
    link = staff.locator(".alert a").inner_text()
    stranger = chromium.context().new_page()
    stranger.goto(link)
    expect(stranger.locator("main")).to_contain_text("AUC")
    assert not serious_violations(stranger)
    assert not chromium.errors


@pytest.mark.parametrize(("language", "look"), LOOKS)
def test_the_screens_are_sound(running: Running, staff: Page, language: str, look: str) -> None:
    product, _sink, chromium = running
    choose_look(product, staff, language, look)
    found = product.query("SELECT max(id) FROM rehearsal")[0][0]
    for path in ("/rehearsals", "/rehearsals/new", f"/rehearsals/{found}", f"/rehearsals/{found}?revealed"):
        staff.goto(product.url + path)
        width = staff.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{path} is {width} px wider than the window"
        assert not serious_violations(staff)
        picture(staff, f"{path.strip('/').replace('/', '-').replace('?', '-')}-{language}-{look}")
    assert not chromium.errors
