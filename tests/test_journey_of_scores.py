"""A score that can be checked: what a machine did is taken out to the point, and what is foretold comes true."""

import re
import time
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.browser import Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink
from tests.test_collector import make_source, page, send

ONE_CLICK = """
SELECT e.lead_id FROM lead_event e JOIN lead_state s ON s.lead_id = e.lead_id
 WHERE e.name = 'email_clicked' AND e.actor <> 'machine' AND s.score BETWEEN 20 AND 80
   AND e.lead_id IN (SELECT lead_id FROM lead_event WHERE kind = 'page'
                      AND occurred_at > (SELECT max(occurred_at) FROM event) - interval '20 days' GROUP BY 1)
 GROUP BY 1 HAVING count(*) = 1 AND max(e.occurred_at) > (SELECT max(occurred_at) FROM event) - interval '60 days'
 ORDER BY 1
"""
BELOW_HOT = (
    "SELECT l.id, l.email FROM lead l JOIN lead_state s ON s.lead_id = l.id WHERE s.score BETWEEN 40 AND 59 ORDER BY 1"
)


def total_of(staff: Page) -> Decimal:
    return Decimal(staff.locator("[data-total]").first.get_attribute("data-total") or "NaN")


def test_a_sceptic_checks_the_points(running: tuple[Product, Sink, Browser]) -> None:
    product, _sink, chromium = running
    staff = signed_in(product, chromium, locale="es-ES")

    # One click was a machine's: the total falls by its line, and by nothing else.
    for (lead,) in product.query(ONE_CLICK):
        staff.goto(f"{product.url}/leads/{lead}?show=mail")
        line = staff.locator("details[data-part]", has_text="Hace clic en un correo")
        button = staff.locator("#timeline li", has_text="Hizo clic").get_by_role("button", name="Lo hizo una máquina")
        if line.count() == 1 and button.count() == 1 and staff.get_by_text("Límite de").count() == 0:
            break
    else:
        raise AssertionError("the demo has no lead with one click in a mail")
    before, part = total_of(staff), Decimal(line.get_attribute("data-part") or "NaN")
    button.click()
    expect(staff.locator(".alert", has_text="Ya no cuenta")).to_be_visible()
    assert total_of(staff) == before - part
    staff.goto(f"{product.url}/leads/{lead}?show=mail")
    staff.get_by_role("button", name="Fue una persona").click()
    assert total_of(staff) == before

    # What would make this lead hot is done, and the number that was foretold appears.
    for lead, _address in product.query(BELOW_HOT):
        staff.goto(f"{product.url}/leads/{lead}")
        proposal = staff.locator("[data-proposal]", has_text="Mira los precios")
        if proposal.count() == 1:
            break
    else:
        raise AssertionError("no lead of the demo would become hot by looking at prices")
    foretold = Decimal(proposal.get_attribute("data-proposal") or "NaN")
    times = int((re.search(r"(\d+) acto", proposal.inner_text()) or ["", "1"])[1])
    picture(staff, "lead-why-es-light")
    assert not serious_violations(staff)
    source = make_source(product, "sceptic")
    told = {"anonymousId": "v-sceptic", "messageId": "sceptic", "traits": {"email": _address}}
    for number in range(times):
        sent = page(number, anonymousId="v-sceptic", messageId=f"sceptic-{number}")
        assert send(product, "page", sent, key=source.key)[0] == 200
    assert send(product, "identify", told, key=source.key)[0] == 200
    product.wait_for(lambda: staff.reload() and abs(total_of(staff) - foretold) <= Decimal("0.2"), 15)
    assert foretold >= 60
    product.wait_for(lambda: staff.reload() and staff.locator(".page-title .temperature-hot").count() == 1, 15)

    # The same profile, some weeks ago.
    staff.locator("#score-on").fill(time.strftime("%Y-%m-%d", time.gmtime(time.time() - 14 * 86400)))
    staff.locator(".score-date button").click()
    expect(staff.locator(".score-date a")).to_be_visible()
    staff.context.close()
    assert not chromium.errors
