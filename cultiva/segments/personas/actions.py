"""Saving, ordering and deleting personas; and judging everybody anew, in the background, when one changed."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Max
from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.criteria.checking import check
from cultiva.criteria.context import Context
from cultiva.criteria.language import compile_predicate, conditions_of
from cultiva.criteria.personas import AnyPersona
from cultiva.criteria.personas import Persona as Criteria
from cultiva.criteria.references import (
    forget_references,
    references_of,
    refuse_if_used,
    save_references,
    used_by,
)
from cultiva.events.actions import record_events
from cultiva.leads.actions import lock_leads
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, read_document
from cultiva.lib.refusals import Refusal
from cultiva.segments.actions import build as build_segment
from cultiva.segments.actions import key_of
from cultiva.segments.building import lock as lock_segments
from cultiva.segments.models import Segment
from cultiva.segments.persona_models import LeadPersona, Persona, PersonaBuild, PersonaVersion
from cultiva.segments.personas.closeness import place_leads
from cultiva.segments.personas.telling import tell_users
from cultiva.segments.standing import read_persona, standings

Json = dict[str, Any]

DOCUMENT_KEYS = ("persona", "name", "description", "criteria", "content", "tone", "draft")
MOST_PERSONAS = 50  # a company that cannot tell them apart by heart has segments, not personas
MOST_CRITERIA = 50
CHUNK = 5000  # leads judged in a transaction: about a second
SMALL = CHUNK  # leads: a workspace of so many is judged at once


class PersonaRefused(Refusal):
    """A persona cannot be made or changed as asked; the message says why and the way out."""


def save_persona(
    *,
    workspace_id: int,
    name: str,
    criteria: Sequence[Mapping[str, Any]],
    key: str = "",
    description: str = "",
    content_hints: Mapping[str, str] | None = None,
    tone_hints: Mapping[str, str] | None = None,
    is_draft: bool = False,
    checks_names: bool = True,
    by: str,
    at: datetime,
) -> Persona:
    """Make a persona, last in order, or change the one of this key; the same again changes nothing.

    Its leads follow at once in a small workspace, else by the job. Without `checks_names` it may speak of what nobody
    has or did yet. Raises PersonaRefused, StillUsed where what is used should become a draft, and DocumentError for
    criteria that cannot be used.
    """
    name, key, criteria = name.strip(), key or key_of(name), list(criteria)
    _check(name, key, criteria)
    with workspace_scope(workspace_id):
        _lock(workspace_id)
        persona = read_persona(key, criteria)
        if checks_names:
            _check_names(workspace_id, persona)
        before = Persona.objects.select_for_update(no_key=True).filter(workspace_id=workspace_id, key=key).first()
        if before is None and Persona.objects.filter(workspace_id=workspace_id).count() >= MOST_PERSONAS:
            raise PersonaRefused(
                gettext("There are %(most)s personas already.") % {"most": MOST_PERSONAS},
                gettext("delete one, or use a segment"),
            )
        found = before or Persona(workspace_id=workspace_id, key=key, created_at=at, revision=0, is_draft=True)
        if before is None:
            found.position = _last_place(workspace_id) + 1
        if is_draft and not found.is_draft:
            refuse_if_used(workspace_id=workspace_id, kind="persona", key=key)
        is_changed = found.criteria != criteria or before is None
        counts = (is_changed and not (is_draft and found.is_draft)) or found.is_draft != is_draft
        found.name, found.description, found.criteria, found.is_draft = name[:160], description, criteria, is_draft
        found.content_hints, found.tone_hints = _hints(content_hints), _hints(tone_hints)
        found.changed_at = at
        if is_changed:
            found.revision = _keep_version(found, by=by, at=at)
        found.save()
        save_references(
            workspace_id=workspace_id, kind="persona", key=key,
            refers=references_of([when for when, _weight in persona.criteria]),
        )  # fmt: skip
        _audit(found, "changed" if before else "created", by=by, at=at)
        if counts:
            want_build(workspace_id, at)
            _rebuild_users(workspace_id, key, at)
    return found


def publish_persona(*, workspace_id: int, text: str, at: datetime) -> PersonaVersion:
    """A persona from a document (docs/reference/personas.md); the same again changes nothing. Raises DocumentError."""
    body = check_keys(
        read_document(text, name="persona"), allowed=DOCUMENT_KEYS, required=("persona", "name", "criteria"),
        place="persona",
    )  # fmt: skip
    Criteria.read({name: body[name] for name in ("persona", "criteria")})
    try:
        found = save_persona(
            workspace_id=workspace_id, key=str(body["persona"]), name=str(body["name"]), criteria=body["criteria"],
            description=str(body.get("description", "")), content_hints=read_hints(body, "content"),
            tone_hints=read_hints(body, "tone"), is_draft=body.get("draft") is True, checks_names=False, by="document",
            at=at,
        )  # fmt: skip
    except PersonaRefused as error:
        raise DocumentError("persona", error.problem, error.hint) from error
    return PersonaVersion.objects.get(workspace_id=workspace_id, key=found.key, revision=found.revision)


def read_hints(body: Mapping[str, Any], name: str) -> dict[str, str]:
    """`content: {es: .., en: ..}` of a document."""
    given = check_keys(body.get(name, {}), allowed=("es", "en"), place=f"persona.{name}")
    return {language: str(text) for language, text in given.items()}


def _check(name: str, key: str, criteria: Sequence[Any]) -> None:
    if not name:
        raise PersonaRefused(gettext("A persona needs a name."))
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", key):
        raise PersonaRefused(
            gettext("No key %(value)r.") % {"value": key}, gettext("small letters, digits, - and _, 80 at most")
        )
    if not criteria:
        raise PersonaRefused(gettext("A persona needs a criterion: what would you know them by?"))
    if len(criteria) > MOST_CRITERIA:
        raise PersonaRefused(
            gettext("%(count)s criteria are too many.") % {"count": len(criteria)},
            gettext("%(most_criteria)s at most") % {"most_criteria": MOST_CRITERIA},
        )


def _check_names(workspace_id: int, persona: Criteria) -> None:
    """Raises DocumentError for names that the workspace does not know, and for `since`, which workflows alone have."""
    mistakes = Mistakes()
    for n, (when, _weight) in enumerate(persona.criteria):
        place = f"persona.criteria[{n}].when"
        mistakes.of(compile_predicate, when, Context(personas=AnyPersona()))
        mistakes.errors += check(when, workspace_id=workspace_id, place=place)
        for condition in conditions_of(when):
            if condition.kind in ("workflow", "owner"):
                words = gettext("a persona cannot ask for `%(kind)s`") % {"kind": condition.kind}
                hint = gettext("ask for what they are and do, not for what you do with them")
                mistakes.errors.append(DocumentError(place, words, hint))
    mistakes.tell()


def _hints(texts: Mapping[str, str] | None) -> dict[str, str]:
    return {language: text.strip() for language, text in (texts or {}).items() if text.strip()}


def _last_place(workspace_id: int) -> int:
    last = Persona.objects.filter(workspace_id=workspace_id).aggregate(last=Max("position"))["last"]
    return -1 if last is None else int(last)


def _keep_version(persona: Persona, *, by: str, at: datetime) -> int:
    """What a key meant at some time stays, also when it is deleted and made anew."""
    kept = PersonaVersion.objects.filter(workspace_id=persona.workspace_id, key=persona.key)
    revision = int(kept.aggregate(last=Max("revision"))["last"] or 0) + 1
    PersonaVersion.objects.create(
        workspace_id=persona.workspace_id, key=persona.key, revision=revision, name=persona.name,
        criteria=persona.criteria, at=at, by=by,
    )  # fmt: skip
    return revision


def _rebuild_users(workspace_id: int, key: str, at: datetime) -> None:
    """Who is in a segment that asks for the persona is worked out anew."""
    keys = [user.key for user in used_by(workspace_id=workspace_id, kind="persona", key=key) if user.kind == "segment"]
    if keys:
        lock_segments(workspace_id)
        for segment in Segment.objects.filter(workspace_id=workspace_id, key__in=keys).order_by("level", "id"):
            build_segment(segment, at)


def _lock(workspace_id: int) -> None:
    """Who changes personas does so one after the other: their order and number are of all of them."""
    execute("SELECT pg_advisory_xact_lock(hashtextextended('personas', %s))", [workspace_id])


def list_personas(workspace_id: int) -> list[Persona]:
    """In their order, drafts among them."""
    return list(Persona.objects.filter(workspace_id=workspace_id).order_by("position", "id"))


def find_persona(workspace_id: int, key: str) -> Persona | None:
    return Persona.objects.filter(workspace_id=workspace_id, key=key).first()


def free_key(workspace_id: int, name: str) -> str:
    """A key for a new persona of this name that no other has."""
    wanted = key_of(name)[:74] or "persona"
    taken = set(Persona.objects.filter(workspace_id=workspace_id, key__startswith=wanted).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def move_persona(*, workspace_id: int, key: str, by_places: int, by: str, at: datetime) -> None:
    """Up (-1) or down (1) in the order, which decides between personas that are equally close."""
    with workspace_scope(workspace_id):
        _lock(workspace_id)
        found = list_personas(workspace_id)
        here = next((n for n, each in enumerate(found) if each.key == key), None)
        if here is None:
            raise PersonaRefused(gettext("There is no persona %(value)r.") % {"value": key})
        there = min(max(here + by_places, 0), len(found) - 1)
        if there == here:
            return
        found.insert(there, found.pop(here))
        for position, each in enumerate(found):
            each.position = position
        Persona.objects.bulk_update(found, ["position"])
        _audit(found[there], "moved", by=by, at=at)
        want_build(workspace_id, at)


def delete_persona(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """Its leads go to the next closest. Raises StillUsed where criteria name it."""
    with workspace_scope(workspace_id):
        _lock(workspace_id)
        found = find_persona(workspace_id, key)
        if found is None:
            raise PersonaRefused(
                gettext("There is no persona %(value)r.") % {"value": key}, gettext("it may have been deleted")
            )
        forget_references(workspace_id=workspace_id, kind="persona", key=key)
        _audit(found, "deleted", by=by, at=at)
        found.delete()
        want_build(workspace_id, at)


def _audit(persona: Persona, action: str, *, by: str, at: datetime) -> None:
    record_audit(
        workspace_id=persona.workspace_id, actor=by, action=f"persona.{action}", target=f"persona:{persona.key}",
        detail={"revision": persona.revision}, at=at,
    )  # fmt: skip


# Judging everybody anew.


@dataclass(frozen=True)
class Building:
    """How far a build is."""

    done: int
    of: int


def want_build(workspace_id: int, at: datetime) -> None:
    """From the first lead on; at once where there are few. `wanted_at` is since when the leads have not all been judged
    by the personas as they are."""
    since = PersonaBuild.objects.filter(workspace_id=workspace_id, done_at=None).values_list("wanted_at", flat=True)
    known = fetch_all("SELECT count(*) AS n FROM lead_state WHERE workspace_id = %s", [workspace_id])[0]["n"]
    PersonaBuild.objects.update_or_create(
        workspace_id=workspace_id,
        defaults={
            "wanted_at": since.first() or at,
            "after_lead": 0,
            "leads_done": 0,
            "leads_known": known,
            "done_at": None,
        },
    )
    if known <= SMALL:
        build_next(workspace_id=workspace_id, at=at)
        build_next(workspace_id=workspace_id, at=at)


def building(workspace_id: int) -> Building | None:
    """None where every lead has been judged by the personas as they are."""
    found = PersonaBuild.objects.filter(workspace_id=workspace_id, done_at=None).first()
    return Building(found.leads_done, found.leads_known) if found else None


def go_on(*, workspace_id: int, at: datetime, must_stop: Callable[[], bool] = lambda: False) -> int:
    """Judge the leads that a build has not come to; returns how many were. Safe side by side and to repeat."""
    done = taken = 0
    while not must_stop():
        with workspace_scope(workspace_id):
            taken = build_next(workspace_id=workspace_id, at=at)
        if not taken:
            break
        done += taken
    return done


def build_next(*, workspace_id: int, at: datetime) -> int:
    """The next chunk, in the caller's transaction; 0 where there is nothing to do, or somebody else does it.

    A lead is held while it is judged, as in `flow`, and the personas are read after that: whoever comes second
    judges by what the first has left, and nobody by personas that are gone.
    """
    waiting = PersonaBuild.objects.select_for_update(skip_locked=True)
    build = waiting.filter(workspace_id=workspace_id, done_at=None).first()
    if build is None:
        return 0
    next_leads = (
        "SELECT lead_id FROM lead_state WHERE workspace_id = %s AND lead_id > %s ORDER BY lead_id LIMIT %s"
    )  # fmt: skip
    lead_ids = [row["lead_id"] for row in fetch_all(next_leads, [workspace_id, build.after_lead, CHUNK])]
    if not lead_ids:
        build.done_at = at
        build.save(update_fields=["done_at"])
        return 0
    judge_leads(workspace_id=workspace_id, lead_ids=lead_ids, at=at, cause="definition", since=build.wanted_at)
    build.after_lead, build.leads_done = lead_ids[-1], F("leads_done") + len(lead_ids)
    build.save(update_fields=["after_lead", "leads_done"])
    return len(lead_ids)


def judge_leads(
    *, workspace_id: int, lead_ids: Collection[int], at: datetime, cause: str = "", since: datetime | None = None
) -> int:
    """Outside `flow`: the definition changed, not the leads. Returns of how many the main persona changed.

    Given since when the definitions are others, scores and whatever else asks for them follow.
    """
    held = lock_leads(workspace_id=workspace_id, lead_ids=sorted(lead_ids))
    personas = standings(workspace_id)
    events = place_leads(workspace_id=workspace_id, lead_ids=held, personas=personas, at=at, cause=cause)
    record_events(workspace_id=workspace_id, events=events, received_at=at, queue=False)
    if since is not None:
        tell_users(workspace_id=workspace_id, lead_ids=held, personas=personas, since=since, at=at)
    return len(events)


def persona_of(*, workspace_id: int, lead_id: int) -> LeadPersona | None:
    """The main persona of a lead, or None."""
    return LeadPersona.objects.filter(workspace_id=workspace_id, lead_id=lead_id, persona__isnull=False).first()
