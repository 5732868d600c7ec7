"""What of a history conditions can be made of: attributes with their values, events with their properties.

Only what was there when the training ends is looked at. What may not be learned from is listed with its reason.
"""

# ruff: noqa: S608 (statements are made of our own fragments and quoted names; values are bound)

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext

from cultiva.consent.sensitive import is_barred_from_groups, kinds_told
from cultiva.criteria.conditions.event import RECORDS
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.files import (
    EVENT_KEYS,
    INSTANT,
    LEAD_KEYS,
    NOT_PROPERTIES,
    Connection,
    RowFile,
    engine,
)
from cultiva.criteria.offline import Files

MOST_VALUES = 12  # of an attribute or property, the most common ones
MOST_DISTINCT = 60  # with more, a text is free
FEW_NUMBERS = 6  # so many different numbers are values, more are a scale
NUMBER = r"-?[0-9]+([.][0-9]+)?"
MOSTLY = 0.9  # of the values, to count as numbers or dates
KNOWN_AFTER = 0.9  # of those who have it converted: it is told at the conversion
MOST_EVENTS = 14
MOST_PROPERTIES = 4  # of an event
LEAST_LEADS = 20  # fewer tell nothing
OWN = ("created_at", "owner")  # what we write of a lead, not what the lead tells


@dataclass(frozen=True)
class Excluded:
    """What is not learned from; `kind`: protected, free_text, known_after, goal, ours, asked."""

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class AttributeSeen:
    """`kind`: choice, number, date or text (of which only whether it is known may be asked)."""

    name: str
    kind: str
    known: float  # share of the leads
    values: tuple[str, ...] = ()  # the most common first
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class EventSeen:
    """`properties`: {path: values, the most common first}"""

    name: str
    leads: int
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Vocabulary:
    attributes: list[AttributeSeen] = field(default_factory=list)
    events: list[EventSeen] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)


def vocabulary_of_files(files: Files, *, goal: str, until: datetime, asked_out: Collection[str] = ()) -> Vocabulary:
    """`until`: where the training ends; `asked_out`: attributes and events that the user leaves out.

    Raises UnreadableFile.
    """
    found = Vocabulary()
    with engine() as connection:
        leads = RowFile.open(connection, files.leads, "leads", LEAD_KEYS)
        events = RowFile.open(connection, files.events, "events", EVENT_KEYS)
        _read_events(connection, events, goal, until)
        for name in leads.columns:
            if name not in LEAD_KEYS and not _leave_out(found, name, asked_out):
                _note_attribute(found, connection, leads, name, is_list=name in {*files.multi, TAGS})
        _note_events(found, connection, events, goal, asked_out)
    return found


def _leave_out(found: Vocabulary, name: str, asked_out: Collection[str]) -> bool:
    if name in asked_out:
        why, kind = gettext("you left it out"), "asked"
    elif name in OWN:
        why, kind = gettext("we write it, the lead does not tell it"), "ours"
    elif is_barred_from_groups(name) or kinds_told(name.replace("_", " ")):
        why, kind = gettext("nobody is scored by what it tells"), "protected"
    else:
        return False
    found.excluded.append(Excluded(name, kind, why))
    return True


# Attributes


def _note_attribute(found: Vocabulary, connection: Connection, file: RowFile, name: str, *, is_list: bool) -> None:
    raw, form = file.raw(name, is_list=is_list)
    if form == "json" and not file.type(name).endswith("[]"):
        found.excluded.append(Excluded(name, "free_text", gettext("it holds lists or objects")))
        return
    one_each = {
        "json": f"unnest({raw}::JSON::VARCHAR[])",
        "list": f"unnest(string_split({raw}, '|'))",
        "number": f"regexp_replace({raw}, '[.]0$', '')",
    }
    value = one_each.get(form, raw)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE told AS SELECT lead_id, trim(value) AS value, lead_id IN (SELECT lead_id FROM"
        f" converted) AS has_converted FROM (SELECT {file.text('lead_id')} AS lead_id, {value} AS value"
        f" FROM {file.relation}) WHERE trim(value) <> ''"
    )
    of = int(connection.execute(f"SELECT count(*) FROM {file.relation}").fetchall()[0][0])
    known, hits, distinct, numbers, dates = connection.execute(
        "SELECT count(DISTINCT lead_id), count(DISTINCT lead_id) FILTER (has_converted), count(DISTINCT lower(value)),"
        " count(*) FILTER (regexp_full_match(value, $number)) / greatest(count(*), 1),"
        " count(*) FILTER (regexp_full_match(value, $instant)) / greatest(count(*), 1) FROM told",
        {"number": NUMBER, "instant": INSTANT},
    ).fetchall()[0]
    (converted,) = connection.execute("SELECT count(*) FROM converted").fetchall()[0]
    if known >= LEAST_LEADS / 2 and hits >= KNOWN_AFTER * known and converted < KNOWN_AFTER * of:
        why = gettext("it is known of those alone who converted: it is told only then")
        found.excluded.append(Excluded(name, "known_after", why))
        return
    share = known / of if of else 0.0
    if numbers >= MOSTLY and distinct > FEW_NUMBERS:
        found.attributes.append(AttributeSeen(name, "number", share, quantiles=_quantiles(connection)))
    elif dates >= MOSTLY and distinct > FEW_NUMBERS:
        found.attributes.append(AttributeSeen(name, "date", share))
    elif distinct <= MOST_DISTINCT:
        found.attributes.append(AttributeSeen(name, "choice", share, values=_values(connection)))
    else:
        found.attributes.append(AttributeSeen(name, "text", share))
        why = gettext("it is free text: only whether it is known is asked")
        found.excluded.append(Excluded(name, "free_text", why))


def _quantiles(connection: Connection) -> tuple[float, ...]:
    (found,) = connection.execute(
        "SELECT quantile_disc(TRY_CAST(value AS DOUBLE), [0.2, 0.4, 0.6, 0.8, 0.9]) FROM told"
    ).fetchall()[0]
    return tuple(dict.fromkeys(float(each) for each in found))


def _values(connection: Connection) -> tuple[str, ...]:
    """By how many leads tell them; of several ways to write one, the first of the alphabet."""
    rows = connection.execute(
        "SELECT min(value) FROM told GROUP BY lower(value) HAVING count(DISTINCT lead_id) >= $least"
        " ORDER BY count(DISTINCT lead_id) DESC, lower(min(value)) LIMIT $most",
        {"least": LEAST_LEADS, "most": MOST_VALUES},
    ).fetchall()
    return tuple(row[0] for row in rows)


# Events


def _read_events(connection: Connection, file: RowFile, goal: str, until: datetime) -> None:
    """Tables `act`: rows up to `until` that name no machine, and `converted`: who ever came to the goal."""
    machine = f"{file.text('actor')} IS DISTINCT FROM 'machine'" if "actor" in file.columns else "true"
    columns = [
        *(f"{file.text(name)} AS {_quoted(name)}" for name in file.columns if name not in EVENT_KEYS),
        f"{file.text('lead_id')} AS lead_id",
        f"{file.text('name')} AS name",
    ]
    at = f"TRY_CAST({file.text('occurred_at')} AS TIMESTAMPTZ)"
    connection.execute(
        f"CREATE TEMP TABLE act AS SELECT {', '.join(columns)} FROM {file.relation} WHERE {at} <= $until AND {machine}",
        {"until": until},
    )
    connection.execute(
        f"CREATE TEMP TABLE converted AS SELECT DISTINCT {file.text('lead_id')} AS lead_id FROM {file.relation}"
        f" WHERE {file.text('name')} = $goal",
        {"goal": goal},
    )


def _note_events(
    found: Vocabulary, connection: Connection, file: RowFile, goal: str, asked_out: Collection[str]
) -> None:
    rows = connection.execute(
        "SELECT name, count(DISTINCT lead_id) FROM act WHERE name IS NOT NULL GROUP BY name"
        " HAVING count(DISTINCT lead_id) >= $least ORDER BY 2 DESC, name",
        {"least": LEAST_LEADS},
    ).fetchall()
    found.excluded.append(Excluded(goal, "goal", gettext("it is the conversion itself")))
    for name, leads in rows:
        if name in asked_out:
            found.excluded.append(Excluded(name, "asked", gettext("you left it out")))
        elif name in RECORDS:
            found.excluded.append(Excluded(name, "ours", gettext("we record it, the lead does not do it")))
        elif name != goal and len(found.events) < MOST_EVENTS:
            found.events.append(EventSeen(name, leads, _properties(found, connection, file, name)))


def _properties(found: Vocabulary, connection: Connection, file: RowFile, event: str) -> dict[str, tuple[str, ...]]:
    """Of columns of their own and of the keys of `properties`: those with few enough values."""
    sources = {name: _quoted(name) for name in file.columns if name not in NOT_PROPERTIES}
    if "properties" in file.columns:
        rows = connection.execute(
            "SELECT k FROM (SELECT unnest(json_keys(properties)) AS k FROM act WHERE name = $name"
            " AND json_valid(properties) AND json_type(properties) = 'OBJECT' LIMIT 100000)"
            " GROUP BY k ORDER BY count(*) DESC, k LIMIT 20",
            {"name": event},
        ).fetchall()
        for (key,) in rows:
            if not set(key) & set('."\\/~') and not key.isdigit():
                sources.setdefault(key, f"json_extract_string(properties, '$.\"{_escaped(key)}\"')")
    listed: dict[str, tuple[str, ...]] = {}
    for key, sql in sources.items():
        if is_barred_from_groups(key) or kinds_told(key.replace("_", " ")):
            continue
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE told AS SELECT lead_id, trim({sql}) AS value FROM act"
            f" WHERE name = $name AND trim({sql}) <> ''",
            {"name": event},
        )
        values = _values(connection)
        (distinct,) = connection.execute("SELECT count(DISTINCT value) FROM told").fetchall()[0]
        if len(values) > 1 and distinct <= MOST_DISTINCT * 5 and len(listed) < MOST_PROPERTIES:
            listed[key] = values
    return listed


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _escaped(key: str) -> str:
    return key.replace("'", "''")
