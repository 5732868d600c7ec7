"""Saving, copying and deleting segments; and who is put in or kept out by hand."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.criteria.checking import check
from cultiva.criteria.language import Node, Reads, parse, reads_of
from cultiva.criteria.references import forget_references, references_of, save_references
from cultiva.leads.addresses import BadAddress, read_address
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError, SeveralErrors
from cultiva.lib.folding import fold
from cultiva.lib.refusals import Refusal
from cultiva.segments.building import SMALL, build_now, is_small, lock, refresh_and_tell, tell
from cultiva.segments.inputs import inputs_of, states_in
from cultiva.segments.models import DYNAMIC, FIXED, Day, DueBlock, Input, Mark, Member, Pin, Segment

Json = dict[str, Any]
NOBODY: Json = {"any": []}
MOST_TAGS, MOST_LEVELS = 20, 100
MOST_ADDRESSES = 50_000


class SegmentRefused(Refusal):
    """A segment cannot be made, changed or deleted as asked; the message says why and the way out."""


def save_segment(
    *,
    workspace_id: int,
    name: str,
    criteria: Any = None,
    key: str = "",
    kind: str = DYNAMIC,
    source_text: str = "",
    takes_only_valid: bool = True,
    folder: str = "",
    tags: Collection[str] = (),
    by: str,
    at: datetime,
) -> Segment:
    """Make a segment, or change the one of this key; the same again changes nothing.

    Its members follow at once in a small workspace, else by the job (`wants_build`). Raises SegmentRefused; of
    criteria that cannot be used DocumentError, and GoesInCircles where they read this segment in turn.
    """
    name, key = name.strip(), key or key_of(name)
    _check(name, key, kind, tags)
    document = NOBODY if kind == FIXED else criteria
    node = parse(document)
    with workspace_scope(workspace_id):
        lock(workspace_id)
        before = Segment.objects.select_for_update(no_key=True).filter(workspace_id=workspace_id, key=key).first()
        if before and before.kind != kind:
            raise SegmentRefused(
                gettext("Segment `%(key)s` is %(kind)s and stays so.") % {"key": key, "kind": before.kind},
                gettext("make another one"),
            )
        segment = before or Segment(workspace_id=workspace_id, key=key, kind=kind, created_at=at, revision=0)
        is_changed = not before or (before.criteria, before.takes_only_valid) != (document, takes_only_valid)
        segment.name, segment.folder, segment.tags = name[:160], folder.strip()[:120], _clean_tags(tags)
        segment.criteria, segment.source_text, segment.takes_only_valid = document, source_text, takes_only_valid
        segment.changed_at = at
        segment.revision += is_changed
        if is_changed:
            _refer(workspace_id, key, node)
        segment.save()
        if is_changed:
            _note_inputs(segment, reads_of(node))
            _place(workspace_id)
            build(segment, at)
        audit(segment, "changed" if before else "created", by=by, at=at)
    return segment


def key_of(name: str) -> str:
    """`clientes-vip` of Clientes VIP."""
    return "-".join(re.findall(r"[a-z0-9]+", fold(name)))[:80]


def _check(name: str, key: str, kind: str, tags: Collection[str]) -> None:
    if not name:
        raise SegmentRefused(gettext("A segment needs a name."))
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", key):
        raise SegmentRefused(
            gettext("No key %(value)r.") % {"value": key}, gettext("small letters, digits, - and _, 80 at most")
        )
    if kind not in (DYNAMIC, FIXED):
        raise SegmentRefused(gettext("No kind %(value)r of segment.") % {"value": kind}, gettext("dynamic or fixed"))
    if len(_clean_tags(tags)) > MOST_TAGS:
        raise SegmentRefused(
            gettext("%(count)s tags are too many.") % {"count": len(tags)},
            gettext("%(most_tags)s at most") % {"most_tags": MOST_TAGS},
        )


def _clean_tags(tags: Collection[str]) -> list[str]:
    return sorted({tag.strip()[:60] for tag in tags if tag.strip()})


def _refer(workspace_id: int, key: str, node: Node) -> None:
    """What the criteria name is there, and is kept as used."""
    names = references_of([node])
    save_references(workspace_id=workspace_id, kind="segment", key=key, refers=names)
    if unknown := check(node, workspace_id=workspace_id):
        raise SeveralErrors(unknown)


def segments_read(workspace_id: int) -> dict[str, frozenset[str]]:
    """{segment: the segments it reads}, by key."""
    rows = Input.objects.filter(workspace_id=workspace_id, input__startswith="segment:").order_by("id")
    found: dict[str, set[str]] = {}
    for key, word in rows.values_list("segment__key", "input"):
        found.setdefault(key, set()).add(word.removeprefix("segment:"))
    return {key: frozenset(read) for key, read in found.items()}


def _note_inputs(segment: Segment, reads: Reads) -> None:
    Input.objects.filter(workspace_id=segment.workspace_id, segment=segment).delete()
    Input.objects.bulk_create(
        Input(workspace_id=segment.workspace_id, segment=segment, input=word) for word in sorted(inputs_of(reads))
    )


def _place(workspace_id: int) -> None:
    """Above every segment it reads: the place of one may have changed, and with it that of those that read it."""
    below = segments_read(workspace_id)
    found = {each.key: each for each in Segment.objects.filter(workspace_id=workspace_id).order_by("level", "id")}
    own = _reads_states(workspace_id)
    for _round in range(MOST_LEVELS + 2):
        moved = []
        for key, each in found.items():
            read = [found[named] for named in below.get(key, ()) if named in found]
            place = (
                max((one.level + 1 for one in read), default=0),
                key in own or any(one.reads_states for one in read),
            )
            if place != (each.level, each.reads_states):
                if place[0] > MOST_LEVELS:
                    raise DocumentError(
                        "criteria", gettext("segments of segments more than %(most)s deep") % {"most": MOST_LEVELS}
                    )
                each.level, each.reads_states = place
                moved.append(each)
        if not moved:
            return
        Segment.objects.bulk_update(moved, ["level", "reads_states"])


def _reads_states(workspace_id: int) -> frozenset[str]:
    """Segments that read themselves what steps of `flow` write, by key."""
    rows = Input.objects.filter(workspace_id=workspace_id).order_by("id").values_list("segment__key", "input")
    return frozenset(key for key, word in rows if states_in([word]))


def dependents(segment: Segment) -> list[Segment]:
    """The segments that read this one, however far up; lowest first."""
    below = segments_read(segment.workspace_id)
    found = {segment.key}
    while more := {key for key, read in below.items() if not read.isdisjoint(found)} - found:
        found |= more
    others = Segment.objects.filter(workspace_id=segment.workspace_id, key__in=found - {segment.key})
    return list(others.order_by("level", "id"))


def build(segment: Segment, at: datetime) -> None:
    """Work out the members of a segment, and of those that read it: at once where the workspace is small."""
    ids = [segment.id, *(each.id for each in dependents(segment))]
    waiting = Segment.objects.filter(workspace_id=segment.workspace_id, id__in=ids).order_by("level", "id")
    if not is_small(segment.workspace_id):
        waiting.update(wants_build=True)
    else:
        for each in waiting.select_for_update(no_key=True):
            build_now(each, at)
            tell(each, SMALL)
            tell(each)
    segment.refresh_from_db()


def build_readers(*, workspace_id: int, inputs: Collection[str]) -> None:
    """Segments that read what changed for many leads at once (`inputs`: as segments.inputs), and those above them,
    are built anew by the job; no lead did anything, so it starts no workflow.
    """
    readers = Segment.objects.filter(
        workspace_id=workspace_id,
        id__in=Input.objects.filter(workspace_id=workspace_id, input__in=inputs).values("segment_id"),
    )
    ids = {each.id for reader in readers for each in (reader, *dependents(reader))}
    Segment.objects.filter(workspace_id=workspace_id, id__in=ids).update(wants_build=True)


def clone_segment(*, workspace_id: int, segment_id: int, name: str, by: str, at: datetime) -> Segment:
    """The same criteria, folder, tags and pins under another name. Raises SegmentRefused."""
    with workspace_scope(workspace_id):
        source = get_segment(workspace_id, segment_id)
        key = free_key(workspace_id, name)
        segment = save_segment(
            workspace_id=workspace_id, name=name, key=key, kind=source.kind, criteria=source.criteria,
            source_text=source.source_text, takes_only_valid=source.takes_only_valid, folder=source.folder,
            tags=source.tags, by=by, at=at,
        )  # fmt: skip
        parameters = {"workspace": workspace_id, "source": source.id, "segment": segment.id, "by": by, "at": at}
        if execute(load_sql("segments", "copy_pins"), parameters):
            lock(workspace_id)
            build(segment, at)
    return segment


def free_key(workspace_id: int, name: str) -> str:
    """A key for a new segment of this name that no other has."""
    wanted = key_of(name)[:74] or "segment"
    taken = set(Segment.objects.filter(workspace_id=workspace_id, key__startswith=wanted).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def delete_segment(*, workspace_id: int, segment_id: int, by: str, at: datetime) -> None:
    """Take a segment away; its entries and exits stay in the ledger. Raises StillUsed, SegmentRefused."""
    with workspace_scope(workspace_id):
        lock(workspace_id)
        segment = get_segment(workspace_id, segment_id)
        forget_references(workspace_id=workspace_id, kind="segment", key=segment.key)
        for model in (Member, Pin, Mark, DueBlock, Input, Day):
            rows = model._default_manager.filter(workspace_id=workspace_id, segment_id=segment_id)
            rows._raw_delete(rows.db)  # a million rows go in one statement
        audit(segment, "deleted", by=by, at=at)
        segment.delete()


def get_segment(workspace_id: int, segment_id: int) -> Segment:
    found = Segment.objects.filter(workspace_id=workspace_id, id=segment_id).first()
    if found is None:
        raise SegmentRefused(gettext("There is no such segment."), gettext("it may have been deleted"))
    return found


def find_segment(workspace_id: int, key: str) -> Segment | None:
    return Segment.objects.filter(workspace_id=workspace_id, key=key).first()


# By hand.


def pin_leads(
    *, workspace_id: int, segment_id: int, lead_ids: Collection[int], is_included: bool, by: str, at: datetime
) -> int:
    """Put leads in, or keep them out, whatever the criteria say; returns how many entered or left."""
    return _pin(workspace_id, segment_id, lead_ids, by, at, is_included=is_included)


def unpin_leads(*, workspace_id: int, segment_id: int, lead_ids: Collection[int], by: str, at: datetime) -> int:
    """From now on the criteria decide again; returns how many entered or left."""
    return _pin(workspace_id, segment_id, lead_ids, by, at, is_included=None)


def _pin(
    workspace_id: int, segment_id: int, lead_ids: Collection[int], by: str, at: datetime, *, is_included: bool | None
) -> int:
    with workspace_scope(workspace_id):
        segment = get_segment(workspace_id, segment_id)
        parameters = {
            "workspace": workspace_id, "segment": segment_id, "leads": sorted(lead_ids), "by": by, "at": at,
            "is_included": is_included,
        }  # fmt: skip
        statement = "pin_leads" if is_included is not None else "unpin_leads"
        leads = sorted({row["lead_id"] for row in fetch_all(load_sql("segments", statement), parameters)})
        moves = refresh_and_tell(workspace_id=workspace_id, segment_id=segment_id, lead_ids=leads, at=at)
        action = {True: "put_in", False: "kept_out", None: "unpinned"}[is_included]
        if leads:
            audit(segment, action, by=by, at=at, leads=len(leads))
    return len(moves)


def move_by_hand(*, segment: Segment, lead_ids: Collection[int], is_in: bool, by: str, at: datetime) -> int:
    """Put leads in, or take them out: off a fixed list, out of a dynamic segment whatever its criteria say."""
    where = {"workspace_id": segment.workspace_id, "segment_id": segment.id}
    if segment.is_fixed and not is_in:
        return unpin_leads(**where, lead_ids=lead_ids, by=by, at=at)
    return pin_leads(**where, lead_ids=lead_ids, is_included=is_in, by=by, at=at)


@dataclass(frozen=True)
class Found:
    """Whose the addresses are. `unknown` are of nobody, `unreadable` are none."""

    lead_ids: list[int]
    unknown: list[str]
    unreadable: list[str]


def addresses_in(text: str) -> list[str]:
    """The addresses of a pasted list, each once; names beside them are passed over."""
    return list(dict.fromkeys(word.strip("<>\"'()") for word in re.split(r"[\s,;]+", text) if "@" in word))


def find_addresses(*, workspace_id: int, words: Sequence[str]) -> Found:
    """Raises SegmentRefused where there are too many."""
    if len(words) > MOST_ADDRESSES:
        raise SegmentRefused(
            gettext("%(count)s addresses at once are too many.") % {"count": len(words)},
            gettext("%(most_addresses)s at a time") % {"most_addresses": MOST_ADDRESSES},
        )
    keys: dict[str, str] = {}
    unreadable = []
    for word in words:
        try:
            keys.setdefault(read_address(word).key, word)
        except BadAddress:
            unreadable.append(word)
    with workspace_scope(workspace_id):
        rows = fetch_all(load_sql("segments", "leads_of_addresses"), {"workspace": workspace_id, "keys": list(keys)})
    known = {row["email_key"]: row["lead_id"] for row in rows}
    return Found(sorted(set(known.values())), [word for key, word in keys.items() if key not in known], unreadable)


def audit(segment: Segment, action: str, *, by: str, at: datetime, **detail: Any) -> None:
    record_audit(
        workspace_id=segment.workspace_id, actor=by, action=f"segment.{action}", target=f"segment:{segment.key}",
        detail=detail, at=at,
    )  # fmt: skip
