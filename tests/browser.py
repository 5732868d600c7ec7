"""A real browser: the system's Chromium, driven by Playwright, that fails a test on any console error."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from tests.product import Product

# Where to keep a picture of each screen; unset: none are kept.
PICTURES = os.environ.get("SCREENSHOTS", "")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# The user agent of an ordinary reader; the headless one names itself and would be taken for a machine.
READER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

# (language, look): each language and each look once; on a phone the longer language.
LOOKS = [("es", "light"), ("en", "dark"), ("es", "phone")]


def chromium() -> str:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    return next(path for path in found if path)


class Browser:
    """One Chromium; `errors` gathers what pages wrote to the console as errors."""

    def __init__(self, playwright: Playwright) -> None:
        self.browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        self.errors: list[str] = []

    def context(self, **options: Any) -> BrowserContext:
        context = self.browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "user_agent": READER, **options}
        )
        context.on("page", self._watch)
        return context

    def _watch(self, page: Page) -> None:
        page.on("console", lambda m: self.errors.append(f"{page.url}: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(f"{page.url}: {e}"))


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running, loop = Browser(playwright), asyncio.get_running_loop()
        try:
            yield running
        finally:
            asyncio._set_running_loop(loop)  # the last test may have put it aside
            running.browser.close()


@contextmanager
def browser_aside() -> Iterator[None]:
    """Playwright keeps an event loop running in this thread, where Django then refuses queries: not in here."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop if loop and loop.is_running() else None)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def signed_in(product: Product, chromium: Browser, **options: Any) -> Page:
    """The product's first user at the first screen, in a window of their own."""
    email = product.query("SELECT email FROM staff_user ORDER BY id LIMIT 1")[0][0]
    link = json.loads(product.command("user", "link", email, "--json"))["sign_in_link"]
    page = chromium.context(**options).new_page()
    page.goto(link)
    page.locator("form button.btn-primary").click()
    page.wait_for_url(product.url + "/")
    return page


def serious_violations(page: Page) -> list[str]:
    """What axe calls serious or critical, with the first element of each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {v['id']}: {v['nodes'][0]['html'][:160]}" for v in found if v["impact"] in ("serious", "critical")
    ]
