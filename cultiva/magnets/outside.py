"""Links that somebody else's program can check without asking us."""

import hashlib
import hmac
from datetime import datetime

Query = dict[str, str]


def sign_outside(secret: str, grant_id: int, until: datetime | None) -> Query:
    """The parameters of a personal link: whose it is (a number that tells nothing), until when, and the proof.

    cultiva_signature = hex(HMAC-SHA256(secret, "GRANT.UNTIL")); UNTIL in Unix seconds, 0 without an end.
    """
    ends = int(until.timestamp()) if until else 0
    proof = hmac.new(secret.encode(), f"{grant_id}.{ends}".encode(), hashlib.sha256).hexdigest()
    return {"cultiva_grant": str(grant_id), "cultiva_until": str(ends), "cultiva_signature": proof}
