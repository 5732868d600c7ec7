"""Whether criteria can be told to hold wherever others do. False says: it cannot be told."""

from cultiva.criteria.comparisons import Comparison
from cultiva.criteria.conditions.attribute import Attribute
from cultiva.criteria.conditions.event import ANY, RECORDS, EventHappened, PropertyTest, Times
from cultiva.criteria.conditions.persona import PersonaIsClose
from cultiva.criteria.language import AllOf, AnyOf, Condition, Node, Not
from cultiva.lib.folding import fold


def implies(node: Node, other: Node) -> bool:
    """Sound: True only where nobody can meet `node` and not `other`, at any one instant."""
    if node == other:
        return True
    if isinstance(other, AllOf):
        return all(implies(node, each) for each in other.nodes)
    if isinstance(node, AnyOf):
        return all(implies(each, other) for each in node.nodes)
    if isinstance(node, Not) and isinstance(other, Not):
        return implies(other.node, node.node)
    parts: list[tuple[Node, Node]] = [(each, other) for each in node.nodes] if isinstance(node, AllOf) else []
    parts += [(node, each) for each in other.nodes] if isinstance(other, AnyOf) else []
    if parts:
        return any(implies(one, wide) for one, wide in parts)
    return isinstance(node, Condition) and isinstance(other, Condition) and _condition(node, other)


def _condition(one: Condition, other: Condition) -> bool:
    if isinstance(one, Attribute) and isinstance(other, Attribute):
        return one.name == other.name and _comparison(one.comparison, other.comparison)
    if isinstance(one, PersonaIsClose) and isinstance(other, PersonaIsClose):
        return one.persona == other.persona and _comparison(one.limits, other.limits)
    return isinstance(one, EventHappened) and isinstance(other, EventHappened) and _event(one, other)


def _event(one: EventHappened, other: EventHappened) -> bool:
    """More often, of more tests, in a shorter time."""
    is_plain = all(each.figure.kind == "count" and not each.since for each in (one, other))
    return (
        is_plain
        and (one.event == other.event or (other.event == ANY and one.event not in RECORDS))
        and one.between_dates == other.between_dates
        and (other.within_days is None or (one.within_days is not None and one.within_days <= other.within_days))
        and all(any(_test(mine, theirs) for mine in one.where) for theirs in other.where)
        and _often(one.times or Times(at_least=1), other.times or Times(at_least=1))
    )


def _often(one: Times, other: Times) -> bool:
    """What is not bounded from above holds of more events as well."""
    wanted = other.at_least
    has = one.exactly if one.exactly is not None else one.at_least
    return other.exactly is None and other.at_most is None and wanted is not None and (has or 0) >= wanted


def _test(one: PropertyTest, other: PropertyTest) -> bool:
    return one.path == other.path and _comparison(one.comparison, other.comparison)


POSITIVE = ("is", "any_of", "all_of", "contains", "contains_any", "starts_with", "ends_with", "matches")
AMOUNTS = ("gt", "gte", "lt", "lte", "between")
SINGLE = {"is": "any_of", "contains": "contains_any"}  # {operator: the same of a list}


def _comparison(one: Comparison, other: Comparison) -> bool:
    """One value of a list decides for each of these operators, so lists are as sound as single values."""
    if one == other:
        return True
    if other.operator == "is_not_empty":
        return one.operator in (*POSITIVE, *AMOUNTS)
    if one.operator in AMOUNTS and other.operator in AMOUNTS:
        return _amounts(one, other)
    mine, theirs = (SINGLE.get(each.operator, each.operator) for each in (one, other))
    if mine == theirs and mine in SINGLE.values():
        return set(one.operands) <= set(other.operands) and _alike(one, other)
    if mine == theirs == "starts_with":
        return fold(str(one.operands[0])).startswith(fold(str(other.operands[0])))
    return False


def _alike(one: Comparison, other: Comparison) -> bool:
    """1 and True are equal in Python, and ask for different values."""
    kinds = {(type(each), each) for each in other.operands}
    return all((type(each), each) in kinds for each in one.operands)


def _amounts(one: Comparison, other: Comparison) -> bool:
    (low, low_is_in), (high, high_is_in) = _span(one)
    (least, least_is_in), (most, most_is_in) = _span(other)
    from_below = low > least or (low == least and (least_is_in or not low_is_in))
    from_above = high < most or (high == most and (most_is_in or not high_is_in))
    return from_below and from_above


def _span(comparison: Comparison) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """((lowest, whether itself), (highest, whether itself))"""
    nothing, all_ = (float("-inf"), False), (float("inf"), False)
    operands = [float(each) for each in comparison.operands]
    return {
        "gt": ((operands[0], False), all_),
        "gte": ((operands[0], True), all_),
        "lt": (nothing, (operands[0], False)),
        "lte": (nothing, (operands[0], True)),
        "between": ((operands[0], True), (operands[-1], True)),
    }[comparison.operator]
