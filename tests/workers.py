"""Several workers at once (`pytest -n 2`): which tests go where, and in which order.

A pytest plug-in. A file's tests stay together, so that they share what the file sets up once. Files whose tests look
at the running product go to one of two workers, which start it once each; a file that is not named here starts one of
its own elsewhere, and is only slower.
"""

from collections.abc import Iterator
from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

PRODUCTS = {  # two that run side by side; what is added goes to the shorter one
    "the first product": {
        "test_journey", "test_journey_of_a_file", "test_journey_of_forms", "test_journey_of_magnets",
        "test_journey_of_many", "test_journey_of_rehearsals",
        "test_journey_of_pages", "test_journey_of_segments", "test_large_uploads",
    },
    "the second product": {
        "test_api_docs", "test_collector", "test_commands", "test_consent_banner", "test_journey_of_criteria",
        "test_journey_of_personas", "test_journey_of_scores", "test_sdks", "test_tracking_script",
    },
}  # fmt: skip

LONG = {"test_clusters", "test_discovering", "test_postgres", "test_screens"}  # begun late, one worker would end late


def product_of(nodeid: str) -> str:
    """The product that a test looks at; empty: none, or one of its own."""
    stem = PurePath(file_of(nodeid)).stem
    return next((name for name, files in PRODUCTS.items() if stem in files), "")


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return product_of(nodeid) or file_of(nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    config.option.loadscopereorder = False  # ours is by length, xdist's by number
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """The longest first: what shares the product, then the other tests from outside, then those of the rooms."""
    yield
    items.sort(
        key=lambda item: (
            not product_of(item.nodeid),
            not item.nodeid.startswith("tests/"),
            PurePath(file_of(item.nodeid)).stem not in LONG,
        )
    )
