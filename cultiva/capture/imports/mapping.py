"""What a file's columns mean, and reading a row by it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import phonenumbers
from django.utils.translation import gettext, gettext_noop

from cultiva.capture.imports.presets import EVENT_BY_NAME, EVENT_SPECIAL, PRESETS, SPECIAL, recognise, target_of
from cultiva.capture.imports.refusals import BadRow
from cultiva.leads.addresses import BadAddress, read_address, say_why
from cultiva.leads.values import MAX_ATTRIBUTES, MAX_KEY, MAX_TEXT, clean_attributes, country_of_zone
from cultiva.lib.folding import fold
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]

TYPES = ("text", "number", "date", "date_time", "boolean", "list")
DATE_ORDERS = ("ymd", "dmy", "mdy")
NUMBER_STYLES = (".", ",")  # the decimal mark; the other one groups thousands
YES = frozenset(("1", "true", "yes", "y", "si", "s", "x", "on", "verdadero", "t"))
NO = frozenset(("", "0", "false", "no", "n", "off", "falso", "f", "-", "null", "none", "nan", "subscribed", "suscrito"))
KEY = re.compile(r"[a-z0-9]+")


class BadPlan(Refusal):
    """A mapping that cannot work; the message says why and what to do."""


@dataclass(frozen=True)
class Column:
    """`target`: one of SPECIAL (or EVENT_SPECIAL), an attribute's key, or empty: left out.

    `order` says where in a date the day stands (DATE_ORDERS), `decimal` how numbers are written.
    """

    target: str = ""
    type: str = "text"
    order: str = "ymd"
    decimal: str = "."
    is_sure: bool = True  # False: 03/04/2026 may be either day


@dataclass(frozen=True)
class Plan:
    """How a file is taken over; stored with the import.

    `purposes`: those that the proof or the declaration covers. `incomplete`: what becomes of rows whose proof is
    not whole (reject, or none: they come in without basis). `covers_confirmation`: the declaration says that the
    addresses were confirmed too. `event_source`: the key of the source that events are put down to.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    preset: str = ""
    time_zone: str = "Europe/Madrid"
    country: str = "ES"
    language: str = "es"
    purposes: tuple[str, ...] = ()
    consent_text: str = ""
    consent_version: str = ""
    incomplete: str = "reject"
    covers_confirmation: bool = False
    event_source: str = ""

    def to_json(self) -> Json:
        return asdict(self) | {"columns": [[name, asdict(column)] for name, column in self.columns.items()]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Plan":
        known = dict(stored)
        known["columns"] = {name: Column(**column) for name, column in known.get("columns", [])}
        known["purposes"] = tuple(known.get("purposes", ()))
        return cls(**known)

    def has(self, target: str) -> bool:
        return any(column.target == target for column in self.columns.values())


# Suggesting


def suggest(
    *, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], language: str, time_zone: str,
    country: str = "", preset: str = "",
) -> Plan:  # fmt: skip
    """What the columns seem to mean: by the tool that wrote them, by their names, by what stands in them."""
    if preset and preset not in PRESETS:
        raise BadPlan(
            gettext("No preset %(preset)r.") % {"preset": preset},
            gettext("one of %(known)s") % {"known": ", ".join(PRESETS)},
        )
    found = (PRESETS[preset] if preset else recognise(columns)) if kind == "leads" else None
    samples = {name: [str(row[n]) for row in rows if row[n] not in ("", None)] for n, name in enumerate(columns)}
    chosen: dict[str, Column] = {}
    for name in columns:
        if name in (*REJECT_COLUMNS, "import_file"):
            target = ""
        elif kind == "events":
            target = EVENT_BY_NAME.get(fold(name.strip()), f"properties.{name.strip()[:MAX_KEY]}")
        else:
            by_name = target_of(name, found)
            target = _target_by_content(samples[name]) or key_of(name) if by_name is None else by_name
        is_single = target in (EVENT_SPECIAL if kind == "events" else SPECIAL)
        if is_single and any(column.target == target for column in chosen.values()):
            target = f"properties.{name}" if kind == "events" else _free_key(target, chosen)
        chosen[name] = _describe(target, samples[name], language)
    if kind == "leads" and not any(column.target == "phone" for column in chosen.values()):
        chosen = {  # a mobile is a telephone, where there is no other
            name: Column("phone") if column.target == "mobile" else column for name, column in chosen.items()
        }
    zone = (found.time_zone if found else "") or time_zone
    return Plan(
        columns=chosen, preset=found.key if found else "", time_zone=zone, language=language,
        country=country or country_of_zone(time_zone),
    )  # fmt: skip


def key_of(name: str) -> str:
    """`Nº de empleados` becomes `n_de_empleados`."""
    return "_".join(KEY.findall(fold(name)))[:MAX_KEY]


def check_plan(plan: Plan, *, kind: str, basis: str) -> None:
    """Raises BadPlan for what could not work."""
    targets = [column.target for column in plan.columns.values() if column.target]
    special = EVENT_SPECIAL if kind == "events" else SPECIAL
    twice = {target for target in targets if targets.count(target) > 1 and (target in special or kind == "leads")}
    if twice:
        raise BadPlan(
            gettext("Two columns are meant to be %(names)s.") % {"names": ", ".join(sorted(twice))},
            gettext("leave one of them out, or rename it"),
        )
    for name, column in plan.columns.items():
        if column.type not in TYPES or column.order not in DATE_ORDERS or column.decimal not in NUMBER_STYLES:
            said = {"name": name, "type": column.type, "order": column.order, "decimal": column.decimal}
            raise BadPlan(gettext("%(name)s: %(type)s, %(order)s, %(decimal)r is not known.") % said)
        if len(column.target) > MAX_KEY + 11:
            raise BadPlan(
                gettext("%(name)s: %(key)s… is too long for a key.") % {"name": name, "key": column.target[:40]},
                gettext("at most %(most)d characters") % {"most": MAX_KEY},
            )
    try:
        ZoneInfo(plan.time_zone)
    except (KeyError, ValueError) as error:
        raise BadPlan(
            gettext("No time zone %(zone)r.") % {"zone": plan.time_zone}, gettext("for example Europe/Madrid")
        ) from error
    if kind == "events":
        _check_events(targets)
        return
    if not {"email", "phone", "external_id"} & set(targets):
        raise BadPlan(gettext("No column says who a row is about."), gettext("map one to email, phone or external_id"))
    if len([target for target in targets if target not in SPECIAL]) > MAX_ATTRIBUTES:
        raise BadPlan(
            gettext("More than %(most)d attributes.") % {"most": MAX_ATTRIBUTES}, gettext("leave some columns out")
        )
    if basis == "proof" and not {"consent_time", "consent_ip"} <= set(targets):
        raise BadPlan(
            gettext("A proof says at least when consent was given and from which address (IP)."),
            gettext("map columns to consent_time and consent_ip, or choose another basis"),
        )


def _check_events(targets: Sequence[str]) -> None:
    if not {"user_id", "anonymous_id", "email"} & set(targets):
        raise BadPlan(gettext("No column says who did it."), gettext("map one to user_id, anonymous_id or email"))
    if "timestamp" not in targets:
        raise BadPlan(gettext("No column says when it happened."), gettext("map one to timestamp"))
    if not {"event", "type"} & set(targets):
        raise BadPlan(gettext("No column says what happened."), gettext("map one to event"))


PHONE = re.compile(r"\+?[\d\s().-]{8,20}")
NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:[.,\s]\d{3})+)(?:[.,]\d+)?")
DATE = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp])?\.?\s?(?:[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)


def _most(values: Sequence[str], fits: Callable[[str], Any], share: float = 0.9) -> bool:
    return bool(values) and sum(1 for value in values if fits(value.strip())) >= share * len(values)


def _target_by_content(values: Sequence[str]) -> str | None:
    if _most(values, re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch):
        return "email"
    if _most(values, lambda v: v[:1] == "+" and PHONE.fullmatch(v)):
        return "phone"
    return None


def _free_key(target: str, chosen: Mapping[str, Column]) -> str:
    number = 2
    while any(column.target == f"{target}_{number}" for column in chosen.values()):
        number += 1
    return f"{target}_{number}"


def _describe(target: str, values: Sequence[str], language: str) -> Column:  # noqa: PLR0911
    if target in ("consent_time", "confirmed_time", "created_at", "timestamp"):
        order, is_sure = _date_order(values, language)
        return Column(target, "date_time", order, is_sure=is_sure)
    if target == "tags":
        return Column(target, "list")
    if target in SPECIAL or target in EVENT_SPECIAL or not target or target in ("zip", "mobile"):
        return Column(target)
    if _most(values, DATE.fullmatch, 1.0):
        order, is_sure = _date_order(values, language)
        has_time = any(":" in value for value in values)
        return Column(target, "date_time" if has_time else "date", order, is_sure=is_sure)
    if _most(values, NUMBER.fullmatch, 1.0) and max(map(len, values)) <= 15:
        return Column(target, "number", decimal=_decimal_mark(values, language))
    if _most(values, lambda v: fold(v) in YES | NO and fold(v) not in ("0", "1"), 1.0):
        return Column(target, "boolean")
    return Column(target)


def _date_order(values: Sequence[str], language: str) -> tuple[str, bool]:
    """Where the day stands; not sure where no day is beyond the twelfth."""
    found = [match for value in values if (match := DATE.match(value.strip()))]
    if not found or all(len(match[1]) == 4 for match in found):
        return "ymd", True
    if any(int(match[1]) > 12 for match in found):
        return "dmy", True
    if any(int(match[2]) > 12 for match in found):
        return "mdy", True
    return ("mdy" if language == "en" else "dmy"), False


def _decimal_mark(values: Sequence[str], language: str) -> str:
    """`1.234,5` and `1,234.5` tell; so does a mark before any but three digits; the language is asked last."""
    votes = {".": 0, ",": 0}
    for value in values:
        marks = [c for c in value if c in ".,"]
        if not marks:
            continue
        last, digits = marks[-1], len(value) - 1 - value.rfind(marks[-1])
        if len(set(marks)) == 2 or (len(marks) == 1 and digits != 3):
            votes[last] += 1
        elif len(marks) > 1:
            votes["," if last == "." else "."] += 1
    if votes["."] != votes[","]:
        return max(votes, key=lambda mark: votes[mark])
    return "," if language == "es" else "."


# Reading rows of leads


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


# A spreadsheet takes these for the beginning of a formula (OWASP, CSV injection); the apostrophe makes them text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
REJECT_COLUMNS = ("import_line", "import_reason")
OUR_ID = "cultiva_lead_id"  # the first column of an export of ours


def guarded(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def unguarded(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell


def is_rejects_file(columns: Sequence[str]) -> bool:
    """Rows that we gave back, mended and brought in again."""
    return set(REJECT_COLUMNS) <= set(columns)


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


# What email-validator takes as it stands, nearly always; anything else is left to it. A test compares them.
PLAIN_EMAIL = re.compile(
    r"([A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*)@((?:[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,40}(?<!-)\.)+[A-Za-z]{2,20})"
)
ODD_ENDINGS = ("arpa", "invalid", "local", "localhost", "onion", "test", "example")


def read_email(text: str) -> tuple[str, str]:
    """(address, key) as `leads.read_address` gives them. Raises BadAddress."""
    match = PLAIN_EMAIL.fullmatch(text)
    if match and len(match[1]) <= 64 and len(text) <= 200:
        domain = match[2].lower()
        if not domain.endswith(ODD_ENDINGS):
            return f"{match[1]}@{domain}", f"{match[1].lower()}@{domain}"
    found = read_address(text)
    return found.text, found.key


NO_ADDRESS = gettext_noop("%(text)r is no e-mail address: %(why)s")


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


SEPARATORS = str.maketrans("", "", " -.()\u00a0/")


@lru_cache(maxsize=4096)
def read_phone(text: str, country: str) -> str | None:
    """E.164, or None for what is no telephone of that country."""
    bare = text.translate(SEPARATORS)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if country == "ES" and len(bare) in (9, 12) and bare.removeprefix("+34")[0:1] in "6789" and bare.isascii():
        digits = bare.removeprefix("+34")
        if len(digits) == 9 and digits.isdigit():  # the national plan: nine digits, 6 to 9 first
            return f"+34{digits}"
    try:
        number = phonenumbers.parse(bare, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


LANGUAGES = {"es": "es", "spa": "es", "spanish": "es", "espanol": "es", "castellano": "es", "en": "en", "eng": "en",
             "english": "en", "ingles": "en"}  # fmt: skip


def _take_language(person: Person, cell: Any) -> None:
    word = fold(str(cell).strip())
    person.language = LANGUAGES.get(word) or LANGUAGES.get(re.split(r"[-_]", word)[0], "")
    if not person.language and word:
        person.known["language"] = clean_text(cell)[:60]


def _take_tags(person: Person, cell: Any) -> None:
    person.tags = read_tags(cell)


def read_tags(cell: Any) -> list[str]:
    r"""`"VIP","Blog"` as Mailchimp writes them, `VIP;Blog`, `VIP, Blog` or `["VIP"]`."""
    if isinstance(cell, list):
        parts = [str(each) for each in cell]
    else:
        text = str(cell).strip()
        if text[:1] == "[" and text[-1:] == "]":
            text = text[1:-1]
        found = re.findall(r'"([^"]*)"', text)
        parts = found or re.split(r"[,;|]", text)
    seen = dict.fromkeys(clean_text(part)[:80] for part in parts)
    return [tag for tag in seen if tag][:MAX_ATTRIBUTES]


def clean_text(cell: Any) -> str:
    text = cell if isinstance(cell, str) else str(cell)
    if text.isprintable():
        return text[:MAX_TEXT].strip()
    return str(clean_attributes({"x": text}).get("x", ""))


def value_reader(column: Column, name: str, zone: ZoneInfo) -> Callable[[Any], Any]:
    """A function from a cell to the value that is stored. It raises BadRow only for what the row cannot do without:
    a value that is not of its column's type is kept as text, as everywhere."""
    if column.type == "number":
        return lambda cell: read_number(str(cell), column.decimal)
    if column.type == "boolean":
        return _read_boolean
    if column.type == "list":
        return read_tags
    if column.type in ("date", "date_time"):

        def read_time(cell: Any) -> Any:
            try:
                moment = read_moment(str(cell), column.order, zone, name)
            except BadRow:
                return clean_text(cell)
            return moment.astimezone(zone).date().isoformat() if column.type == "date" else moment.isoformat()

        return read_time
    return _read_plain


def _read_plain(cell: Any) -> Any:
    if isinstance(cell, str):
        return clean_text(cell)
    if isinstance(cell, (list, dict)):
        return clean_attributes({"x": cell}).get("x")
    return cell


def _read_boolean(cell: Any) -> Any:
    word = fold(str(cell).strip())
    return True if word in YES else False if word in NO else clean_text(cell)


def read_number(text: str, decimal: str) -> Any:
    """A number, or the text where it is none."""
    group = "," if decimal == "." else "."
    bare = text.strip().replace(group, "").replace("\u00a0", "").replace(" ", "").replace(decimal, ".")
    try:
        return int(bare) if bare.lstrip("-").isdigit() else float(bare) if re.fullmatch(r"-?\d*\.?\d+", bare) else (
            clean_text(text)
        )  # fmt: skip
    except ValueError:
        return clean_text(text)


def read_moment(text: str, order: str, zone: ZoneInfo, name: str) -> datetime:
    """UTC. A time without zone is one of the file's; a day begins at its midnight there. Raises BadRow."""
    text = text.strip()
    try:
        if order == "ymd" and text[4:5] == "-":
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    match = DATE.fullmatch(text)
    try:
        if match is None:
            return _read_epoch(text)
        return _build_moment(match, order, zone)
    except (ValueError, OverflowError) as error:
        raise BadRow(
            gettext_noop("%(name)s: %(text)r is no date (%(order)s)"), name=name, text=text[:60], order=order
        ) from error


def _read_epoch(text: str) -> datetime:
    if not (text.isdigit() and len(text) in (10, 13)):
        raise ValueError(text)
    return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)


def _build_moment(match: "re.Match[str]", order: str, zone: ZoneInfo) -> datetime:
    parts = dict(zip("ymd" if len(match[1]) == 4 else order, (int(match[n]) for n in (1, 2, 3)), strict=True))
    year = parts["y"] + (2000 if parts["y"] < 70 else 1900 if parts["y"] < 100 else 0)
    hour, minute, second = (int(match[n] or 0) for n in (4, 5, 6))
    if match[7]:
        hour = hour % 12 + (12 if match[7] in "pP" else 0)
    day = date(year, parts["m"], parts["d"])
    moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
    if match[8] in ("Z", "UTC", "GMT"):
        moment = moment.replace(tzinfo=UTC)
    elif match[8]:
        moment = datetime.fromisoformat(moment.replace(tzinfo=None).isoformat() + match[8])
    return moment.astimezone(UTC)


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


# Reading rows of events


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
