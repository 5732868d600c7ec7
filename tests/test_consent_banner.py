"""The consent banner on a site of another origin under a strict policy, in a real browser, up to the ledger."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from cultiva.consent.cookie_notices import starter_notice
from tests.browser import Browser, serious_violations
from tests.product import Product
from tests.site import Site, site_of
from tests.smtp_sink import Sink
from tests.test_tracking_script import STORED, Visitor

Running = tuple[Product, Sink, Browser]
CHOICE = "JSON.parse(localStorage._cultiva_choice || 'null')?.given"


@pytest.fixture(scope="module")
def write_key(running: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    product = running[0]
    words = ("source", "create", "--workspace", "riega", "--key", "asking-site", "--name", "Web", "--json")
    key = str(json.loads(product.command(*words))["write_key"])
    folder: Path = tmp_path_factory.mktemp("files")
    (folder / "cookies").mkdir()
    (folder / "cookies" / "site.yaml").write_text(starter_notice(), encoding="utf-8")
    product.command("apply", str(folder), "--workspace", "riega", "--yes")
    return key


@pytest.fixture
def site(running: Running, write_key: str) -> Iterator[Site]:
    with site_of(running[0].url, write_key) as site:
        site.attributes = 'data-banner="on"'
        yield site


@pytest.fixture
def visitor(running: Running, site: Site) -> Iterator[Visitor]:
    product, _sink, browser = running
    browser.errors.clear()
    visitor = Visitor(browser, product, site, "asking-site")
    yield visitor
    visitor.context.close()
    assert not browser.errors


def banner(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog", name="May we measure your visit?")


def test_nothing_is_kept_before_the_choice_and_refusing_is_as_near_as_accepting(visitor: Visitor) -> None:
    visitor.goto("/?gclid=Klick9")
    expect(banner(visitor)).to_be_visible()
    assert visitor.do(STORED) == ["", 0, 0, 0]
    reject, accept = (banner(visitor).get_by_role("button", name=name) for name in ("Reject", "Accept"))
    measured = [
        each.evaluate("each => (({ y, width, height }) => [y, width, height])(each.getBoundingClientRect())")
        for each in (reject, accept)
    ]
    assert measured[0] == measured[1]
    looks = (
        "each => [getComputedStyle(each).backgroundColor, getComputedStyle(each).color, getComputedStyle(each).font]"
    )
    assert reject.evaluate(looks) == accept.evaluate(looks)
    assert serious_violations(visitor.page) == []
    reject.click()
    expect(banner(visitor)).to_be_hidden()
    assert visitor.do("document.cookie") == ""
    assert visitor.do(CHOICE) is False
    refused = visitor.wait_for_sent("Tracking Consent Refused")[0]
    assert refused["context"]["consent"]["categoryPreferences"] == {"analytics": False}
    assert "Klick9" not in "".join(visitor.bodies)
    visitor.goto("/precios")  # it asks once
    expect(visitor.page.get_by_role("button", name="Cookies")).to_be_visible()
    expect(banner(visitor)).to_be_hidden()


def test_by_keyboard_they_accept_and_later_change_their_mind(visitor: Visitor) -> None:
    visitor.goto("/")
    banner(visitor).get_by_role("button", name="Accept").focus()
    visitor.page.keyboard.press("Enter")
    given = visitor.ledger("Tracking Consent Given")[0]
    assert given["properties"] == {"notice": 1, "language": "en", "category": "analytics"}
    assert given["context"]["consent"] == {"categoryPreferences": {"analytics": True}}
    assert visitor.ledger("page")[-1]["visitor"] == given["visitor"]
    assert visitor.do("document.cookie").startswith("_cultiva_id=")

    visitor.page.get_by_role("button", name="Cookies").click()
    banner(visitor).get_by_role("button", name="Reject").click()
    assert visitor.ledger("Tracking Consent Withdrawn")[0]["visitor"] == given["visitor"]
    assert visitor.do("document.cookie") == ""
    assert visitor.do(CHOICE) is False


def test_it_asks_again_when_the_choice_is_old_or_its_cookie_gone(visitor: Visitor) -> None:
    visitor.goto("/")
    visitor.do("localStorage._cultiva_choice = JSON.stringify({ given: false, at: Date.now() - 366 * 864e5 })")
    visitor.goto("/")
    expect(banner(visitor)).to_be_visible()
    visitor.do("localStorage._cultiva_choice = JSON.stringify({ given: true, at: Date.now() })")
    visitor.goto("/")
    expect(banner(visitor)).to_be_visible()


def test_who_sends_global_privacy_control_has_said_no_and_is_not_asked(visitor: Visitor) -> None:
    visitor.page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })")
    asked: list[str] = []
    visitor.context.on("request", lambda request: asked.append(request.url))
    visitor.goto("/")
    visitor.wait_for_sent("page")
    assert not [url for url in asked if "/banner/" in url]
    assert visitor.do(STORED) == ["", 0, 0, 0]
