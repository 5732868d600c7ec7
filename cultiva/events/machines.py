"""Programs that act where a person should: crawlers, mail scanners, headless browsers, HTTP libraries.

Their events are kept and never counted. One list serves the collector, the pages and the links in mails.
"""

import re
from bisect import bisect_right
from functools import cache, lru_cache
from ipaddress import ip_address

import crawleruseragents
from django.conf import settings

# Tags of the list (github.com/monperrus/crawler-user-agents) that name tools, not crawlers.
TOOLS = {"http-library", "browser-automation"}
# What the list lacks: the gateways of mail servers (vendors' pages), and names that say what they are.
# CUBOT makes telephones.
MAIL_GATEWAYS = (
    "barracuda|proofpoint|mimecast|ciscosecureemail|ironport|\\btmes\\b|trend ?micro|msoffice|ms-office|"
    "googleimageproxy|symantec|fireeye|sophos|forcepoint|messagelabs|urldefense"
)
SELF_NAMED = r"(?<!cu)bot\b|crawler|spider"
MORE_TOOLS = r"^curl/|^wget/|^python-|^java/|^guzzle|^libcurl|^postmanruntime"
PATTERNS_AT_ONCE = 60  # of one regular expression: more at once were slower with Python's engine, fewer too
MAX_USER_AGENT = 512


def actor_of(*, user_agent: str, ip: str, is_server: bool = False) -> str:
    """`machine` or `unknown`, by the name a program gives itself and by the addresses of CULTIVA_MACHINE_RANGES.

    With `is_server` (a secret key: some server speaks for a person) tools such as curl or python-requests are no sign
    of a machine: every server uses one. In the place of a browser they are, for no person browses with them.
    A crawler that a server names as the visitor counts in both cases.
    """
    kind = _kind_of(user_agent[:MAX_USER_AGENT])
    if kind == "crawler" or (kind == "tool" and not is_server) or (ip and _is_in_ranges(ip)):
        return "machine"
    return "unknown"


@lru_cache(maxsize=16_384)
def _kind_of(user_agent: str) -> str:
    """crawler, tool, or nothing known."""
    crawlers, tools = _expressions()
    if any(expression.search(user_agent) for expression in crawlers):
        return "crawler"
    return "tool" if any(expression.search(user_agent) for expression in tools) else ""


@cache
def _expressions() -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
    """Of crawlers and of tools; made at the first question."""
    crawlers: list[str] = []
    tools: list[str] = []
    for each in crawleruseragents.CRAWLER_USER_AGENTS_DATA:
        (tools if TOOLS & set(each.get("tags", ())) else crawlers).append(each["pattern"])
    own = re.compile(f"{MAIL_GATEWAYS}|{SELF_NAMED}", re.IGNORECASE)
    return [own, *_joined(crawlers)], [re.compile(MORE_TOOLS, re.IGNORECASE), *_joined(tools)]


def _joined(patterns: list[str]) -> list[re.Pattern[str]]:
    steps = range(0, len(patterns), PATTERNS_AT_ONCE)
    return [re.compile("|".join(patterns[start : start + PATTERNS_AT_ONCE])) for start in steps]


@lru_cache(maxsize=65_536)
def _is_in_ranges(ip: str) -> bool:
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    starts, ends = _ranges()[address.version]
    place = bisect_right(starts, int(address)) - 1
    return place >= 0 and int(address) <= ends[place]


@cache
def _ranges() -> dict[int, tuple[list[int], list[int]]]:
    """{IP version: (first addresses, last addresses)}; the networks lie apart and ascend."""
    found: dict[int, tuple[list[int], list[int]]] = {4: ([], []), 6: ([], [])}
    for network in settings.CONFIG.machine_ranges:
        starts, ends = found[network.version]
        starts.append(int(network.network_address))
        ends.append(int(network.broadcast_address))
    return found
