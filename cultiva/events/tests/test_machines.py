"""Programs are told from people by what they call themselves and where they come from."""

import timeit
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import crawleruseragents
import pytest
from django.conf import settings

from cultiva.events import machines
from cultiva.events.machines import actor_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PEOPLE = [
    FIREFOX,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
    " Edg/130.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E219"
    " [FBAN/FBIOS;FBAV/454.0;FBDV/iPhone14,5]",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Instagram 300.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [LinkedInApp]/9.29",
    "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "",
]
TOOLS = ["curl/8.5.0", "python-requests/2.32.3", "Go-http-client/2.0", f"{FIREFOX} HeadlessChrome/130.0", "okhttp/4.12"]


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    given = tuple(map(ip_network, ("10.1.0.0/16", "66.249.64.0/19", "2001:db8::/32")))
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, machine_ranges=given))
    machines._ranges.cache_clear()
    machines._is_in_ranges.cache_clear()
    yield
    machines._ranges.cache_clear()
    machines._is_in_ranges.cache_clear()


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_a_browser_is_no_machine(user_agent: str) -> None:
    assert actor_of(user_agent=user_agent, ip="192.0.2.1") == "unknown"


def test_every_crawler_of_the_list_is_a_machine() -> None:
    instances = [name for each in crawleruseragents.CRAWLER_USER_AGENTS_DATA for name in each["instances"]]
    assert len(instances) > 2000
    missed = [name for name in instances if actor_of(user_agent=name, ip="") != "machine"]
    assert not missed


@pytest.mark.parametrize("user_agent", TOOLS)
def test_a_tool_is_a_machine_in_a_browsers_place_and_not_on_a_server(user_agent: str) -> None:
    assert actor_of(user_agent=user_agent, ip="") == "machine"
    assert actor_of(user_agent=user_agent, ip="", is_server=True) == "unknown"


def test_a_crawler_that_a_server_names_is_a_machine() -> None:
    assert actor_of(user_agent="Mozilla/5.0 (compatible; Googlebot/2.1)", ip="", is_server=True) == "machine"


@pytest.mark.parametrize(
    ("ip", "actor"),
    [
        ("10.1.255.255", "machine"), ("10.2.0.0", "unknown"), ("10.0.255.255", "unknown"), ("66.249.64.0", "machine"),
        ("2001:db8::1", "machine"), ("2001:db9::1", "unknown"), ("::ffff:10.1.2.3", "machine"), ("", "unknown"),
        ("not an address", "unknown"), ("0.0.0.0", "unknown"),
    ],
)  # fmt: skip
def test_an_address_of_the_given_ranges_is_a_machine(ranges: None, ip: str, actor: str) -> None:
    assert actor_of(user_agent=FIREFOX, ip=ip) == actor


def test_a_known_answer_costs_next_to_nothing() -> None:
    seconds = min(timeit.repeat(lambda: actor_of(user_agent=FIREFOX, ip="192.0.2.1"), number=20_000, repeat=5)) / 20_000
    assert seconds < 2e-6


def test_a_hostile_name_is_answered_soon() -> None:
    assert timeit.timeit(lambda: actor_of(user_agent="Mozilla/5.0 " + "(a" * 200_000, ip=""), number=1) < 0.05
