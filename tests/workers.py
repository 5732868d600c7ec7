"""Several workers at once (`pytest -n 2`): which tests go where, and in which order.

A pytest plug-in. A file's tests stay together, so that they share what the file sets up once. Files whose tests look
at the running product go to one worker, which starts it once; a file that is not named here starts one of its own
elsewhere, and is only slower.
"""

from collections.abc import Iterator
from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARING_THE_PRODUCT = {
    "test_api_docs", "test_collector", "test_commands", "test_journey", "test_journey_of_a_file",
    "test_journey_of_criteria", "test_journey_of_many", "test_journey_of_personas", "test_journey_of_segments",
    "test_large_uploads", "test_sdks", "test_tracking_script",
}  # fmt: skip

LONG = {"test_clusters", "test_discovering", "test_postgres", "test_screens"}  # begun late, one worker would end late


def shares_the_product(nodeid: str) -> bool:
    return PurePath(file_of(nodeid)).stem in SHARING_THE_PRODUCT


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return "the running product" if shares_the_product(nodeid) else file_of(nodeid)


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
            not shares_the_product(item.nodeid),
            not item.nodeid.startswith("tests/"),
            PurePath(file_of(item.nodeid)).stem not in LONG,
        )
    )
