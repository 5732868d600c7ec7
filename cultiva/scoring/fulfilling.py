"""What would make a condition hold: acts, and things told. A guess that the caller proves by scoring it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cultiva.criteria.comparisons import Comparison
from cultiva.criteria.conditions.attribute import Attribute
from cultiva.criteria.conditions.event import ANY, RECORDS, EventHappened
from cultiva.criteria.conditions.tag import TAGS, HasTag
from cultiva.criteria.language import AllOf, AnyOf, Node
from cultiva.scoring.supposing import SupposedAct

Json = dict[str, Any]

MOST_ACTS = 10  # further away nothing is near


@dataclass(frozen=True)
class Fulfilment:
    told: Json = field(default_factory=dict)
    acts: tuple[SupposedAct, ...] = ()

    def __add__(self, other: "Fulfilment") -> "Fulfilment":
        return Fulfilment({**self.told, **other.told}, (*self.acts, *other.acts))


def fulfilment_of(node: Node, known: Mapping[str, Any]) -> Fulfilment | None:
    """The first way that is found; None where there is none, or where it would contradict what is `known`."""
    if isinstance(node, AllOf):
        found = [fulfilment_of(child, known) for child in node.nodes]
        ways = [each for each in found if each is not None]
        return sum(ways, Fulfilment()) if len(ways) == len(found) else None
    if isinstance(node, AnyOf):
        return next((way for child in node.nodes if (way := fulfilment_of(child, known)) is not None), None)
    if isinstance(node, EventHappened):
        return _acts_of(node)
    if isinstance(node, HasTag):
        return Fulfilment({TAGS: [*known.get(TAGS, ()), node.tag]})
    if isinstance(node, Attribute) and not known.get(node.name):
        value = value_for(node.comparison)
        return None if value is None else Fulfilment({node.name: value})
    return None


def _acts_of(event: EventHappened) -> Fulfilment | None:
    act = act_for(event)
    if act is None:
        return None
    least = event.times.exactly or event.times.at_least or 0 if event.times else 1
    return Fulfilment(acts=(act,) * least) if least <= MOST_ACTS else None


def act_for(event: EventHappened, value: Any = None) -> SupposedAct | None:
    """One event that matches; with `value`, of what its figure counts."""
    if event.event in RECORDS:
        return None  # these are written by us
    properties: Json = {}
    for test in event.where:
        wanted = value_for(test.comparison)
        if wanted is not None:
            _put(properties, test.path, wanted)
        elif test.comparison.operator not in ("is_not", "none_of", "does_not_contain", "is_empty"):
            return None
    if event.figure.kind in ("sum", "max") and event.limits:
        _put(properties, event.figure.path, value_for(event.limits))
    elif event.figure.kind == "distinct":
        _put(properties, event.figure.path, value or "1")
    return SupposedAct("page" if event.event == ANY else event.event, properties)


def _put(properties: Json, path: tuple[str, ...], value: Any) -> None:
    *outer, last = path
    for key in outer:
        properties = properties.setdefault(key, {})
    properties[last] = value


def with_value(act: SupposedAct, path: tuple[str, ...], value: Any) -> SupposedAct:
    """The same act on something else."""
    more: Json = {}
    _put(more, path, value)
    return SupposedAct(act.event, {**act.properties, **more})


def value_for(comparison: Comparison) -> Any:
    """A value that passes; None where none is known."""
    operands = comparison.operands
    match comparison.operator:
        case "is" | "any_of" | "contains" | "contains_any" | "starts_with" | "ends_with" | "gte" | "lte" | "between":
            return operands[0]
        case "all_of":
            return list(operands)
        case "gt":
            return float(operands[0]) + 1
        case "lt":
            return float(operands[0]) - 1
        case "is_not_empty":
            return "1"
    return None
