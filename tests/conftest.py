"""The running product, shared by the tests that look at it from outside."""

from collections.abc import Iterator

import pytest

from tests.browser import Browser, browser
from tests.product import Product
from tests.smtp_sink import Sink, smtp_sink


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Sink, Browser]]:
    """(product, SMTP server, browser): the demo company, with mail that really leaves."""
    with smtp_sink() as (sink, smtp_url), browser() as chromium:
        folder = tmp_path_factory.mktemp("product")
        for each in (folder, *folder.parents):
            if each.stat().st_uid == folder.stat().st_uid and each != each.parent and "pytest" in str(each):
                each.chmod(0o755)  # the database's own user must reach its folder
        with Product(folder, SMTP_URL=smtp_url) as product:
            yield product, sink, chromium
