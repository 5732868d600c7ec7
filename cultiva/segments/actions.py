"""Saving, copying and deleting segments; and who is put in or kept out by hand."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.accounts.actions import record_audit
from cultiva.criteria.language import parse
from cultiva.criteria.reading import nearest
from cultiva.leads.addresses import BadAddress, read_address
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.folding import fold
from cultiva.segments.building import SMALL, build_now, is_small, lock, refresh_and_tell, tell
from cultiva.segments.models import DYNAMIC, FIXED, Day, Due, Input, Member, Pin, Segment
from cultiva.segments.reading import Reads, reads_of
from cultiva.segments.uses import Use, used_by

Json = dict[str, Any]
NOBODY: Json = {"any": []}
MOST_TAGS, MOST_LEVELS = 20, 100
MOST_ADDRESSES = 50_000


class SegmentRefused(ValueError):
    """A segment cannot be made, changed or deleted as asked; the message says why and the way out."""


class InUse(SegmentRefused):
    """Something refers to the segment; `uses` are what."""

    def __init__(self, name: str, uses: Sequence[Use]) -> None:
        self.uses = list(uses)
        listed = ", ".join(f"{use.kind} `{use.key}`" for use in uses)
        super().__init__(f"Segment {name!r} is used by {listed}.\nhint: take it out there first")


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

    Its members follow at once in a small workspace, else by the job (`wants_build`). Raises SegmentRefused, and
    DocumentError for criteria that cannot be used.
    """
    name, key = name.strip(), key or key_of(name)
    _check(name, key, kind, tags)
    document = NOBODY if kind == FIXED else criteria
    reads = reads_of(parse(document))
    with workspace_scope(workspace_id):
        lock(workspace_id)
        before = Segment.objects.select_for_update(no_key=True).filter(workspace_id=workspace_id, key=key).first()
        if before and before.kind != kind:
            raise SegmentRefused(f"Segment `{key}` is {before.kind} and stays so.\nhint: make another one")
        place = _place(workspace_id, key, reads)
        segment = before or Segment(workspace_id=workspace_id, key=key, kind=kind, created_at=at, revision=0)
        is_changed = not before or (before.criteria, before.takes_only_valid) != (document, takes_only_valid)
        segment.name, segment.folder, segment.tags = name[:160], folder.strip()[:120], _clean_tags(tags)
        segment.criteria, segment.source_text, segment.takes_only_valid = document, source_text, takes_only_valid
        segment.changed_at, segment.level, segment.reads_states = at, place.level, place.reads_states
        segment.revision += is_changed
        segment.save()
        if is_changed:
            _note_inputs(segment, reads)
            _place_dependents(workspace_id)
            build(segment, at)
        audit(segment, "changed" if before else "created", by=by, at=at)
    return segment


def key_of(name: str) -> str:
    """`clientes-vip` of Clientes VIP."""
    return "-".join(re.findall(r"[a-z0-9]+", fold(name)))[:80]


def _check(name: str, key: str, kind: str, tags: Collection[str]) -> None:
    if not name:
        raise SegmentRefused("A segment needs a name.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", key):
        raise SegmentRefused(f"No key {key!r}.\nhint: small letters, digits, - and _, 80 at most")
    if kind not in (DYNAMIC, FIXED):
        raise SegmentRefused(f"No kind {kind!r} of segment.\nhint: dynamic or fixed")
    if len(_clean_tags(tags)) > MOST_TAGS:
        raise SegmentRefused(f"{len(tags)} tags are too many.\nhint: {MOST_TAGS} at most")


def _clean_tags(tags: Collection[str]) -> list[str]:
    return sorted({tag.strip()[:60] for tag in tags if tag.strip()})


@dataclass(frozen=True)
class Place:
    level: int
    reads_states: bool


def _place(workspace_id: int, key: str, reads: Reads) -> Place:
    """Above every segment it reads. Raises DocumentError for one that is unknown, or that reads this one in turn."""
    others = {each.key: each for each in Segment.objects.filter(workspace_id=workspace_id).exclude(key=key)}
    below = segments_read(workspace_id) | {key: reads.segments}
    for named in sorted(reads.segments):
        if named == key:
            raise DocumentError("criteria", f"segment `{key}` would ask for itself", "take that condition out")
        if named not in others:
            raise DocumentError("criteria", f"there is no segment `{named}`", nearest(named, sorted(others)))
        if trail := _trail(below, named, key):
            raise DocumentError("criteria", f"the segments go round in a circle: {' → '.join([key, *trail])}",
                                f"take `{named}` out here, or `{key}` out of `{trail[-2]}`")  # fmt: skip
    read = [others[named] for named in reads.segments]
    level = max((each.level + 1 for each in read), default=0)
    if level > MOST_LEVELS:
        raise DocumentError("criteria", f"segments of segments more than {MOST_LEVELS} deep")
    return Place(level, reads.reads_states or any(each.reads_states for each in read))


def _trail(below: Mapping[str, Collection[str]], start: str, goal: str) -> list[str]:
    """The way from one segment down to another, both named; empty where there is none."""
    came: dict[str, str] = {start: ""}
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here == goal:
            trail = [here]
            while came[trail[0]]:
                trail.insert(0, came[trail[0]])
            return trail
        for each in sorted(below.get(here, ())):
            if each not in came:
                came[each] = here
                ahead.append(each)
    return []


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
        Input(workspace_id=segment.workspace_id, segment=segment, input=word) for word in sorted(reads.inputs)
    )


def _place_dependents(workspace_id: int) -> None:
    """A segment's place may have changed, and with it that of those that read it."""
    below = segments_read(workspace_id)
    found = {each.key: each for each in Segment.objects.filter(workspace_id=workspace_id).order_by("level", "id")}
    own = {key: reads_of(parse(each.criteria)).reads_states for key, each in found.items()}
    for _round in range(MOST_LEVELS + 2):
        moved = []
        for key, each in found.items():
            read = [found[named] for named in below.get(key, ()) if named in found]
            place = (max((one.level + 1 for one in read), default=0), own[key] or any(one.reads_states for one in read))
            if place != (each.level, each.reads_states):
                each.level, each.reads_states = place
                moved.append(each)
        if not moved:
            return
        Segment.objects.bulk_update(moved, ["level", "reads_states"])


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
    segment.refresh_from_db()
    waiting = [segment, *dependents(segment)]
    if not is_small(segment.workspace_id):
        ids = [each.id for each in waiting]
        Segment.objects.filter(workspace_id=segment.workspace_id, id__in=ids).update(wants_build=True)
        segment.wants_build = True
        return
    for each in waiting:
        build_now(each, at)
        tell(each, SMALL)
        tell(each)


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
    """Take a segment away; its entries and exits stay in the ledger. Raises InUse, SegmentRefused."""
    with workspace_scope(workspace_id):
        lock(workspace_id)
        segment = get_segment(workspace_id, segment_id)
        if uses := used_by(workspace_id, segment.key):
            raise InUse(segment.name, uses)
        for model in (Member, Pin, Due, Input, Day):
            rows = model._default_manager.filter(workspace_id=workspace_id, segment_id=segment_id)
            rows._raw_delete(rows.db)  # a million rows go in one statement
        audit(segment, "deleted", by=by, at=at)
        segment.delete()


def get_segment(workspace_id: int, segment_id: int) -> Segment:
    found = Segment.objects.filter(workspace_id=workspace_id, id=segment_id).first()
    if found is None:
        raise SegmentRefused("There is no such segment.\nhint: it may have been deleted")
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
        raise SegmentRefused(f"{len(words)} addresses at once are too many.\nhint: {MOST_ADDRESSES} at a time")
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
