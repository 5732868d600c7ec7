"""Discount codes: made or put into a pool, given with a grant, redeemed once, and hard to guess."""

import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext

from cultiva.events.actions import NewEvent, record_events
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.refusals import Refusal
from cultiva.lib.secrets import decrypt, encrypt
from cultiva.lib.signing import keyed_hash
from cultiva.magnets.models import DiscountCode, Grant

# Crockford's base 32 (crockford.com/base32.html): no I, L, O or U, so that nobody takes one sign for another.
SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MADE_SIGNS = 10  # 50 bits
MISREAD = str.maketrans("ILO", "110")
NOT_A_SIGN = re.compile(r"[\s\-_.]+")
MOST_A_TIME = 20_000
SHORTEST, LONGEST = 4, 40
FREE_TRIES = 5  # wrong codes that a sender may send within a minute
LONGEST_WAIT = timedelta(days=1)


class BadCodes(Refusal):
    """A list of codes that cannot be taken."""


class TooManyGuesses(Refusal):
    """This sender has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(gettext("too many codes that are no good"), gettext("wait %(n)s seconds") % {"n": seconds})
        self.seconds = seconds


@dataclass(frozen=True)
class Pool:
    """How the codes of a magnet stand."""

    waiting: int
    given: int
    redeemed: int
    expired: int


def code_key(code: str) -> str:
    """By what a code is found, however it was typed: spaces, hyphens, small letters, I for 1, O for 0."""
    return keyed_hash("discount-code", NOT_A_SIGN.sub("", code).upper().translate(MISREAD))


def make_code() -> str:
    signs = "".join(secrets.choice(SIGNS) for _ in range(MADE_SIGNS))
    return f"{signs[:5]}-{signs[5:]}"


def code_row(workspace_id: int, magnet: str, code: str, at: datetime) -> DiscountCode:
    return DiscountCode(
        workspace_id=workspace_id, magnet=magnet, code_key=code_key(code), sealed=encrypt(code), shown=code[-4:],
        made_at=at,
    )  # fmt: skip


def give_code(grant: Grant, *, is_made: bool, expires_at: datetime | None, cause: str, at: datetime) -> None:
    """A code for a grant: a new one, or the next of the pool; none where that is empty. Once a cause."""
    if DiscountCode.objects.filter(workspace_id=grant.workspace_id, grant=grant, cause=cause).exists():
        return  # what two do side by side the unique key refuses to one of them
    if is_made:
        row = code_row(grant.workspace_id, grant.magnet, make_code(), at)
        row.grant, row.cause, row.given_at, row.expires_at = grant, cause, at, expires_at
        row.save()
        return
    parameters = {
        "workspace": grant.workspace_id, "magnet": grant.magnet, "grant": grant.id, "cause": cause, "at": at,
        "expires_at": expires_at,
    }  # fmt: skip
    fetch_all(load_sql("magnets", "give_pooled_code"), parameters)


def fill_pool(
    *, workspace_id: int, magnet: str, text: str, expires_at: datetime | None, at: datetime
) -> tuple[int, int]:
    """(new codes, those that were known) of a list, one a line. Who waits for one gets theirs. Raises BadCodes."""
    codes = list(dict.fromkeys(line.strip().strip(",;\"'") for line in text.splitlines() if line.strip()))
    bad = [code for code in codes if not SHORTEST <= len(code) <= LONGEST or not code.isprintable()]
    if bad:
        words = gettext("%(value)r cannot be a code") % {"value": bad[0][:60]}
        raise BadCodes(words, gettext("one code a line, %(least)s to %(most)s characters")
                       % {"least": SHORTEST, "most": LONGEST})  # fmt: skip
    if not codes or len(codes) > MOST_A_TIME:
        words = gettext("a list of 1 to %(most)s codes is needed, not %(n)s")
        raise BadCodes(words % {"most": MOST_A_TIME, "n": len(codes)})
    with workspace_scope(workspace_id):
        before = DiscountCode.objects.filter(workspace_id=workspace_id, magnet=magnet).count()
        rows = [code_row(workspace_id, magnet, code, at) for code in codes]
        DiscountCode.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
        new = DiscountCode.objects.filter(workspace_id=workspace_id, magnet=magnet).count() - before
        parameters = {"workspace": workspace_id, "magnet": magnet, "at": at, "expires_at": expires_at}
        fetch_all(load_sql("magnets", "give_to_waiting"), parameters)
    return new, len(codes) - new


def codes_of(grant: Grant) -> list[tuple[DiscountCode, str]]:
    """(row, the code in clear), the oldest first."""
    rows = DiscountCode.objects.filter(workspace_id=grant.workspace_id, grant=grant).order_by("id")
    return [(row, decrypt(row.sealed)) for row in rows]


def pool_of(*, workspace_id: int, magnet: str, at: datetime) -> Pool:
    found = fetch_all(load_sql("magnets", "pool"), {"workspace": workspace_id, "magnet": magnet, "at": at})[0]
    return Pool(**found)


def redeem_code(
    *, workspace_id: int, code: str, sender: str, by: str, at: datetime, purchase: str = ""
) -> DiscountCode | None:
    """Use a code up; None for one that is unknown, used or expired, which nobody can tell apart.

    `sender`: who tries, as far as the door knows; wrong codes of theirs are counted. Raises TooManyGuesses.
    """
    with workspace_scope(workspace_id):
        who = keyed_hash("code-guess", sender)
        _count_try(workspace_id, who, at)
        found = _redeem(workspace_id, code_key(code), by, purchase, at)
        if found:
            fetch_all(load_sql("magnets", "forget_guesses"), {"workspace": workspace_id, "sender": who})
        return found


def redeem_own(*, grant: Grant, code_id: int, at: datetime) -> bool:
    """The person says on the page of their magnet that the code is used; False where it was already."""
    row = DiscountCode.objects.filter(workspace_id=grant.workspace_id, grant=grant, id=code_id).first()
    return bool(row and _redeem(grant.workspace_id, row.code_key, "lead", "", at))


def _count_try(workspace_id: int, who: str, at: datetime) -> None:
    """Before the try, so that many at once are counted one after the other."""
    parameters = {
        "workspace": workspace_id, "sender": who, "at": at, "free": FREE_TRIES, "most": LONGEST_WAIT,
    }  # fmt: skip
    if not fetch_all(load_sql("magnets", "count_guess"), parameters):
        until = fetch_all(load_sql("magnets", "blocked_until"), {"workspace": workspace_id, "sender": who})
        seconds = math.ceil((until[0]["blocked_until"] - at).total_seconds()) if until else 60
        raise TooManyGuesses(max(1, seconds))


def _redeem(workspace_id: int, key: str, by: str, purchase: str, at: datetime) -> DiscountCode | None:
    parameters = {"workspace": workspace_id, "key": key, "by": by, "purchase": purchase[:80], "at": at}
    rows: Sequence[DiscountCode] = list(DiscountCode.objects.raw(load_sql("magnets", "redeem_code"), parameters))
    if not rows:
        return None
    found = rows[0]
    assert found.grant_id is not None  # one that nobody was given is not redeemed
    grant = Grant.objects.get(workspace_id=workspace_id, id=found.grant_id)
    redeemed = NewEvent(
        kind="track",
        name="discount_redeemed",
        message_id=f"redeemed:{found.id}",
        occurred_at=at,
        lead_id=grant.lead_id,
        actor="human",
        properties={"magnet": found.magnet, "code": found.shown} | ({"purchase": purchase[:80]} if purchase else {}),
    )
    record_events(workspace_id=workspace_id, events=[redeemed], received_at=at)
    return found
