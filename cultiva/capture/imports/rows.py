"""Reading a row by what the columns mean: of leads, or of events."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.utils.translation import gettext_noop

from cultiva.capture.imports.cells import NO, clean_text, read_email, read_moment, read_phone, read_tags, value_reader
from cultiva.capture.imports.given_out import OUR_ID, is_rejects_file, unguarded
from cultiva.capture.imports.mapping import Column, Plan
from cultiva.capture.imports.presets import EVENT_SPECIAL
from cultiva.capture.imports.refusals import BadRow
from cultiva.leads.addresses import BadAddress, say_why
from cultiva.lib.folding import fold

Json = dict[str, Any]

NO_ADDRESS = gettext_noop("%(text)r is no e-mail address: %(why)s")


@dataclass(slots=True)
class Proof:
    """What a row says of a consent given elsewhere."""

    at: datetime
    ip: str
    text: str = ""
    version: str = ""
    confirmed_at: datetime | None = None
    confirmed_ip: str = ""


@dataclass(slots=True)
class Person:
    """A row of leads, read. `opt_out`: unsubscribed, objection, hard_bounce, complaint, or nothing."""

    line: int
    part: str
    cells: list[Any]
    email: str = ""
    email_key: str | None = None
    phone_key: str | None = None
    external_id: str | None = None
    known: Json = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    language: str = ""
    at: datetime | None = None
    opt_out: str = ""
    has_basis: bool = True
    proof: Proof | None = None


Reader = Callable[[Person, Any], None]


def person_reader(plan: Plan, columns: Sequence[str], *, basis: str, at: datetime) -> Callable[[Any], Person]:
    """A function from a record to a person, made once for a file. It raises BadRow."""
    zone = ZoneInfo(plan.time_zone)
    is_ours = is_rejects_file(columns) or OUR_ID in columns
    readers = [
        (place, _reader(plan.columns[name], name, plan, zone, at))
        for place, name in enumerate(columns)
        if plan.columns.get(name) and plan.columns[name].target
    ]
    proof_places = {
        column.target: (place, column)
        for place, name in enumerate(columns)
        if (column := plan.columns.get(name)) and column.target.startswith(("consent_", "confirmed_"))
    }
    asks_proof = basis == "proof"

    def read(record: Any) -> Person:
        person = Person(record.line, record.part, record.cells)
        cells = record.cells
        for place, reader in readers:
            cell = cells[place]
            if cell not in ("", None):
                reader(person, unguarded(cell) if is_ours else cell)
        if not (person.email_key or person.external_id or person.phone_key):
            raise BadRow(gettext_noop("the row says not who it is about: no e-mail, telephone or external id"))
        if asks_proof and not person.opt_out and person.has_basis:
            try:
                person.proof = _read_proof(cells, proof_places, plan, zone, at)
            except BadRow:
                if plan.incomplete == "reject":
                    raise
                person.has_basis = False
        return person

    return read


def _reader(column: Column, name: str, plan: Plan, zone: ZoneInfo, at: datetime) -> Reader:
    target = column.target
    if target in ("email", "phone", "external_id", "language", "tags", "status"):
        return {
            "email": _take_email, "external_id": _take_external_id, "language": _take_language,
            "tags": _take_tags, "status": _take_status, "phone": _phone_taker(plan.country),
        }[target]  # fmt: skip
    if target in OPT_OUTS:
        return _opt_out_taker(OPT_OUTS[target])
    if target == "created_at":

        def take_time(person: Person, cell: Any) -> None:
            moment = read_moment(str(cell), column.order, zone, name)
            if moment > at:
                raise BadRow(gettext_noop("%(name)s: %(text)r lies in the future"), name=name, text=str(cell)[:60])
            person.at = moment

        return take_time
    if target.startswith(("consent_", "confirmed_")):
        return lambda person, cell: None
    read = value_reader(column, name, zone)

    def take(person: Person, cell: Any) -> None:
        value = read(cell)
        if value not in ("", None, []):
            person.known[target] = value

    return take


OPT_OUTS = {"unsubscribed": "unsubscribed", "do_not_contact": "objection", "bounced": "hard_bounce"}
SEVERITY = {"": 0, "unsubscribed": 1, "hard_bounce": 2, "objection": 3, "complaint": 4}


def stricter(one: str, other: str) -> str:
    return one if SEVERITY[one] >= SEVERITY[other] else other


def _opt_out_taker(reason: str) -> Reader:
    """Whatever is not plainly a no counts: a date of leaving, a reason, a word in any language."""

    def take(person: Person, cell: Any) -> None:
        if fold(str(cell).strip()) not in NO:
            person.opt_out = stricter(person.opt_out, reason)

    return take


def _take_status(person: Person, cell: Any) -> None:
    word = fold(str(cell).strip())
    if any(part in word for part in ("unsub", "baja", "opted out", "opt-out", "cancel")):
        person.opt_out = stricter(person.opt_out, "unsubscribed")
    elif any(part in word for part in ("clean", "bounce", "rebot")):
        person.opt_out = stricter(person.opt_out, "hard_bounce")
    elif any(part in word for part in ("complain", "abuse", "spam", "queja")):
        person.opt_out = stricter(person.opt_out, "complaint")
    elif "non" in word or "transactional" in word or "pending" in word:
        person.has_basis = False


def _take_email(person: Person, cell: Any) -> None:
    text = str(cell).strip()
    if not text:
        return
    try:
        person.email, person.email_key = read_email(text)
    except BadAddress as error:
        raise BadRow(NO_ADDRESS, text=text[:80], why=say_why(error)) from error


def _take_external_id(person: Person, cell: Any) -> None:
    text = clean_text(cell)[:200]
    if fold(text) not in ("", "null", "undefined", "guest", "0", "none", "nan"):
        person.external_id = text


def _phone_taker(country: str) -> Reader:
    def take(person: Person, cell: Any) -> None:
        text = clean_text(cell)[:60]
        if text:
            person.known["phone"] = text
            person.phone_key = read_phone(text, country)

    return take


LANGUAGES = {"es": "es", "spa": "es", "spanish": "es", "espanol": "es", "castellano": "es", "en": "en", "eng": "en",
             "english": "en", "ingles": "en"}  # fmt: skip


def _take_language(person: Person, cell: Any) -> None:
    word = fold(str(cell).strip())
    person.language = LANGUAGES.get(word) or LANGUAGES.get(re.split(r"[-_]", word)[0], "")
    if not person.language and word:
        person.known["language"] = clean_text(cell)[:60]


def _take_tags(person: Person, cell: Any) -> None:
    person.tags = read_tags(cell)


def _read_proof(
    cells: Sequence[Any], places: Mapping[str, tuple[int, Column]], plan: Plan, zone: ZoneInfo, at: datetime
) -> Proof:
    """Whole: when and from where, and every other part that the file has a column for. Raises BadRow."""
    given = {target: clean_text(cells[place] or "") for target, (place, _) in places.items()}
    for target in ("consent_time", "consent_ip", "consent_text", "consent_version"):
        if (target in places or target in ("consent_time", "consent_ip")) and not given.get(target):
            raise BadRow(gettext_noop("the proof of consent is not whole: %(name)s is empty"), name=target)
    moment = read_moment(given["consent_time"], places["consent_time"][1].order, zone, "consent_time")
    if moment > at:
        raise BadRow(gettext_noop("the proof of consent lies in the future: %(text)r"), text=given["consent_time"][:60])
    proof = Proof(
        moment, given["consent_ip"][:60],
        given.get("consent_text") or plan.consent_text, given.get("consent_version") or plan.consent_version,
    )  # fmt: skip
    if given.get("confirmed_time") and given.get("confirmed_ip"):
        confirmed = read_moment(given["confirmed_time"], places["confirmed_time"][1].order, zone, "confirmed_time")
        if moment <= confirmed <= at:
            proof.confirmed_at, proof.confirmed_ip = confirmed, given["confirmed_ip"][:60]
    return proof


@dataclass(slots=True)
class Happening:
    """A row of events, read."""

    line: int
    kind: str
    name: str
    occurred_at: datetime
    message: str
    user_id: str = ""
    anonymous_id: str = ""
    email_key: str | None = None
    properties: Json = field(default_factory=dict)
    context: Json = field(default_factory=dict)


EVENT_KINDS = ("track", "page", "screen", "identify", "group", "alias")


def happening_reader(plan: Plan, columns: Sequence[str], *, at: datetime) -> Callable[[Any], Happening]:
    """A function from a record to an event, made once for a file. It raises BadRow."""
    zone = ZoneInfo(plan.time_zone)
    places = {
        column.target: (place, column)
        for place, name in enumerate(columns)
        if (column := plan.columns.get(name)) and column.target in EVENT_SPECIAL
    }
    more = [
        (column.target.removeprefix("properties."), place, value_reader(column, name, zone))
        for place, name in enumerate(columns)
        if (column := plan.columns.get(name)) and column.target and column.target not in EVENT_SPECIAL
    ]
    when_place, when_column = places["timestamp"]

    def cell_of(cells: Sequence[Any], target: str) -> str:
        return clean_text(cells[places[target][0]] or "") if target in places else ""

    def read(record: Any) -> Happening:
        cells = record.cells
        moment = read_moment(str(cells[when_place] or ""), when_column.order, zone, "timestamp")
        if moment > at:
            said = str(cells[when_place])[:60]
            raise BadRow(gettext_noop("%(name)s: %(text)r lies in the future"), name="timestamp", text=said)
        kind = cell_of(cells, "type").lower() or "track"
        if kind not in EVENT_KINDS:
            unknown = gettext_noop("type: %(kind)r is not known; accepted: %(known)s")
            raise BadRow(unknown, kind=kind[:40], known=", ".join(EVENT_KINDS))
        name = cell_of(cells, "event")[:200]
        if kind == "track" and not name:
            raise BadRow(gettext_noop("the event has no name"))
        properties = _read_object(cells, places, "properties")
        for key, place, value_of in more:
            if cells[place] not in ("", None):
                properties[key] = value_of(cells[place])
        if name and kind in ("page", "screen"):
            properties.setdefault("name", name)
        happening = Happening(
            record.line, kind, name if kind == "track" else "", moment, cell_of(cells, "message_id"),
            user_id=cell_of(cells, "user_id")[:200], anonymous_id=cell_of(cells, "anonymous_id")[:200],
            properties=properties, context=_read_object(cells, places, "context"),
        )  # fmt: skip
        if happening.user_id.lower() in ("null", "undefined", "guest", "0"):
            happening.user_id = ""
        if email := cell_of(cells, "email"):
            try:
                _, happening.email_key = read_email(email)
            except BadAddress as error:
                raise BadRow(NO_ADDRESS, text=email[:80], why=say_why(error)) from error
        if not (happening.user_id or happening.anonymous_id or happening.email_key):
            raise BadRow(gettext_noop("the row says not who did it: no user id, anonymous id or e-mail"))
        return happening

    return read


def _read_object(cells: Sequence[Any], places: Mapping[str, tuple[int, Column]], target: str) -> Json:
    if target not in places or cells[places[target][0]] in ("", None):
        return {}
    cell = cells[places[target][0]]
    try:
        found = cell if isinstance(cell, dict) else orjson.loads(cell)
    except orjson.JSONDecodeError as error:
        raise BadRow(
            gettext_noop("%(name)s: not JSON from its character %(place)d on"), name=target, place=error.pos + 1
        ) from error
    if not isinstance(found, dict):
        raise BadRow(gettext_noop("%(name)s: an object is needed, not %(text)s"), name=target, text=str(cell)[:60])
    if "\\u0000" in str(cell):
        raise BadRow(gettext_noop("%(name)s: holds a NUL character"), name=target)
    return found
