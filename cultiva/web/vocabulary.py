"""What criteria can be made of in one workspace, for the screen component that builds them.

A kind of condition is a list of fields, so that plug-ins of any room appear without a change of the browser's part.
A plug-in may say its own by a class method `fields(workspace_id) -> list[Field]`. Without it, and without an entry
here, each of its keys is a text, the first a choice where a class method `known(workspace_id)` gives the names.
Field: {key, label, type, is_optional, choices}, or {one_of: [Field, ..]} where exactly one is given. Types: text,
number, days, choice, true (a tick that says `true`), range, list.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from cultiva.consent.models import PurposeVersion
from cultiva.criteria import comparisons
from cultiva.events.seen import latest_events, names_seen, properties_seen
from cultiva.leads.attributes import definitions
from cultiva.leads.audience import commonest_values
from cultiva.leads.summaries import use_of_attributes
from cultiva.lib.plugins import plugins
from cultiva.magnets.models import MagnetVersion
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.conditions.score import GRADES
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.segments.lists import list_segments
from cultiva.segments.personas.actions import list_personas
from cultiva.web.builder_words import event_label, operator_words, texts
from cultiva.web.staff import Staff
from cultiva.web.words import attribute_label, in_language, stage_labels, temperature_words

Field = dict[str, Any]

EVENTS_LOOKED_AT = 500
OWN_RECORDS = ("any", "stage", "score", "segment", "send", "workflow", "staff")  # conditions of their own ask for these
# Whose values name no person: those who see no personal data are offered these alone.
IMPERSONAL = ("choice", "multi_choice", "boolean", "country", "language", "time_zone")
# {operator: what stands beside it}
OPERANDS = {
    "is": "value", "is_not": "value", "any_of": "values", "none_of": "values", "all_of": "values",
    "contains": "text", "contains_any": "texts", "does_not_contain": "text", "starts_with": "text",
    "ends_with": "text", "matches": "text", "gt": "number", "gte": "number", "lt": "number", "lte": "number",
    "between": "range", "before": "date", "after": "date", "on": "date", "within_last_days": "days",
    "within_next_days": "days", "anniversary_within_days": "days", "is_empty": "true", "is_not_empty": "true",
}  # fmt: skip
ABOUT_TEXT = [
    "is", "is_not", "any_of", "none_of", "contains", "contains_any", "does_not_contain", "starts_with", "ends_with",
    "matches", "is_empty", "is_not_empty", "gte", "gt", "lte", "lt", "between",
]  # fmt: skip
ABOUT_NUMBERS = [
    "is", "is_not", "gt", "gte", "lt", "lte", "between", "any_of", "none_of", "is_empty", "is_not_empty",
]  # fmt: skip
ABOUT_DATES = [
    "within_last_days", "within_next_days", "anniversary_within_days", "on", "before", "after", "is_empty",
    "is_not_empty", "is", "is_not",
]  # fmt: skip
ABOUT_CHOICES = ["is", "is_not", "any_of", "none_of", "is_empty", "is_not_empty"]
BY_TYPE = {
    "number": ABOUT_NUMBERS, "money": ABOUT_NUMBERS, "date": ABOUT_DATES, "date_time": ABOUT_DATES,
    "boolean": ["is", "is_not", "is_empty", "is_not_empty"], "choice": ABOUT_CHOICES, "country": ABOUT_CHOICES,
    "language": ABOUT_CHOICES,
    "multi_choice": ["any_of", "all_of", "none_of", "is_empty", "is_not_empty", "is", "is_not"],
}  # fmt: skip


def vocabulary(staff: Staff) -> dict[str, Any]:
    """All but the values of single attributes and properties, which are asked for one by one."""
    kinds = plugins("conditions")
    known = [name for name in OPERANDS if name in comparisons.OPERATORS]
    known += [name for name in comparisons.OPERATORS if name not in OPERANDS]  # of a later language: a text beside it
    words = operator_words()
    event = kinds.get("event")
    return {
        "texts": texts(),
        "operators": {
            name: {"label": words.get(name, name.replace("_", " ")), "operand": OPERANDS.get(name, "text")}
            for name in known
        },
        "by_type": {
            type_: [name for name in BY_TYPE.get(type_, ABOUT_TEXT) if name in known] for type_ in ["text", *BY_TYPE]
        },
        "attributes": list(_attributes(staff.workspace.id)),
        "events": _events(staff.workspace.id),
        "event_keys": sorted(_keys(event)) if event else [],
        "kinds": [
            {"key": key, "label": _capital(str(plugin.label)), "fields": _fields(key, plugin, staff.workspace.id)}
            for key, plugin in kinds.items()
        ],
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _attributes(workspace_id: int) -> Iterator[dict[str, Any]]:
    """Those that most leads have come first."""
    use = use_of_attributes(workspace_id=workspace_id, subject="lead")
    known = definitions(workspace_id, "lead")
    for key in sorted(known.keys() | {"email"}, key=lambda key: (-use.of(key), key)):
        found = known.get(key)
        yield {
            "key": key,
            "label": found.label if found and found.label else attribute_label(key),
            "type": found.type if found else "email",
            "n": use.of(key),
        }


def _events(workspace_id: int) -> list[dict[str, Any]]:
    """By the names that criteria know them by, the commonest first; `any` before all."""
    counts: Counter[str] = Counter()
    for seen in names_seen(workspace_id=workspace_id):
        name = seen.name if seen.kind == "track" else seen.kind
        if name and name not in OWN_RECORDS:
            counts[name] += seen.count
    found = [{"key": name, "label": event_label(name), "n": n} for name, n in counts.most_common()]
    return [{"key": "any", "label": event_label("any"), "n": None}, *found]


# Values of one attribute, event or property


def values_of_attribute(staff: Staff, key: str) -> list[dict[str, Any]]:
    """[{value, n}] of the newest leads; declared choices that nobody has come last, with 0."""
    known = definitions(staff.workspace.id, "lead").get(key)
    is_declared = bool(known and known.type in IMPERSONAL)
    if not staff.sees_personal_data and not is_declared:
        return []
    found = commonest_values(workspace_id=staff.workspace.id, key=key)
    if not is_declared:
        found = [each for each in found if each["n"] > 1]  # a value that one lead alone has is no choice
    seen = {each["value"] for each in found}
    declared = known.choices if known and known.type in ("choice", "multi_choice") else []
    return found + [{"value": each, "n": 0} for each in declared if each not in seen]


def properties_of_event(staff: Staff, name: str) -> list[dict[str, Any]]:
    """[{key, types}]; of properties that hold objects, the paths into them that were seen lately."""
    seen = properties_seen(workspace_id=staff.workspace.id, name=name)
    found = {each.property: list(each.types) for each in seen}
    for path, value in _paths(staff, name):
        if "." in path:
            types = found.setdefault(path, [])
            type_ = _type_of(value)
            if type_ not in types:
                types.append(type_)
    return [{"key": key, "types": types} for key, types in sorted(found.items()) if types != ["object"]]


def values_of_property(staff: Staff, name: str, path: str) -> list[dict[str, Any]]:
    """[{value, n}] among the latest events of a name."""
    if not staff.sees_personal_data:
        return []
    counts = Counter(value for at, value in _paths(staff, name) if at == path)
    return [{"value": value, "n": n} for value, n in counts.most_common(50)]


def _paths(staff: Staff, name: str) -> Iterator[tuple[str, str | float | bool]]:
    """(path, value) of every scalar property of the latest events of a name, one object down at most."""
    for event in latest_events(workspace_id=staff.workspace.id, name=name, limit=EVENTS_LOOKED_AT):
        for key, value in event.properties.items():
            inner = value.items() if isinstance(value, dict) else [("", value)]
            for part, each in inner:
                if isinstance(each, (str, int, float)) and each != "":
                    yield (f"{key}.{part}" if part else key), each


def _type_of(value: Any) -> str:
    return "boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "string"


# Other conditions


def _fields(kind: str, plugin: Any, workspace_id: int) -> list[Field]:
    if kind in ("attribute", "event"):
        return []  # the component knows these two by heart
    own = getattr(plugin, "fields", None)
    if callable(own):
        return list(own(workspace_id))
    if kind in FIELDS:
        return FIELDS[kind](workspace_id)
    known = getattr(plugin, "known", None)
    names = known(workspace_id) if callable(known) else None
    first = _field(kind, str(plugin.label), choices={name: name for name in sorted(names)} if names else None)
    others = sorted(_keys(plugin) - {kind})
    return [first, *(_field(key, key.replace("_", " "), is_optional=True) for key in others)]


def _keys(plugin: Any) -> set[str]:
    """Those that this version speaks."""
    return set(plugin.keys) - set(getattr(plugin, "later", ()))


def _field(
    key: str, label: str, type: str = "text", *, is_optional: bool = False, choices: dict[str, str] | None = None
) -> Field:
    found: Field = {"key": key, "label": _capital(label), "type": "choice" if choices is not None else type}
    if is_optional:
        found["is_optional"] = True
    if choices is not None:
        found["choices"] = [{"value": value, "label": label} for value, label in choices.items()]
    return found


def _score(workspace_id: int) -> list[Field]:
    versions = list(ModelVersion.currents(workspace_id))
    dimensions = {d.name: d.name for v in versions for d in ScoringModel.read(v.body).dimensions}
    words = operator_words()
    figures = [_field(key, words[key], "number") for key in ("gte", "gt", "lte", "lt")]
    grades = {grade: grade for grade in GRADES}
    return [
        _field("score", _("Model"), choices={v.key: v.name or v.key for v in versions}),
        _field("dimension", _("Dimension"), is_optional=True, choices=dimensions),
        {
            "one_of": [
                *figures,
                _field("between", words["between"], "range"),
                _field("grade", _("Grade"), choices=grades),
            ]
        },
    ]


def _stage(workspace_id: int) -> list[Field]:
    return [
        _field("stage", _("Stage"), choices=stage_labels(workspace_id)),
        _field("ever", _("At any time"), "true", is_optional=True),
        _field("for_days_at_least", _("For at least so many days"), "days", is_optional=True),
    ]


def _temperature(_workspace_id: int) -> list[Field]:
    return [_field("temperature", _("Temperature"), choices=temperature_words())]


def _consent(workspace_id: int) -> list[Field]:
    purposes = {each.key: each.name or each.key for each in PurposeVersion.currents(workspace_id)}
    states = {"given": _("given"), "withdrawn": _("withdrawn"), "none": _("never given")}
    return [
        _field("consent", _("Purpose"), choices=purposes),
        _field("channel", _("Channel"), is_optional=True),
        _field("is", _("State"), choices=states),
    ]


def _mark(_workspace_id: int) -> list[Field]:
    marks = {"valid": _("Valid lead"), "confirmed": _("Address confirmed"), "profiled": _("May be profiled")}
    return [_field("mark", _("Mark"), choices=marks)]


def _magnet(workspace_id: int) -> list[Field]:
    titles = {
        each.key: in_language(each.body.get("title", "")) or each.key for each in MagnetVersion.currents(workspace_id)
    }
    return [_field("magnet", _("Lead magnet"), choices=titles)]


def _segment(workspace_id: int) -> list[Field]:
    names = {each.key: each.name for each in list_segments(workspace_id=workspace_id)}
    return [_field("segment", _("Segment"), choices=names)]


def _persona(workspace_id: int) -> list[Field]:
    words = operator_words()
    names = {each.key: each.name for each in list_personas(workspace_id) if not each.is_draft}
    figures = [_field(key, words[key], "number") for key in ("gte", "gt", "lte", "lt")]
    return [
        _field("persona", _("Persona"), choices=names),
        {"one_of": [*figures, _field("between", words["between"], "range")]},
    ]


def _objective(_workspace_id: int) -> list[Field]:
    objectives = {
        "content": _("Content"), "subscription": _("Subscription"), "quote": _("Quote"), "purchase": _("Purchase"),
        "service": _("Service"),
    }  # fmt: skip
    return [
        _field("objective", _("Objective"), choices=objectives),
        _field("first", _("The first one"), "true", is_optional=True),
        _field("ever", _("At any time"), "true", is_optional=True),
    ]


def _workflow(workspace_id: int) -> list[Field]:
    states = {"inside": _("is inside"), "finished": _("has finished"), "never": _("was never in it")}
    names = {each.key: each.name or each.key for each in WorkflowVersion.currents(workspace_id)}
    return [_field("workflow", _("Workflow"), choices=names), _field("is", _("State"), choices=states)]


FIELDS: dict[str, Callable[[int], list[Field]]] = {
    "score": _score, "stage": _stage, "temperature": _temperature, "consent": _consent, "mark": _mark,
    "magnet": _magnet, "segment": _segment, "persona": _persona, "objective": _objective, "workflow": _workflow,
}  # fmt: skip
