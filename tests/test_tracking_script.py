"""The tracking script on a site of another origin, in a real browser, up to the ledger."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.browser import Browser, serious_violations
from tests.product import Product
from tests.site import YOUTUBE, Site, events_in, site_of
from tests.smtp_sink import Sink

Running = tuple[Product, Sink, Browser]
STORED = (
    "async () => [document.cookie, localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"
)


class Visitor:
    """A browser of their own on the site; `bodies` is what their pages sent to the product."""

    def __init__(self, browser: Browser, product: Product, site: Site, source: str = "tracked-site") -> None:
        self.product, self.site, self.source, self.bodies = product, site, source, list[str]()
        self.context: BrowserContext = browser.context(locale="es-ES", timezone_id="Europe/Madrid")
        self.context.on("request", self._note)
        self.context.route("https://www.youtube.com/**", lambda r: r.fulfill(body=YOUTUBE, content_type="text/html"))
        self.context.route("https://partner.example/**", lambda r: r.fulfill(body="<h1>Partner</h1>"))
        self.page: Page = self.context.new_page()

    def _note(self, request: Request) -> None:
        if request.url == f"{self.product.url}/v1/b":
            assert not {"authorization", "cookie"} & set(request.headers), request.headers
            self.bodies.append(request.post_data or "")

    def goto(self, path: str) -> None:
        self.page.goto(self.site.origin + path)
        self.page.wait_for_function("window.cultiva.version")

    def do(self, script: str) -> Any:
        return self.page.evaluate(script)

    def wait_for_bodies(self, count: int) -> None:
        def are_there() -> bool:
            self.page.wait_for_timeout(50)
            return len(self.bodies) >= count

        self.product.wait_for(are_there)

    @property
    def sent(self) -> list[dict[str, Any]]:
        return events_in(self.bodies)

    def wait_for_sent(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """The events of a name that left, once there are as many."""

        def found() -> list[dict[str, Any]]:
            self.page.wait_for_timeout(50)  # lets Playwright tell of requests
            return list({e["messageId"]: e for e in self.sent if e.get("event", e["type"]) == name}.values())

        self.product.wait_for(lambda: len(found()) >= count)
        return found()

    def ledger(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """The stored events of a name and of this site, oldest first, once there are as many."""
        sql = (
            "SELECT name, kind, visitor, properties, context, lead_id FROM event e WHERE name = '%s' AND source_id ="
            " (SELECT id FROM event_source WHERE key = '%s') AND context -> 'page' ->> 'url' LIKE '%s%%'"
            " ORDER BY id"
        )
        words = ("name", "kind", "visitor", "properties", "context", "lead_id")

        def found() -> list[dict[str, Any]]:
            self.page.wait_for_timeout(50)
            rows = self.product.query(sql % (name, self.source, self.site.origin))
            return [dict(zip(words, row, strict=True)) for row in rows]

        self.product.wait_for(lambda: len(found()) >= count)
        return found()


@pytest.fixture(scope="module")
def write_key(running: Running) -> str:
    words = ("source", "create", "--workspace", "riega", "--key", "tracked-site", "--name", "Web", "--json")
    return str(json.loads(running[0].command(*words))["write_key"])


@pytest.fixture
def site(running: Running, write_key: str) -> Iterator[Site]:
    with site_of(running[0].url, write_key) as site:  # its own port each time: its rows are told apart by address
        yield site


@pytest.fixture
def visitor(running: Running, site: Site) -> Iterator[Visitor]:
    product, _sink, browser = running
    browser.errors.clear()
    visitor = Visitor(browser, product, site)
    yield visitor
    visitor.context.close()
    assert not browser.errors


def test_before_consent_nothing_is_stored_and_no_lasting_id_leaves(visitor: Visitor) -> None:
    visitor.goto("/?utm_source=feria&gclid=Klick9&mc_eid=7&lang=es#part")
    visitor.do("cultiva.identify('ana', { email: 'ana@x.example' })")
    visitor.do("cultiva.track('Looked', { at: 'prices' })")
    visitor.wait_for_sent("Looked")
    visitor.page.locator("#in").click()
    visitor.wait_for_sent("page", 2)
    assert visitor.do(STORED) == ["", 0, 0, 0]
    assert visitor.context.cookies() == []
    first, second = visitor.wait_for_sent("page", 2)
    assert first["context"]["consent"] == {"categoryPreferences": {"analytics": False}}
    assert first["context"]["page"]["url"] == f"{visitor.site.origin}/?lang=es"
    assert second["context"]["page"]["referrer"] == f"{visitor.site.origin}/?lang=es"
    assert first["anonymousId"] != second["anonymousId"]
    everything = "".join(visitor.bodies)
    for word in ("feria", "Klick9", "mc_eid", "ana@x", '"ana"', "identify"):
        assert word not in everything, word


def test_with_consent_a_cookie_and_the_campaign(visitor: Visitor) -> None:
    visitor.goto("/?UTM_Source=Feria&utm_source=second&utm_campaign=Riego&mtm_medium=qr&GCLID=Abc&mc_eid=7&a=1")
    visitor.do("cultiva.consent(true)")
    stored = visitor.ledger("page")[-1]
    assert stored["context"]["campaign"] == {"source": "Feria", "name": "Riego", "medium": "qr"}
    assert stored["context"]["click_ids"] == {"gclid": "Abc"}
    assert "mc_eid" not in json.dumps(stored["context"])
    assert stored["properties"]["path"] == "/"
    assert stored["properties"]["title"] == "Riego /"
    assert stored["context"]["locale"] == "es-ES"
    assert stored["context"]["timezone"] == "Europe/Madrid"
    assert stored["context"]["consent"] == {"categoryPreferences": {"analytics": True}}
    cookie = visitor.context.cookies()[0]
    assert (cookie["name"], cookie["domain"], cookie["sameSite"], cookie["path"]) == (
        "_cultiva_id", "localhost", "Lax", "/",
    )  # fmt: skip
    days = (cookie["expires"] - visitor.do("Date.now() / 1000")) / 86_400
    assert 389 < days <= 390

    visitor.goto("/precios")
    assert visitor.ledger("page", 2)[-1]["visitor"] == stored["visitor"]
    assert visitor.ledger("page", 2)[-1]["context"].get("campaign") is None

    visitor.do("cultiva.consent(false)")
    assert visitor.do(STORED) == ["", 0, 0, 0]
    visitor.do("cultiva.track('After')")
    after = visitor.wait_for_sent("After")[0]
    assert after["anonymousId"] != cookie["value"]
    assert after["context"]["consent"] == {"categoryPreferences": {"analytics": False}}


def test_consent_told_before_the_script_is_there_counts_from_the_first_view(visitor: Visitor) -> None:
    visitor.site.early = "cultiva.consent(true);cultiva.track('Early',{n:1})"
    visitor.goto("/")
    assert visitor.ledger("Early")[0]["properties"] == {"n": 1}
    views = visitor.wait_for_sent("page")
    assert [view["context"]["consent"]["categoryPreferences"]["analytics"] for view in views] == [True]
    assert views[0]["anonymousId"] == visitor.context.cookies()[0]["value"]


def test_global_privacy_control_is_a_no_that_the_site_cannot_raise(visitor: Visitor) -> None:
    visitor.context.add_cookies([{"name": "_cultiva_id", "value": "0" * 36, "url": visitor.site.origin}])
    visitor.page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })")
    visitor.goto("/")
    visitor.do("cultiva.consent(true)")
    visitor.do("cultiva.track('Looked')")
    looked = visitor.wait_for_sent("Looked")[0]
    assert looked["context"]["consent"] == {"categoryPreferences": {"analytics": False}}
    assert visitor.do(STORED) == ["", 0, 0, 0]
    visitor.site.attributes = 'data-gpc="ask"'  # a site that asks in spite of it, and is told yes
    visitor.goto("/")
    visitor.do("cultiva.consent(true)")
    assert visitor.do(STORED)[0].startswith("_cultiva_id=")


def test_clicks_downloads_and_forms_are_noted_without_what_was_typed(visitor: Visitor) -> None:
    visitor.site.early = "cultiva.consent(true)"
    visitor.goto("/")
    visitor.page.locator("#in").evaluate("link => link.addEventListener('click', e => e.preventDefault())")
    visitor.page.locator("#in").click()
    visitor.page.locator("#file").evaluate("link => link.addEventListener('click', e => e.preventDefault())")
    visitor.page.locator("#file").click()
    assert visitor.ledger("File Downloaded")[0]["properties"] == {
        "url": f"{visitor.site.origin}/files/Guia%20de%20riego.PDF",
        "file": "Guia%20de%20riego.PDF",
        "extension": "pdf",
    }
    visitor.page.locator("#out b").click()  # the page goes away with it
    assert visitor.ledger("Outbound Link Clicked")[0]["properties"] == {
        "url": "https://partner.example/tienda?a=1", "domain": "partner.example",
    }  # fmt: skip
    visitor.goto("/contacto")
    visitor.page.locator("#quote button").click()
    assert visitor.ledger("Form Submitted")[0]["properties"] == {
        "form_id": "quote", "form_name": "presupuesto", "action": "/gracias",
    }  # fmt: skip
    visitor.ledger("page", 3)
    assert len(visitor.ledger("Outbound Link Clicked")) == len(visitor.ledger("Form Submitted")) == 1
    assert "never sent" not in str(visitor.ledger("Form Submitted"))


def test_videos_tell_how_far_they_were_seen(visitor: Visitor) -> None:
    visitor.site.early = "cultiva.consent(true)"
    visitor.goto("/")
    visitor.page.locator("#play").click()
    seen = [event["properties"] for event in visitor.ledger("Video Progress", 8)]
    own = [each for each in seen if each["provider"] == "html5"]
    assert [each["percent"] for each in own] == [25, 50, 75, 100]
    assert own[0] == {
        "percent": 25, "video": "tour", "url": f"{visitor.site.origin}/tour.wav", "seconds": 2, "provider": "html5",
    }  # fmt: skip
    tube = [each for each in seen if each["provider"] == "youtube"]
    assert [each["percent"] for each in tube] == [25, 50, 75, 100]
    assert (tube[0]["video"], tube[0]["seconds"]) == ("tube", 80)


def test_pages_that_change_without_loading_are_seen(visitor: Visitor) -> None:
    visitor.site.early = "cultiva.consent(true)"
    visitor.goto("/")
    visitor.do("history.pushState(null, '', '/precios?plan=pro')")
    visitor.page.wait_for_timeout(100)
    visitor.do("history.replaceState(null, '', '/precios')")  # tidies the address: the same page
    visitor.page.wait_for_timeout(100)
    visitor.do("history.replaceState(null, '', '#top')")
    visitor.do("history.back()")
    views = [view["properties"] for view in visitor.ledger("page", 3)]
    assert [view["path"] for view in views] == ["/", "/precios", "/"]
    assert [view["search"] for view in views] == ["", "?plan=pro", ""]
    assert views[1]["referrer"] == f"{visitor.site.origin}/"
    visitor.do("cultiva.page('Pricing', { plan: 'team' })")
    named = visitor.ledger("page", 4)[-1]["properties"]
    assert (named["name"], named["plan"], named["path"]) == ("Pricing", "team", "/")


def test_identify_links_the_visit_to_the_lead(visitor: Visitor) -> None:
    lead_id, email = visitor.product.query("SELECT id, email FROM lead ORDER BY id LIMIT 1 OFFSET 3")[0]
    visitor.goto("/precios")
    visitor.do(f"cultiva.identify('u-{lead_id}', {{ email: '{email}' }})")  # waits for the consent
    visitor.do("cultiva.consent(true)")
    visitor.do("cultiva.track('Plan Chosen', { plan: 'pro' })")
    chosen = "SELECT count(*) FROM lead_event WHERE lead_id = %d AND name IN ('Plan Chosen', 'page') AND source_id > 0"
    visitor.product.wait_for(lambda: visitor.product.query(chosen % lead_id)[0][0] >= 2)
    visitor.do("cultiva.reset()")
    visitor.do("cultiva.track('Someone Else')")
    assert "userId" not in visitor.wait_for_sent("Someone Else")[0]
    assert len({event["anonymousId"] for event in visitor.sent}) >= 2


def test_a_batch_stays_below_what_browsers_carry(visitor: Visitor) -> None:
    visitor.site.early = "cultiva.consent(true)"
    visitor.goto("/")
    visitor.do("cultiva.track('Too big', { text: 'x'.repeat(33000) })")
    visitor.do("for (let n = 0; n < 9; n++) cultiva.track('Big', { text: 'ñ'.repeat(10000), n })")
    assert len(visitor.ledger("Big", 9)) == 9
    assert all(len(body.encode()) < 64_000 for body in visitor.bodies)
    assert "Too big" not in "".join(visitor.bodies)


def test_what_could_not_be_sent_comes_with_a_later_try_or_page(visitor: Visitor, running: Running) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, headers={"Access-Control-Allow-Origin": "*"})

    visitor.site.early = "cultiva.consent(true)"
    visitor.context.route("**/v1/b", refuse)
    visitor.goto("/")
    visitor.do("cultiva.track('Kept')")
    visitor.wait_for_bodies(2)  # it was tried again
    visitor.goto("/precios")
    visitor.context.unroute("**/v1/b")
    visitor.do("cultiva.track('Later')")
    assert len(visitor.ledger("Kept")) == 1
    running[2].errors[:] = [error for error in running[2].errors if "503" not in error]


def test_a_browser_without_keepalive_sends_its_last_events_by_beacon(visitor: Visitor) -> None:
    visitor.page.add_init_script("delete Request.prototype.keepalive")
    visitor.site.early = "cultiva.consent(true)"
    visitor.goto("/")
    visitor.ledger("page")
    visitor.do("cultiva.track('Last')")
    visitor.page.goto("about:blank")
    assert len(visitor.ledger("Last")) == 1


def test_the_page_never_feels_it(visitor: Visitor) -> None:
    """Broken calls, no storage, a foreign page around it: no error reaches the page."""
    visitor.page.add_init_script(
        "const none = { get() { throw Error('no') }, set() { throw Error('no') } };"
        "Object.defineProperty(Document.prototype, 'cookie', none); Object.defineProperty(window, 'localStorage', none)"
    )
    visitor.goto("/")
    visitor.do("cultiva.consent(true)")
    visitor.do(
        "const ring = {}; ring.ring = ring; cultiva.track('Ring', ring); cultiva.push(['nothing']); cultiva.push()"
    )
    visitor.do("cultiva.track('Still here'); postMessage('not json', '*')")
    assert visitor.ledger("Still here")


def test_what_a_site_does_not_want_is_not_sent(visitor: Visitor) -> None:
    visitor.site.attributes = 'data-off="page outbound" data-category="statistics"'
    visitor.goto("/")
    visitor.page.locator("#out").evaluate("link => link.addEventListener('click', e => e.preventDefault())")
    visitor.page.locator("#out").click()
    visitor.do("cultiva.consent(true)")
    visitor.do("cultiva.track('Mine')")
    mine = visitor.wait_for_sent("Mine")[0]
    assert mine["context"]["consent"] == {"categoryPreferences": {"statistics": True}}
    assert {event["type"] for event in visitor.sent} == {"track"}
    assert "Outbound Link Clicked" not in {event["event"] for event in visitor.sent}


@pytest.fixture(scope="module")
def staff(running: Running) -> Page:
    """Someone of marketing, signed in by the link that the command printed."""
    product, _sink, browser = running
    words = ("--workspace", "riega", "--email", "vera@agency.example", "--name", "Vera", "--role", "marketing")
    link = re.search(r"http\S+/sign-in/\S+", product.command("user", "create", *words, "--language", "en"))
    assert link
    page = browser.context(locale="en-GB").new_page()
    page.goto(link[0])
    page.locator("form button.btn-primary").click()
    expect(page).to_have_url(product.url + "/")
    return page


def test_a_site_is_connected_by_copying_what_the_screen_shows(running: Running, staff: Page) -> None:
    product, _sink, browser = running
    staff.goto(product.url + "/settings/sources/new")
    staff.get_by_label("Name", exact=True).fill("Finca")
    staff.get_by_role("button", name="Create the source").click()
    expect(staff.locator("#received")).to_contain_text("Waiting for the first event")
    key = re.search(r'data-key="(pk_\S+)"', staff.locator("#script").inner_text())
    assert key
    with site_of(product.url, key[1]) as site:
        site.early = "cultiva.consent(true)"
        visitor = Visitor(browser, product, site)
        visitor.goto("/")
        expect(staff.locator("#received")).to_contain_text("Received!", timeout=10_000)  # without a click
        expect(staff.locator("#received")).to_contain_text("page")

        staff.get_by_role("link", name="See the events").click()
        staff.locator("details.event summary", has_text="page").first.click()
        opened = staff.locator("li:has(details[open])").get_attribute("id")
        visitor.do("cultiva.track('Plan Chosen', { plan: 'pro' })")
        expect(staff.locator(".event-list li").first).to_contain_text("Plan Chosen", timeout=10_000)
        assert staff.locator("li:has(details[open])").get_attribute("id") == opened  # what was opened stays open
        visitor.context.close()
    assert not serious_violations(staff)
    assert not browser.errors


def test_a_source_that_asks_for_consent_counts_the_rest(running: Running, staff: Page) -> None:
    product, _sink, browser = running
    staff.goto(product.url + "/settings/sources/new")
    staff.get_by_label("Name", exact=True).fill("Con permiso")
    staff.get_by_role("button", name="Create the source").click()
    key = re.search(r'data-key="(pk_\S+)"', staff.locator("#script").inner_text())
    assert key
    staff.get_by_role("link", name="change the source").click()
    staff.get_by_label("Only store what visitors consented to").check()
    with site_of(product.url, key[1]) as site:
        staff.get_by_label("Websites that may send").fill(site.origin)
        staff.get_by_role("button", name="Save").click()
        visitor = Visitor(browser, product, site)
        visitor.goto("/precios")
        ours = "source_id = (SELECT id FROM event_source WHERE key = 'con-permiso')"
        product.wait_for(lambda: product.query(f"SELECT sum(count) FROM event_uncovered WHERE {ours}")[0][0])
        assert product.query(f"SELECT count(*) FROM event WHERE {ours}") == [(0,)]
        staff.get_by_role("link", name="Connect", exact=True).click()
        expect(staff.locator("#received")).to_contain_text(re.compile(r"It works: \d+ events? came without consent"))
        visitor.do("cultiva.consent(true)")  # this page counts as seen, once
        expect(staff.locator("#received")).to_contain_text("Received!", timeout=10_000)
        assert product.query(f"SELECT properties ->> 'path' FROM event WHERE {ours}") == [("/precios",)]
        visitor.context.close()
    staff.goto(product.url + "/events/without-consent")
    expect(staff.locator("tbody").last).to_contain_text("Con permiso")
    assert not browser.errors
