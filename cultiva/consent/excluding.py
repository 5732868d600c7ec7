"""Lists of people who are not to be contacted: exclusion registers as hashed files, and one's own suppression list.

A line is an address, a telephone with its country prefix, or the SHA-256 of one in hexadecimal: of the address in small
letters without spaces round it, of the telephone as `+34600111222`. Whatever a file gives, what is kept is a keyed hash
that says nothing to whoever has no key of this installation.
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from cultiva.accounts.actions import record_audit
from cultiva.consent.deciding import address_hash
from cultiva.consent.models import ExcludedAddress, ExclusionList, Suppression
from cultiva.leads.actions import BadAddress, BadPhone, read_address, read_phone
from cultiva.lib.database import execute, load_sql, workspace_scope
from cultiva.lib.signing import keyed_hash

Json = dict[str, Any]

KINDS = ("register", "opt_out")
KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
HEADINGS = frozenset({"email", "address", "phone", "hash", "sha256", "email_sha256", "phone_sha256", "address_hash"})
CHUNK = 20_000
MOST_REFUSED = 100  # told of
LIFTABLE = ("manual", "hard_bounce")  # by staff: the rest is what people said themselves
IMPORTED = "suppressed"  # the list of what was imported as hashes to be suppressed
# By hand, or as an import says; what bounced, complained or was erased says so itself.
BY_HAND = ("manual", "objection", "complaint", "unsubscribed")


class BadList(ValueError):
    """A list that cannot be read; the message says why and the way out."""


@dataclass
class Counted:
    """What became of a file's lines. `refused`: (line, value, why) of the first hundred."""

    rows: int = 0
    refused_rows: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)


def read_exclusions(
    *, workspace_id: int, key: str, kind: str, content: bytes, by: str, at: datetime
) -> tuple[ExclusionList, Counted]:
    """The list as this file has it, in place of what it said before; in force at once. Raises BadList."""
    if not KEY.fullmatch(key):
        raise BadList(f"{key!r} cannot be the name of a list.\nhint: use a-z, 0-9, - and _, at most 80 characters")
    if kind not in KINDS:
        raise BadList(f"No kind of list {kind!r}.\nhint: accepted: {', '.join(KINDS)}")
    counted = Counted()
    hashes = [_hashed(value) for value in _values(content, counted)]
    with workspace_scope(workspace_id):
        made, _ = ExclusionList.objects.update_or_create(
            workspace_id=workspace_id,
            key=key,
            defaults={
                "kind": kind, "imported_at": at, "file_sha256": hashlib.sha256(content).hexdigest(),
                "rows": counted.rows, "by": by,
            },
        )  # fmt: skip
        ExcludedAddress.objects.filter(workspace_id=workspace_id, list=made).delete()
        _add(workspace_id, made.id, hashes)
        record_audit(
            workspace_id=workspace_id, actor=by, action="exclusion_list.read", target=f"exclusion_list:{key}",
            detail={"rows": counted.rows, "refused": counted.refused_rows, "file": made.file_sha256}, at=at,
        )  # fmt: skip
    return made, counted


def drop_exclusions(*, workspace_id: int, key: str, by: str, at: datetime) -> bool:
    """Take a list away; False where there is none."""
    with workspace_scope(workspace_id):
        found = ExclusionList.objects.filter(workspace_id=workspace_id, key=key).first()
        if found is None:
            return False
        ExcludedAddress.objects.filter(workspace_id=workspace_id, list=found).delete()
        found.delete()
        record_audit(
            workspace_id=workspace_id, actor=by, action="exclusion_list.dropped", target=f"exclusion_list:{key}", at=at
        )
    return True


def import_suppressions(*, workspace_id: int, content: bytes, reason: str, by: str, at: datetime) -> Counted:
    """Suppress what a file lists, addresses and their SHA-256 alike; nothing on the list becomes weaker."""
    if reason not in BY_HAND:
        raise BadList(f"No reason {reason!r} for an import.\nhint: accepted: {', '.join(BY_HAND)}")
    counted = Counted()
    values = list(_values(content, counted))
    plain = [value for value in values if "@" in value]
    hashed = [_hashed(value) for value in values if "@" not in value]
    with workspace_scope(workspace_id):
        for part in _parts(plain):
            parameters = {"workspace": workspace_id, "hashes": [address_hash(key) for key in part], "reason": reason}
            execute(load_sql("consent", "suppress_many"), parameters | {"at": at})
        if hashed:
            made, _ = ExclusionList.objects.update_or_create(
                workspace_id=workspace_id, key=IMPORTED,
                defaults={"kind": "opt_out", "imported_at": at, "file_sha256": hashlib.sha256(content).hexdigest(),
                          "rows": 0, "by": by},
            )  # fmt: skip
            _add(workspace_id, made.id, hashed)
            made.rows = ExcludedAddress.objects.filter(workspace_id=workspace_id, list=made).count()
            made.save(update_fields=["rows"])
        detail = {"rows": counted.rows, "refused": counted.refused_rows, "reason": reason}
        record_audit(workspace_id=workspace_id, actor=by, action="suppression.imported", detail=detail, at=at)
    return counted


def lift_suppression(*, workspace_id: int, suppression_id: int, by: str, at: datetime) -> bool:
    """Take an address off the list that staff put there; what the person said themselves stays (False)."""
    with workspace_scope(workspace_id):
        found = Suppression.objects.filter(workspace_id=workspace_id, id=suppression_id, reason__in=LIFTABLE)
        lifted = found.delete()[0] == 1
        if lifted:
            target = f"suppression:{suppression_id}"
            record_audit(workspace_id=workspace_id, actor=by, action="suppression.lifted", target=target, at=at)
    return lifted


def export_suppressions(*, workspace_id: int) -> Iterator[list[str]]:
    """Rows of a CSV, the heading first. The hashes are this installation's own: nobody else can look people up."""
    yield ["address_hash", "reason", "created_at"]
    found = Suppression.objects.filter(workspace_id=workspace_id).order_by("id")
    for row in found.iterator(chunk_size=5000):
        yield [row.address_hash, row.reason, row.created_at.isoformat()]


def _values(content: bytes, counted: Counted) -> Iterator[str]:
    """Address keys, telephones and SHA-256 of a file's first column, each once."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadList("The file is no text in UTF-8.\nhint: save it as CSV, UTF-8") from error
    seen: set[str] = set()
    for number, row in enumerate(csv.reader(lines, delimiter=";" if lines and ";" in lines[0] else ","), start=1):
        word = row[0].strip() if row else ""
        if not word or (number == 1 and word.casefold() in HEADINGS):
            continue
        try:
            value = _read(word)
        except (BadAddress, BadPhone, BadList):
            counted.refused_rows += 1
            if len(counted.refused) < MOST_REFUSED:
                counted.refused.append((number, word[:80], "neither an address, a telephone nor a SHA-256"))
            continue
        if value not in seen:
            seen.add(value)
            counted.rows += 1
            yield value


def _read(word: str) -> str:
    if SHA256.fullmatch(word):
        return word.lower()
    if "@" in word:
        return read_address(word).key
    if word.startswith("+"):
        return read_phone(word)
    raise BadList(word)


def _hashed(value: str) -> str:
    """The keyed hash of what a file gave, made a SHA-256 where it was not."""
    sha256 = value if SHA256.fullmatch(value) else hashlib.sha256(value.encode()).hexdigest()
    return keyed_hash("exclusion", sha256)


def _add(workspace_id: int, list_id: int, hashes: Sequence[str]) -> None:
    for part in _parts(hashes):
        execute(
            load_sql("consent", "add_excluded"), {"workspace": workspace_id, "list": list_id, "hashes": part}
        )  # fmt: skip


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part
