"""Whether a person or a mail scanner followed a link."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cultiva.events.machines import actor_of

TOO_SOON = timedelta(seconds=5)  # after the server took the mail: faster than anybody reads
BURST = timedelta(seconds=2)
BURST_LINKS = 3  # distinct links of one mail
# Gateways that put their own address before every link of a mail and look at the target themselves.
REWRITERS = (
    "safelinks.protection.outlook.com", "urldefense.com", "urldefense.proofpoint.com",
    "linkprotect.cudasvc.com", "secure-web.cisco.com",
)  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """One request for a link. `links_at_once`: distinct links of the mail within BURST, this one too."""

    method: str
    user_agent: str
    referrer: str
    at: datetime
    accepted_at: datetime | None  # when the mail was taken; None: it is still on its way
    links_at_once: int
    is_prefetch: bool = False
    ip: str = ""


@dataclass(frozen=True)
class Verdict:
    """`actor`: human, machine, or unknown where it is no browser; `reasons`: the signs of a machine."""

    actor: str
    reasons: tuple[str, ...]


def judge(hit: Hit) -> Verdict:
    signs = {
        "head_request": hit.method == "HEAD",
        "too_soon": hit.accepted_at is None or hit.at - hit.accepted_at < TOO_SOON,
        "many_links_at_once": hit.links_at_once >= BURST_LINKS,
        "no_user_agent": not hit.user_agent.strip(),
        "prefetch": hit.is_prefetch,
        "rewritten_referrer": is_rewritten(hit.referrer),
        "scanner": hit.user_agent.strip() == "Mozilla/5.0" or _is_machine(hit),
    }
    reasons = tuple(sign for sign, is_there in signs.items() if is_there)
    if reasons:
        return Verdict("machine", reasons)
    return Verdict("human" if hit.user_agent.startswith("Mozilla/") else "unknown", ())


def _is_machine(hit: Hit) -> bool:
    return actor_of(user_agent=hit.user_agent, ip=hit.ip) == "machine"


def is_rewritten(referrer: str) -> bool:
    try:
        host = (urlsplit(referrer).hostname or "").lower()
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in REWRITERS)
