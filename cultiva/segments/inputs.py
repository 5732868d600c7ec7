"""What a segment reads, in the words of table segment_input: who keeps answers asks anew where one of them changed.

`attribute:country`, `event:page`, `segment:vip`; of what rooms store of a lead the family alone: `score`, `stage`.
"""

from collections.abc import Iterable

from cultiva.criteria.language import Reads
from cultiva.events.actions import LedgerEvent
from cultiva.events.verdicts import MARKED, UNMARKED
from cultiva.leads.values import clean_attributes

EVERYTHING = "everything"
ACTS = ("track", "page", "screen")
# What may make a lead another person than before, with another past.
IDENTITY = ("lead_merged", "lead_unmerged")
EARLY = ("consent", "mark", "segment")  # facts that stand when `flow` begins; the others are written by its steps
# Written before `refresh_states`, or told by an event.
EARLIER_STATES = frozenset({"score", "temperature", "stage", "persona"})


def inputs_of(reads: Reads) -> frozenset[str]:
    attributes = (f"attribute:{name}" for name in reads.attributes)
    events = (f"event:{name}" for name in reads.events)
    return frozenset([*attributes, *events, *(_word(fact) for fact in reads.facts)])


def _word(fact: str) -> str:
    return fact if fact.startswith("segment:") else fact.partition(":")[0]


def states_in(inputs: Iterable[str]) -> frozenset[str]:
    """The families of facts that steps of `flow` write: segments with them wait until those are done."""
    return frozenset(word for word in inputs if ":" not in word and word not in EARLY)


def changed_by(event: LedgerEvent) -> set[str]:
    """What an event may change."""
    inputs = {f"event:{event.name if event.kind == 'track' else event.kind}"}
    if event.kind in ACTS:
        inputs.add("event:any")
    elif event.kind == "identify":
        forgotten = event.context.get("forgets") or ()  # taken away by staff, or by the undoing of an import
        inputs |= {f"attribute:{key}" for key in ("email", *clean_attributes(event.properties), *forgotten)}
    elif event.kind == "segment":
        inputs.add(f"segment:{event.properties.get('segment')}")
    elif event.kind == "stage":
        inputs.add("stage")
    elif event.kind == "score":
        inputs |= {"score", "temperature"}
    elif event.kind == "consent":
        inputs |= {"consent", "mark"}
    elif event.name in (*IDENTITY, MARKED, UNMARKED):
        inputs.add(EVERYTHING)
    return inputs
