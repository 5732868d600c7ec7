"""The running product, shared by the tests that look at it from outside."""

from collections.abc import Generator, Iterator

import pytest

from tests.browser import Browser, browser, browser_aside
from tests.product import Product, open_folder
from tests.smtp_sink import Sink, smtp_sink


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[Product, Sink, Browser]]:
    """(product, SMTP server, browser): the demo company, with mail that really leaves."""
    with (
        open_folder() as folder,
        smtp_sink() as (sink, smtp_url),
        browser() as chromium,
        Product(folder, SMTP_URL=smtp_url) as product,
    ):
        yield product, sink, chromium


@pytest.fixture(autouse=True)
def own_errors(request: pytest.FixtureRequest) -> None:
    """What an earlier test left on the browser's console is no fault of this one."""
    if "running" in request.fixturenames:
        for each in request.getfixturevalue("running"):
            if isinstance(each, Browser):
                each.errors.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if "running" in getattr(item, "fixturenames", ()):
        return (yield)
    with browser_aside():
        return (yield)
