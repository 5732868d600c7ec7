"""One lead goes all the way, in a real browser against the running product and a real SMTP server."""

import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LOOKS, Browser, picture, serious_violations
from tests.product import ROOT, Product
from tests.smtp_sink import Sink, links_of

EMAIL = "lucia.prado@fincaelprado.example"
SCREENS = ["/", "/leads", "/hand-overs", "/forms", "/forms/of/guia-riego", "/models", "/models/readiness",
           "/models/new", "/models/new?from=complete", "/models/readiness/edit", "/models/readiness/versions",
           "/models/readiness/health",
           "/workflows", "/workflows/bienvenida", "/mailbox", "/settings",
           "/events", "/events/names", "/events/name?name=page&kind=page", "/events/quarantine", "/events/set-aside",
           "/events/without-consent", "/settings/sources", "/settings/sources/new", "/settings/sources/1",
           "/settings/sources/1/connect"]  # fmt: skip


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Page:
    """Ana, signed in by the link that the start printed."""
    product, _sink, chromium = running
    page = chromium.context(locale="es-ES").new_page()
    page.goto(product.sign_in_link)
    page.locator("form button.btn-primary").click()
    expect(page).to_have_url(product.url + "/")
    return page


def mail_with(product: Product, sink: Sink, part: str) -> EmailMessage:
    """The first mail to the lead that carries a link with this part."""

    def find() -> EmailMessage | None:
        return next((m for m in sink.to(EMAIL) if any(part in link for link in links_of(m))), None)

    found: EmailMessage = product.wait_for(find, 30)
    return found


def nurture_mails(sink: Sink) -> list[EmailMessage]:
    return [message for message in sink.to(EMAIL) if message["List-Unsubscribe"]]


def link_with(message: EmailMessage, part: str) -> str:
    return next(link for link in links_of(message) if part in link)


def total_of(page: Page) -> float:
    return float(page.locator("[data-total]").first.get_attribute("data-total") or "nan")


def test_a_newcomer_confirms_from_the_local_mailbox(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    """Without a mail server, mail is read in the product; its links open pages that work."""
    product, _sink, chromium = running
    mail = product.query(
        "SELECT m.id FROM mailbox_message m JOIN lead l ON m.recipient LIKE '%' || l.email || '%'"
        " JOIN consent_mark k ON k.lead_id = l.id AND k.confirmed_since IS NULL"
        " WHERE m.subject LIKE 'Confirma tu correo%' ORDER BY m.id DESC LIMIT 1"
    )[0][0]
    staff.goto(f"{product.url}/mailbox/{mail}")
    with staff.context.expect_page() as opened:
        staff.frame_locator(".mail-frame").locator("a[href*='/c/confirm/']").first.click()
    page = opened.value
    page.locator("button[type=submit]").click()
    expect(page.locator("main")).to_contain_text("confirmada")
    page.close()
    assert not chromium.errors


def test_one_lead_goes_all_the_way(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    product, sink, chromium = running

    # A stranger without JavaScript reads the notice, accepts the policy and asks for the guide.
    visitor = chromium.context(java_script_enabled=False, locale="es-ES").new_page()
    visitor.goto(f"{product.url}/f/riega/guia-riego?utm_source=feria&utm_medium=qr")
    boxes = visitor.locator("input[type=checkbox]")
    assert boxes.count() >= 2
    assert not any(boxes.nth(n).is_checked() for n in range(boxes.count()))
    assert boxes.evaluate_all("all => all.filter(box => box.required).length") == 1
    picture(visitor, "public-form-es")
    fill_form(visitor)
    visitor.wait_for_timeout(2100)  # people take longer than two seconds
    visitor.locator("button[type=submit]").click()
    assert re.search("gracias|correo", visitor.locator("main").inner_text(), re.IGNORECASE)
    picture(visitor, "public-thanks-es")

    # The confirmation: a scanner's GET changes nothing, the person's button does.
    confirm = link_with(mail_with(product, sink, "/c/confirm/"), "/c/confirm/")
    visitor.goto(confirm)
    assert marks_of(product)[1] is None
    picture(visitor, "public-confirm-es")
    visitor.locator("button[type=submit]").click()
    product.wait_for(lambda: marks_of(product)[1])

    # The guide comes by a signed link and is a real PDF.
    download = link_with(mail_with(product, sink, "/d/"), "/d/")
    answer = visitor.request.get(download)
    assert answer.status == 200
    assert answer.body().startswith(b"%PDF-")
    assert visitor.request.get(download[:-3] + "zzz", max_redirects=0).status in (403, 404)

    # Valid, scored with reasons that sum, and a marketing-qualified lead.
    lead_id = product.query(f"SELECT id FROM lead WHERE email = '{EMAIL}'")[0][0]
    product.wait_for(lambda: stage_of(product, lead_id) != "lead")
    staff.goto(f"{product.url}/leads/{lead_id}")
    before = total_of(staff)
    parts = [
        float(text or 0) for text in staff.locator("[data-part]").evaluate_all("all => all.map(e => e.dataset.part)")
    ]
    assert before > 0
    assert abs(sum(parts) - before) < 0.05
    assert staff.locator("[data-side=predictive]").count()
    assert staff.locator("[data-side=retrospective]").count()
    picture(staff, "lead-before-es")

    # The workflow's first mail waited for the confirmation; three days later comes the second, by name.
    product.wait_for(lambda: len(nurture_mails(sink)) == 1)
    staff.goto(product.url + "/")
    staff.locator(".demo-bar button", has_text="3").first.click()
    nurture: EmailMessage = product.wait_for(lambda: nurture_mails(sink)[1:], 30)[0]
    assert "Lucía" in nurture.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert nurture["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    reader = chromium.context(locale="es-ES").new_page()
    tracked = link_with(nurture, "/l/")
    reader.wait_for_timeout(5200)  # people read before they click; what follows a link within five seconds is a scanner
    clicked = reader.request.get(tracked, max_redirects=0, headers={"Accept-Language": "es"})
    assert clicked.status == 302

    # The click is a human's, it moves the score, and sales get the lead.
    product.wait_for(lambda: score_of(product, lead_id) > before and clicks_of(product, lead_id) == 1)
    product.wait_for(lambda: stage_of(product, lead_id) == "sales_qualified")
    staff.goto(f"{product.url}/leads/{lead_id}")
    assert total_of(staff) > before
    assert staff.locator(".card-waiting").count() == 1
    picture(staff, "lead-after-es")
    staff.goto(product.url + "/hand-overs")
    expect(staff.locator("main")).to_contain_text("Lucía")
    staff.goto(f"{product.url}/leads/{lead_id}")
    staff.locator(".card-waiting button.btn-primary").click()
    expect(staff.locator(".card-waiting")).to_have_count(0)

    # One click to leave; nothing is asked.
    unsubscribe = link_with(nurture, "/u/")
    visitor.goto(unsubscribe)
    assert consent_of(product, lead_id) == "given"
    visitor.locator("button[type=submit]").click()
    product.wait_for(lambda: consent_of(product, lead_id) == "withdrawn")
    assert len(nurture_mails(sink)) == 2
    assert not chromium.errors


def fill_form(page: Page) -> None:
    page.locator("[name=first_name]").fill("Lucía")
    page.locator("[name=email]").fill(EMAIL)
    page.locator("[name=company]").fill("Finca El Prado")
    if page.locator("[name=last_name]").count():
        page.locator("[name=last_name]").fill("Prado")
    page.locator("select[name=job_title]").select_option("director")
    page.locator("select[name=employees]").select_option("50-249")
    for box in page.locator("input[type=checkbox]").all():
        box.check()


def marks_of(product: Product) -> tuple[object, ...]:
    sql = "SELECT valid_since, confirmed_since FROM consent_mark m JOIN lead l ON l.id = m.lead_id WHERE l.email = "
    return product.query(f"{sql}'{EMAIL}'")[0]


def stage_of(product: Product, lead_id: int) -> str:
    return str(product.query(f"SELECT stage FROM lead_state WHERE lead_id = {lead_id}")[0][0])


def score_of(product: Product, lead_id: int) -> float:
    return float(product.query(f"SELECT score FROM lead_state WHERE lead_id = {lead_id}")[0][0])


def clicks_of(product: Product, lead_id: int) -> int:
    sql = "SELECT count(*) FROM event WHERE name = 'email_clicked' AND actor <> 'machine' AND lead_id = "
    return int(product.query(f"{sql}{lead_id}")[0][0])


def consent_of(product: Product, lead_id: int) -> str:
    sql = f"SELECT state FROM consent_state WHERE purpose = 'marketing' AND lead_id = {lead_id}"
    return str(product.query(sql)[0][0])


@pytest.mark.parametrize(("language", "look"), LOOKS)
def test_every_screen_is_sound(running: tuple[Product, Sink, Browser], staff: Page, language: str, look: str) -> None:
    """No console error, no serious accessibility violation, nothing wider than a phone."""
    product, _sink, chromium = running
    staff.set_viewport_size({"width": 390 if look == "phone" else 1280, "height": 844 if look == "phone" else 900})
    staff.emulate_media(color_scheme="dark" if look == "dark" else "light")
    staff.goto(product.url + "/settings")
    staff.locator("select[name=language]").select_option(language)
    staff.locator("input[name=what][value=mine] ~ button").click()
    best = product.query("SELECT lead_id FROM lead_state WHERE stage = 'sales_qualified' ORDER BY score DESC LIMIT 1")
    mail = product.query("SELECT max(id) FROM mailbox_message")[0][0]
    violations = []
    for path in [*SCREENS, f"/leads/{best[0][0]}", f"/mailbox/{mail}"]:
        staff.goto(product.url + path)
        expect(staff.locator("html")).to_have_attribute("lang", language)
        width = staff.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{path} is {width} px wider than the window"
        violations += serious_violations(staff)
        picture(staff, f"{path.strip('/').replace('/', '-') or 'home'}-{language}-{look}")
    expect(staff.frame_locator(".mail-frame").locator("body")).to_contain_text("Riega Azudea")
    assert not violations
    assert not chromium.errors


# Run beside the product: the addresses of pages that stand behind personal links, one a line.
PERSONAL_PAGES = """
from cultiva.cli.environment import product
with product():
    from cultiva.accounts.actions import find_workspace
    from cultiva.consent.actions import confirmation_token
    from cultiva.consent.models import Confirmation
    from cultiva.consent.receipts import preference_token
    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope
    from cultiva.lib.signing import sign
    from cultiva.magnets.actions import download_link
    from cultiva.magnets.models import Grant, MagnetVersion
    place = find_workspace("riega")
    with workspace_scope(place.id):
        waiting = Confirmation.objects.filter(workspace_id=place.id, confirmed_at=None).latest("id")
        done = Confirmation.objects.exclude(confirmed_at=None).filter(workspace_id=place.id).latest("id")
        print("/c/my/" + preference_token(place.id, done.lead_id))
        print("/u/" + sign("unsubscribe", place.id, done.lead_id, 0))
        for each in (waiting, done):
            print("/c/confirm/" + confirmation_token(each))
        for version in MagnetVersion.currents(place.id):
            grant = Grant.objects.filter(workspace_id=place.id, magnet=version.key).order_by("-id").first()
            if grant and version.body["kind"] in ("discount", "referral", "video", "webinar"):
                print(download_link(grant, clock.now()))
"""


def test_public_pages_are_sound(running: tuple[Product, Sink, Browser]) -> None:
    product, _sink, chromium = running
    words = [sys.executable, "-c", PERSONAL_PAGES]
    printed = subprocess.run(words, cwd=ROOT, env=product.environ, capture_output=True, text=True, check=True).stdout
    personal = [line.removeprefix(product.url) for line in printed.splitlines() if line.strip()]
    assert len(personal) > 4
    public = ["/f/riega/guia-riego", "/p/riega/privacidad/v1", "/g/riega", "/c/ask/riega", "/d/nobody", "/sign-in"]
    for language in ("es", "en"):
        page = chromium.context(viewport={"width": 390, "height": 844}).new_page()
        for path in [*personal, *public] if language == "es" else public:
            answer = page.goto(f"{product.url}{path}?lang={language}")
            assert answer is not None
            assert answer.status in (200, 404 if path == "/d/nobody" else 410), path
            assert not serious_violations(page), path
            width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert width <= 0, f"{path} is {width} px wider than a telephone"
            picture(page, f"public-{'-'.join(path.strip('/').split('/')[:2])[:40]}-{language}-phone")
        assert page.context.cookies() == [] or "/sign-in" in page.url
    # One address leads nowhere, a link may be past its days, and the demo's film lies on a site that there is not.
    expected = ("404", "410", "ERR_NAME_NOT_RESOLVED")
    assert [error for error in chromium.errors if not any(word in error for word in expected)] == []


def test_a_second_start_finds_the_same_data(running: tuple[Product, Sink, Browser], tmp_path: Path) -> None:
    product, _sink, _chromium = running
    leads = product.query("SELECT count(*) FROM lead")[0][0]
    product.stop()
    product.lines.clear()
    product.start()
    assert product.query("SELECT count(*) FROM lead")[0][0] >= leads
    assert product.get("/healthz")[0] == 200


def test_the_list_of_leads_answers_while_one_types(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    product, _sink, chromium = running
    staff.set_viewport_size({"width": 1280, "height": 900})
    name = product.query(
        "SELECT attributes ->> 'first_name', attributes ->> 'last_name' FROM lead"
        " WHERE attributes ->> 'last_name' LIKE '% %' ORDER BY id LIMIT 1"
    )[0]
    staff.goto(product.url + "/leads")
    everybody = staff.locator("tbody tr").count()
    staff.locator("#id_search").press_sequentially(" ".join(name).upper())
    expect(staff.locator("tbody tr").first).to_contain_text(name[0])
    expect(staff.locator("tbody tr")).not_to_have_count(everybody)
    assert staff.locator("h1").count() == 1
    assert "search=" in staff.url
    staff.reload()
    assert staff.locator("tbody tr").count() < everybody
    staff.locator("#id_search").fill("")
    staff.locator("select[name=stage]").select_option("customer")
    expect(staff).to_have_url(re.compile("stage=customer"))
    staff.get_by_role("link", name=re.compile("Página siguiente|Next page")).click()
    assert "after=" in staff.url
    assert "stage=customer" in staff.url
    assert not chromium.errors


def test_the_home_screen_moves_by_itself(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    product, _sink, chromium = running
    staff.goto(product.url + "/")
    with staff.expect_response(lambda answer: answer.url.endswith("/home/live"), timeout=8000) as answered:
        pass
    assert answered.value.status == 200
    expect(staff.locator("h1")).to_have_count(1)
    assert staff.locator("#home-live .card").count() > 6
    assert not chromium.errors
