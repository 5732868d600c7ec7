"""What a tree of criteria reads, so that only what changed is looked at again."""

from collections.abc import Iterable
from dataclasses import dataclass

from cultiva.criteria.conditions.attribute import Attribute
from cultiva.criteria.conditions.event import EventHappened
from cultiva.criteria.language import Condition, Node, conditions_of
from cultiva.segments.conditions.segment import InSegment

# {kind of condition: what it reads}; written by steps of `flow` that come after segments, but for consent.
FACTS = {"score": "score", "temperature": "score", "stage": "stage", "consent": "consent", "mark": "consent"}
STATES = ("score", "stage", "anything")
ANYTHING = "anything"  # a condition that this room does not know: looked at whenever something happens to a lead


@dataclass(frozen=True)
class Reads:
    """What a tree reads. `events` holds `any` where every act counts; `facts` are `stage`, `score`, `segment:<key>`,
    `consent`, or `anything`."""

    attributes: frozenset[str]
    events: frozenset[str]
    facts: frozenset[str]
    is_timed: bool

    @property
    def inputs(self) -> frozenset[str]:
        """One word each, as table segment_input keeps them."""
        named = {f"attribute:{name}" for name in self.attributes} | {f"event:{name}" for name in self.events}
        return frozenset(named) | self.facts

    @property
    def segments(self) -> frozenset[str]:
        return frozenset(fact.removeprefix("segment:") for fact in self.facts if fact.startswith("segment:"))

    @property
    def reads_states(self) -> bool:
        return not self.facts.isdisjoint(STATES)


def reads_of(node: Node) -> Reads:
    found = list(conditions_of(node))
    return Reads(
        attributes=frozenset(each.name for each in found if isinstance(each, Attribute)),
        events=frozenset(each.event for each in found if isinstance(each, EventHappened)),
        facts=frozenset(_facts(found)),
        is_timed=any(_is_timed(each) for each in found),
    )


def _facts(conditions: Iterable[Condition]) -> Iterable[str]:
    for each in conditions:
        if isinstance(each, InSegment):
            yield f"segment:{each.segment}"
        elif not isinstance(each, (Attribute, EventHappened)):
            yield FACTS.get(each.kind, ANYTHING)


def _is_timed(condition: Condition) -> bool:
    return any(getattr(condition, name, None) for name in ("within_days", "for_days_at_least"))
