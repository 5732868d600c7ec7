"""An ebook from the marketer's first click to the proof of consent checked years later, in a real browser."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from cultiva.magnets.tests.documents import make_pdf
from tests.browser import Browser, picture, serious_violations, signed_in
from tests.product import ROOT, Product
from tests.smtp_sink import Sink, links_of
from tests.test_journey_of_forms import Site, link_to, saved

Running = tuple[Product, Sink, Browser]
MOST_ACTS = 30  # clicks, choices and fields: three minutes at six seconds each
EMAIL = "noa@finca.example"
PDF = make_pdf()
SCANNER = "Mozilla/5.0 (compatible; BarracudaCentral)"


@pytest.fixture(scope="module")
def site(running: Running) -> Iterator[Site]:
    made = Site(running[0].url, "poda-de-olivos")
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()


class Counted:
    """What a marketer does, counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.acts = page, 0

    def click(self, selector: str) -> None:
        self.acts += 1
        self.page.locator(selector).first.click()

    def fill(self, selector: str, text: str) -> None:
        self.acts += 1
        self.page.locator(selector).first.fill(text)


def test_a_marketer_makes_an_ebook_with_form_and_page_in_few_clicks(running: Running, site: Site) -> None:
    product, _sink, chromium = running
    staff = signed_in(product, chromium, locale="es-ES")
    marketer = Counted(staff)
    staff.goto(product.url + "/magnets")
    marketer.click(".page-header a[href='/magnets/new']")
    marketer.click("a[href='/magnets/new/ebook']")
    marketer.fill("input[name=title_es]", "Poda de olivos")
    marketer.acts += 1
    staff.set_input_files(
        "input[name=settings-file]", {"name": "poda.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    assert serious_violations(staff) == []
    picture(staff, "magnets-ebook-new-es")
    marketer.click("button[name=then][value=publish]")
    expect(staff.locator(".alert-success")).to_be_visible()

    marketer.click("a[href*='/forms/new?magnet=']")
    marketer.fill("input[name=name]", "Poda de olivos")
    marketer.click("form .card-footer button.btn-primary")
    expect(staff.locator("[data-then] select").first).to_have_value("poda-de-olivos")
    with saved(staff):
        marketer.fill("[data-guard] textarea", site.origin)
        staff.locator("[data-guard] textarea").blur()
    marketer.click("form[action$='/publish'] button")
    expect(staff.locator("#way-embed")).to_contain_text("embed.js")
    staff.locator("#way-page ~ details summary").click()
    expect(staff.locator("img.qr-code")).to_be_visible()
    picture(staff, "forms-use-code-es")

    marketer.click("a[href*='/pages/new?form=']")
    marketer.fill("input[name=name]", "Poda de olivos")
    marketer.click("form .card-footer button.btn-primary")
    expect(staff.frame_locator(".form-preview").locator("h1")).to_be_visible()
    marketer.click("form[action$='/publish'] button")
    expect(staff).to_have_url(f"{product.url}/pages/of/poda-de-olivos")
    assert marketer.acts <= MOST_ACTS
    visitor = chromium.context(locale="es-ES").new_page()
    visitor.goto(f"{product.url.replace('127.0.0.1', 'localhost')}/p/riega/poda-de-olivos")
    expect(visitor.locator("form.capture input[name=email]")).to_be_visible()
    assert not chromium.errors


def test_a_visitor_of_another_site_gets_it_and_no_scanner_acts_for_them(running: Running, site: Site) -> None:
    product, sink, chromium = running
    visitor = chromium.context(locale="es-ES").new_page()
    visitor.goto(site.origin + "/blog")
    visitor.locator("input[name=first_name]").fill("Noa")
    visitor.locator("input[name=email]").fill(EMAIL)
    for name in ("policy-accepted", "purpose-marketing"):
        visitor.locator(f"input[name={name}]").check()
    visitor.wait_for_timeout(2100)  # people need more than two seconds
    visitor.locator("button[type=submit]").click()
    expect(visitor.locator(".card.message")).to_be_visible()
    confirm, download = (link_to(product, sink, EMAIL, part) for part in ("/c/confirm/", "/d/"))

    before = standing(product)
    for link in {link for mail in sink.to(EMAIL) for link in links_of(mail) if link.startswith(product.url)}:
        assert visitor.request.get(link, headers={"User-Agent": SCANNER}).status == 200
    assert standing(product) == before
    assert before[0][:2] == (None, "given")

    visitor.goto(confirm)
    visitor.locator("button[type=submit]").click()
    product.wait_for(lambda: standing(product)[0][0])
    answer = visitor.request.get(download)
    assert (answer.status, answer.body()) == (200, PDF)
    assert chromium.errors == []


def standing(product: Product) -> list[tuple[object, ...]]:
    """(confirmed since, state of marketing, acts, downloads)"""
    return product.query(
        "SELECT m.confirmed_since, c.state, (SELECT count(*) FROM consent_evidence e WHERE e.lead_id = l.id),"
        "       (SELECT count(*) FROM event v WHERE v.lead_id = l.id AND v.name = 'download' AND v.actor <> 'machine')"
        "  FROM lead l JOIN consent_mark m ON m.lead_id = l.id"
        "  JOIN consent_state c ON c.lead_id = l.id AND c.purpose = 'marketing'"
        f" WHERE l.email = '{EMAIL}'"
    )


def test_the_proof_is_checked_offline_outlives_the_text_and_names_who_touches_it(
    running: Running, tmp_path: Path
) -> None:
    product, _sink, chromium = running
    lead = product.query(f"SELECT id FROM lead WHERE email = '{EMAIL}'")[0][0]
    staff = signed_in(product, chromium, locale="es-ES")

    def bundle() -> bytes:
        staff.goto(f"{product.url}/leads/{lead}/consent")
        with staff.expect_download() as found:
            staff.locator("a[href$='/consent.zip']").first.click()
        return found.value.path().read_bytes()

    proof = bundle()
    (tmp_path / "proof.zip").write_bytes(proof)
    with zipfile.ZipFile(io.BytesIO(proof)) as files:
        (tmp_path / "verify.py").write_bytes(files.read("verify.py"))
        evidence, texts = files.read("evidence.jsonl"), json.loads(files.read("texts.json"))
    words = [sys.executable, "-I", "-S", "verify.py", "proof.zip"]
    checked = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert checked.returncode == 0, checked.stdout + checked.stderr

    folder = tmp_path / "documents" / "purposes"
    folder.mkdir(parents=True)
    source = (ROOT / "cultiva/demo/documents/purposes/marketing.yaml").read_text()
    (folder / "marketing.yaml").write_text(source.replace("label: ", "label: Ahora sí. ", 1))
    product.command("apply", str(folder.parent), "--workspace", "riega", "--yes")
    with zipfile.ZipFile(io.BytesIO(bundle())) as files:
        assert files.read("evidence.jsonl") == evidence
        assert json.loads(files.read("texts.json")) == texts
    (folder / "marketing.yaml").write_text(source)
    product.command("apply", str(folder.parent), "--workspace", "riega", "--yes")

    row, old = product.query(
        "SELECT e.id, p.payload::text FROM consent_evidence e JOIN consent_evidence_payload p ON p.evidence_id = e.id"
        f" WHERE e.lead_id = {lead} AND e.act = 'given' ORDER BY e.id LIMIT 1"
    )[0]
    label = json.loads(old)["checkbox_label_text"]
    changed = json.dumps(json.loads(old) | {"checkbox_label_text": label[:-1] + "x"})
    for payload, is_whole in ((changed, False), (old, True)):
        with psycopg.connect(product.owner_url) as superuser:
            superuser.execute("UPDATE consent_evidence_payload SET payload = %s WHERE evidence_id = %s", (payload, row))
        told = subprocess.run(
            [sys.executable, "-m", "cultiva", "consent", "verify", "--workspace", "riega"], cwd=ROOT,
            env=product.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (told.returncode == 0) is is_whole, told.stdout
        assert (f"lead {lead}: the payload of evidence" in told.stdout) is not is_whole
        assert ("payload.checkbox_label_text" in told.stdout) is not is_whole
    assert not chromium.errors
