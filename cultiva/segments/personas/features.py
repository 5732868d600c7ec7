"""What groups are looked for in: a table of levels, a column an attribute or a sort of act, a row a lead.

Each level carries the condition of our language that says it, so that a group can be told in criteria. What is known
of who somebody is by law or by birth is no feature, nor what only names them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cultiva.consent.sensitive import is_barred_from_groups
from cultiva.lib.folding import fold

Json = dict[str, Any]


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What names one person or one company, and what we say of them ourselves.
NAMING = _split("""
    email mail correo phone telefono mobile movil tel fax name nombre firstname lastname surname apellido apellidos
    fullname username id ids uuid dni nif nie cif vat passport address direccion street calle postcode postal zip cp
    iban card company empresa website web url domain dominio linkedin twitter avatar photo foto ip
    tags tag owner notes note comentario comentarios comments message mensaje created updated
""")
NOT_TYPES = frozenset({"date", "date_time", "email", "phone", "url", "long_text"})

LEAST_KNOWN = 0.2  # of the leads; what is known of fewer says who was asked
LEAST_SHARE, LEAST_LEADS = 0.02, 10  # of a level; what is rarer is of the others
MOST_LEVELS = 12
MOST_CONSTANT = 0.95  # of one level: what nearly all have in common tells nobody apart
FEW_NUMBERS = 8  # different ones: these are no quantity
MOST_WORDS = 6  # of one attribute that is written freely
MOST_COLUMNS = 60
DAYS = 365  # of behaviour
OFTEN = 3  # times
LEAST_PAGES, MAIN_SHARE = 3, 0.34  # from so many pages on, a part of the site is what somebody is after


@dataclass(frozen=True)
class Level:
    """One value of a column; `criteria` is None where the language has no short word for it (all others)."""

    label: str
    criteria: Json | None


@dataclass(frozen=True)
class Column:
    """`name` of an attribute or event; `path` of pages. Rows hold the number of a level, or None: not known."""

    kind: str  # choice | number | word | list | event | interest
    name: str
    levels: Sequence[Level]
    rows: Sequence[int | None]
    path: str = ""

    @property
    def is_ordered(self) -> bool:
        return self.kind in ("number", "event")

    @property
    def is_for_groups(self) -> bool:
        """How many pages somebody looked at says how eager they are; which of them they prefer, what they are after."""
        return not self.path or self.kind == "interest"

    @property
    def is_for_words(self) -> bool:
        return self.kind != "interest"


@dataclass
class Person:
    """A lead as it was read. `acts`: {(event, first part of a page's path): times}."""

    lead_id: int
    attributes: Mapping[str, Any]
    acts: dict[tuple[str, str], int] = field(default_factory=dict)


def columns_of(people: Sequence[Person], types: Mapping[str, str]) -> list[Column]:
    """`types`: {attribute: its type}. The best known columns, where there are too many."""
    keys = sorted({key for person in people for key in person.attributes})
    found = [
        column for key in keys if may_be_used(key, types.get(key, "")) for column in _of_attribute(key, people)
    ]  # fmt: skip
    found += _of_acts(people)
    found += _of_interests(people)
    found = [column for column in found if not _is_constant(column)]
    found.sort(key=lambda column: sum(row is not None for row in column.rows), reverse=True)
    return found[:MOST_COLUMNS]


def may_be_used(key: str, type_: str) -> bool:
    """`company_name` names somebody, `company_size` does not: the last word says what a key is."""
    words = re.findall(r"[a-z0-9]+", fold(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)))
    names = bool(NAMING.intersection(words[-1:]))
    return not names and not is_barred_from_groups(key) and type_ not in NOT_TYPES


# Attributes


def _of_attribute(key: str, people: Sequence[Person]) -> Iterator[Column]:
    values = [person.attributes.get(key) for person in people]
    known = [value for value in values if not _is_missing(value)]
    if len(known) < max(LEAST_LEADS, LEAST_KNOWN * len(people)):
        return
    if any(isinstance(value, list) for value in known):
        yield from _parts(key, "list", [_elements(value) for value in values])
        return
    numbers = [_number(value) for value in values]
    if sum(each is not None for each in numbers) >= 0.9 * len(known) and len(set(numbers)) > FEW_NUMBERS:
        yield from _quarters(key, numbers)
        return
    texts = [None if _is_missing(value) else _text(value) for value in values]
    common = _common(texts)
    covered = sum(text is not None and fold(text) in common for text in texts)
    if covered >= 0.6 * len(known):
        yield from _choice(key, texts, common)
    else:
        yield from _parts(key, "word", [None if text is None else _words(text) for text in texts])


def _is_missing(value: Any) -> bool:
    return value is None or value in ("", []) or isinstance(value, dict)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    text = value if isinstance(value, str) else ""
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else None


def _elements(value: Any) -> list[str] | None:
    if _is_missing(value):
        return None
    return [_text(each) for each in (value if isinstance(value, list) else [value]) if not _is_missing(each)]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{4,}", text)


def _common(texts: Iterable[str | None]) -> list[str]:
    """The most common texts, folded; the rare ones are left out."""
    counts = Counter(fold(text) for text in texts if text is not None)
    least = max(LEAST_LEADS, LEAST_SHARE * counts.total())
    return [text for text, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])) if count >= least][
        :MOST_LEVELS
    ]


def _choice(key: str, texts: Sequence[str | None], common: Sequence[str]) -> Iterator[Column]:
    if len(common) < 2 and not any(text is not None and fold(text) not in common for text in texts):
        return
    spelt = _spelt(text for text in texts if text is not None)
    levels = [Level(spelt[text], {"attribute": key, "is": spelt[text]}) for text in common]
    place = {text: n for n, text in enumerate(common)}
    others = any(text is not None and fold(text) not in place for text in texts)
    rows = [None if text is None else place.get(fold(text), len(common)) for text in texts]
    yield Column("choice", key, [*levels, *([Level("", None)] if others else [])], rows)


def _spelt(texts: Iterable[str]) -> dict[str, str]:
    """{folded: as it is written most}"""
    counts = Counter(texts)
    return {fold(text): text for text, _count in sorted(counts.items(), key=lambda each: (each[1], each[0]))}


def _parts(key: str, kind: str, rows: Sequence[Sequence[str] | None]) -> Iterator[Column]:
    """Yes or no, for each common element of lists, or word of texts."""
    folded = [None if row is None else {fold(each) for each in row} for row in rows]
    counts = Counter(each for row in folded if row is not None for each in row)
    spelt = _spelt(each for row in rows if row is not None for each in row)
    known = sum(row is not None for row in folded)
    operator = "is" if kind == "list" else "contains"
    common = [part for part, count in counts.most_common() if max(LEAST_LEADS, 0.04 * known) <= count <= 0.9 * known]
    for part in sorted(common[:MOST_WORDS]):
        word = spelt[part] if kind == "list" else spelt[part].lower()
        levels = [Level("", None), Level(word, {"attribute": key, operator: word})]
        yield Column(kind, key, levels, [None if row is None else int(part in row) for row in folded])


def _quarters(key: str, numbers: Sequence[float | None]) -> Iterator[Column]:
    """Below the first quarter, up to the middle, .. : equal numbers are never parted."""
    known = sorted(number for number in numbers if number is not None)
    edges = sorted({known[len(known) * quarter // 4] for quarter in (1, 2, 3)} - {known[0]})
    if not edges:
        return
    levels = [Level(f"< {_plain(edges[0])}", {"attribute": key, "lt": _plain(edges[0])})]
    for low, high in pairwise(edges):
        below = max(number for number in known if number < high)
        levels.append(
            Level(f"{_plain(low)}–{_plain(below)}", {"attribute": key, "between": [_plain(low), _plain(below)]})
        )
    levels.append(Level(f"≥ {_plain(edges[-1])}", {"attribute": key, "gte": _plain(edges[-1])}))
    rows = [None if number is None else sum(number >= edge for edge in edges) for number in numbers]
    yield Column("number", key, levels, rows)


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) and abs(number) < 1e15 else number


# Acts


def _of_acts(people: Sequence[Person]) -> Iterator[Column]:
    """Of who never acted nothing is known, and of who was never seen on the site not what they read there: they may not
    be followed."""
    counts = Counter(act for person in people for act in person.acts)
    for event, path in sorted(counts):
        if event == "page" and not path:
            continue
        times = [person.acts.get((event, path), 0) if _is_followed(person, event) else None for person in people]
        known = sum(each is not None for each in times)
        if counts[event, path] < LEAST_LEADS or not 2 * LEAST_SHARE <= counts[event, path] / known <= 0.9:
            continue
        often = sum(each is not None and each >= OFTEN for each in times)
        asked: Json = {"event": event}
        if path:
            asked["where"] = [{"property": "path", "starts_with": path}]
        levels = [Level("", None), Level("1", {**asked, "within_days": DAYS})]
        if often >= max(LEAST_LEADS, LEAST_SHARE * 2 * known):
            levels.append(Level(str(OFTEN), {**asked, "times": {"at_least": OFTEN}, "within_days": DAYS}))
        rows = [None if n is None else 0 if n == 0 else 1 if n < OFTEN or len(levels) < 3 else 2 for n in times]
        yield Column("event", event, levels, rows, path)


def _is_followed(person: Person, event: str) -> bool:
    return ("page", "") in person.acts if event == "page" else bool(person.acts)


def _of_interests(people: Sequence[Person]) -> Iterator[Column]:
    """Which parts of the site make at least a third of what somebody looked at there."""
    seen = [person.acts.get(("page", ""), 0) for person in people]
    paths = Counter(path for person in people for event, path in person.acts if event == "page" and path)
    for path in sorted(path for path, count in paths.items() if count >= LEAST_LEADS):
        rows = [
            None if pages < LEAST_PAGES else int(person.acts.get(("page", path), 0) >= MAIN_SHARE * pages)
            for person, pages in zip(people, seen, strict=True)
        ]
        yield Column("interest", "page", [Level("", None), Level("", None)], rows, path)


def _is_constant(column: Column) -> bool:
    counts = Counter(row for row in column.rows if row is not None)
    return not counts or max(counts.values()) > MOST_CONSTANT * counts.total() or counts.total() < LEAST_LEADS


# What a group may be known by.


@dataclass(frozen=True)
class Candidate:
    """A condition, as the levels of one column for which it holds."""

    column: int
    levels: Sequence[int]
    criteria: Json
    takes_unknown: bool = False  # who never acted did not do this either


def candidates_of(columns: Sequence[Column]) -> list[Candidate]:
    """Single levels, neighbouring ones of a number, and so many acts or more. Several values of a choice are put
    together for each group (`either`)."""
    found = []
    for n, column in enumerate(columns):
        last = len(column.levels) - 1
        if column.kind == "interest":
            continue
        if column.kind == "event":
            never = {key: value for key, value in (column.levels[1].criteria or {}).items() if key != "times"}
            found.append(Candidate(n, [0], never | {"times": {"at_most": 0}}, takes_unknown=True))
            found += [
                Candidate(n, range(level, last + 1), each.criteria)
                for level, each in enumerate(column.levels)
                if each.criteria
            ]
            continue
        found += [Candidate(n, [level], each.criteria) for level, each in enumerate(column.levels) if each.criteria]
        if column.kind == "number" and last > 1:
            for level in range(1, last):
                low = _edge(column.levels[level].criteria)
                found.append(Candidate(n, range(level, last + 1), {"attribute": column.name, "gte": low}))
                found.append(Candidate(n, range(level), {"attribute": column.name, "lt": low}))
    return found


def _edge(criteria: Json | None) -> Any:
    assert criteria is not None
    return criteria["between"][0]


def choices_of(column: Column) -> list[int]:
    """The levels of which several may be asked for at once."""
    return [level for level, each in enumerate(column.levels) if each.criteria] if column.kind == "choice" else []


def either(column: Column, levels: Sequence[int]) -> Json:
    """Several values of a choice, as one condition."""
    return {"attribute": column.name, "any_of": [column.levels[level].label for level in levels]}
