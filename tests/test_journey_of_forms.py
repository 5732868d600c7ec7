"""A form made by clicking, and filled in from another origin, in a real browser on the running product."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LOOKS, Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink, links_of
from tests.test_journey_of_criteria import choose_look

KEY = "mi-presupuesto"


class Site:
    """Somebody's own page, under a policy that lets nothing in but the script and calls of the product."""

    def __init__(self, product_url: str, form: str) -> None:
        page = (
            '<!doctype html><html lang="es"><title>Riego</title><link rel="icon" href="data:,"><main><h1>Riego</h1>'
            f'<script async src="{product_url}/embed.js" data-form="riega/{form}" data-lang="es"></script></main>'
        )
        policy = (
            f"default-src 'none'; script-src {product_url}; connect-src {product_url}; img-src data:;"
            " style-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        )

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, format: str, *values: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"


@pytest.fixture(scope="module")
def site(running: tuple[Product, Sink, Browser]) -> Iterator[Site]:
    made = Site(running[0].url, KEY)
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="es-ES")
    yield page
    page.context.close()


def names(page: Page) -> list[str]:
    return page.locator("[data-fields] summary strong").all_inner_texts()


def saved(page: Page) -> Any:
    return page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/edit"))


def test_a_marketer_builds_and_publishes_a_form(
    running: tuple[Product, Sink, Browser], staff: Page, site: Site
) -> None:
    product, _sink, chromium = running
    staff.goto(product.url + "/forms/new")
    staff.fill("input[name=name]", "Mi presupuesto")
    staff.check("input[value=quote]")
    staff.locator("form .card-footer button.btn-primary").click()
    expect(staff).to_have_url(f"{product.url}/forms/of/{KEY}/edit")
    with saved(staff):
        staff.locator("[data-add=rating]").click()
    with saved(staff):
        staff.keyboard.press("Alt+ArrowUp")
    last = names(staff)
    with saved(staff):
        staff.locator("[data-fields] li").nth(0).locator("summary").drag_to(staff.locator("[data-fields] li").nth(2))
    assert names(staff)[2] == last[0]
    with saved(staff):
        staff.locator("[data-then] select").first.select_option("guia-riego")
    with saved(staff):
        staff.locator("[data-guard] textarea").fill(site.origin)
    with saved(staff):
        staff.locator("[data-guard] input[type=checkbox]").check()
    frame = staff.frame_locator(".form-preview")
    expect(frame.locator("form div.rating")).to_be_visible()
    staff.locator("[data-width=phone]").click()
    staff.locator("[data-language=en]").click()
    expect(frame.locator("button[type=submit]")).to_have_text("Ask for a quote")
    picture(staff, "forms-builder")
    staff.locator("form[action$='/publish'] button").click()
    expect(staff).to_have_url(f"{product.url}/forms/of/{KEY}/use")
    expect(staff.locator("#way-embed")).to_contain_text("embed.js")
    assert not chromium.errors


def test_a_visitor_fills_in_the_embed_on_another_origin_confirms_and_downloads(
    running: tuple[Product, Sink, Browser], site: Site
) -> None:
    """The browser does its sum; nothing is stored there, and the strict policy of the page objects to nothing."""
    product, sink, chromium = running
    visitor = chromium.context(locale="es-ES").new_page()
    visitor.goto(site.origin + "/contacto?utm_source=feria")
    visitor.locator("input[name=email]").fill("vera@finca.example")
    visitor.locator("input[name=first_name]").fill("Vera")
    visitor.locator("textarea[name=needs]").fill("Riego para dos hectáreas")
    visitor.wait_for_timeout(2100)
    visitor.locator("button[type=submit]").click()
    expect(visitor.locator(".field .error, .box .error").first).to_be_visible()  # the policy's box
    assert serious_violations(visitor) == []
    visitor.locator("input[name=policy-accepted]").check()
    visitor.locator("input[name=rating][value='4']").check()
    visitor.locator("button[type=submit]").click()
    expect(visitor.locator(".card.message")).to_be_visible()
    found = product.query(
        "SELECT s.via, s.objective, s.fields ->> 'rating', p.payload ->> 'page_url' FROM submission s"
        " JOIN lead l ON l.id = s.lead_id AND l.email = 'vera@finca.example'"
        " JOIN consent_evidence e ON e.lead_id = l.id JOIN consent_evidence_payload p ON p.evidence_id = e.id"
    )
    assert found == [("embed", "quote", "4", f"{site.origin}/contacto?utm_source=feria")]
    assert visitor.context.cookies() == []
    assert visitor.evaluate("localStorage.length + sessionStorage.length") == 0
    assert [error for error in chromium.errors if "422" not in error] == []
    chromium.errors.clear()
    shown = visitor.locator(".card.message a[href*='/d/']").get_attribute("href") or ""
    assert shown.startswith(product.url)
    visitor.goto(link_to(product, sink, "vera@finca.example", "/c/confirm/"))
    proven = (
        "SELECT m.confirmed_since IS NOT NULL FROM lead l JOIN consent_mark m ON m.lead_id = l.id"
        " WHERE l.email = 'vera@finca.example'"
    )
    assert product.query(proven) == [(False,)]  # whoever only follows links proves nothing
    visitor.locator("button[type=submit]").click()
    product.wait_for(lambda: product.query(proven) == [(True,)])
    for address in (shown, link_to(product, sink, "vera@finca.example", "/d/")):
        answer = visitor.request.get(address)
        assert (answer.status, answer.body()[:5]) == (200, b"%PDF-")
    assert chromium.errors == []


def link_to(product: Product, sink: Sink, recipient: str, part: str) -> str:
    """The first link with this part in the mails to somebody, once it came."""

    def find() -> str | None:
        return next((link for mail in sink.to(recipient) for link in links_of(mail) if part in link), None)

    found: str = product.wait_for(find, 30)
    return found


@pytest.mark.parametrize(("language", "look"), LOOKS)
def test_the_screens_are_sound(running: tuple[Product, Sink, Browser], staff: Page, language: str, look: str) -> None:
    product, _sink, chromium = running
    choose_look(product, staff, language, look)
    violations = []
    for name, path in (
        ("list", ""), ("new", "/new"), ("held", "/held"), ("one", f"/of/{KEY}"), ("edit", f"/of/{KEY}/edit"),
        ("use", f"/of/{KEY}/use"),
    ):  # fmt: skip
        staff.goto(f"{product.url}/forms{path}")
        staff.wait_for_timeout(400)
        width = staff.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"
        picture(staff, f"forms-{name}-{language}-{look}")
        violations += serious_violations(staff)
    assert not violations
    assert not chromium.errors
