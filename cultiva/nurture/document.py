"""The workflow document: how a lead enters, and the graph it walks (docs/reference/workflows.md)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from cultiva.criteria.conditions.event import EventHappened
from cultiva.criteria.language import Context, Node, compile_predicate, parse
from cultiva.criteria.personas import AnyPersona
from cultiva.criteria.reading import read_days, read_list, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, nearest
from cultiva.lib.plugins import plugins
from cultiva.lib.zones import time_zones

KEY = re.compile(r"[\w-]{1,60}")  # a node's key becomes a part of the mail's cause (at most 120 letters)
WAIT_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60}
LONGEST_WAIT_SECONDS = 3_650 * 86_400
NODES_LIMIT = 300  # people stop at thirty
KINDS = ("step", "wait", "branch", "exit")
# {entry: (event, the property that names the thing)}; an `event` names itself.
ENTRIES = {
    "form": ("form_submitted", "form"),
    "magnet": ("magnet_granted", "magnet"),
    "stage": ("stage", "to"),
    "event": ("", ""),
}


@dataclass(frozen=True)
class Entry:
    """What brings a lead in: an event, whatever the document calls it."""

    kind: str
    key: str
    when: EventHappened
    reentry_seconds: float | None  # after the last exit; 0: always, None: never


@dataclass(frozen=True)
class Step:
    kind: str
    settings: Mapping[str, Any]
    next: str


@dataclass(frozen=True)
class Wait:
    seconds: float
    next: str


@dataclass(frozen=True)
class Arm:
    when: Node
    next: str


@dataclass(frozen=True)
class Branch:
    arms: tuple[Arm, ...]
    otherwise: str


@dataclass(frozen=True)
class Exit:
    pass


WorkflowNode = Step | Wait | Branch | Exit


@dataclass(frozen=True)
class Workflow:
    key: str
    name: str
    purpose: str
    timezone: str  # empty: the workspace's
    entry: Entry
    nodes: Mapping[str, WorkflowNode]  # each after those that lead to it, where no circle forbids
    start: str

    def guards(self) -> list[Node]:
        """The criteria of every branch."""
        branches = [node for node in self.nodes.values() if isinstance(node, Branch)]
        return [arm.when for branch in branches for arm in branch.arms]


def read_workflow(found: Any) -> Workflow:
    """The workflow in a document as `lib.documents.read_document` gives it; raises DocumentError."""
    mistakes = Mistakes()
    found = check_keys(
        found,
        allowed=("workflow", "name", "purpose", "timezone", "entry", "nodes", "start"),
        required=("workflow", "purpose", "entry", "nodes", "start"),
        place="workflow",
        mistakes=mistakes,
    )
    key = mistakes.of(_key, found["workflow"], place="workflow")
    purpose = mistakes.of(_key, found["purpose"], place="purpose")
    timezone = mistakes.of(_read_timezone, found.get("timezone", ""))
    entry = mistakes.of(_read_entry, found["entry"])
    nodes = mistakes.of(_read_nodes, found["nodes"])
    if nodes:
        mistakes.of(_check_graph, nodes, found["start"])
    mistakes.tell()
    return Workflow(
        key=key,
        name=str(found.get("name") or key),
        purpose=purpose,
        timezone=timezone,
        entry=entry,
        nodes={node: nodes[node] for node in _in_reading_order(found["start"], nodes)},
        start=found["start"],
    )


def _read_entry(found: Any) -> Entry:
    given = check_keys(found, allowed=(*ENTRIES, "where", "reentry"), place="entry")
    kinds = [kind for kind in ENTRIES if kind in given]
    if len(kinds) != 1:
        raise DocumentError(
            "entry",
            gettext("exactly one of %(listed)s is needed, not %(count)s")
            % {"listed": ", ".join(ENTRIES), "count": len(kinds)},
        )
    kind = kinds[0]
    key = read_text(given[kind], f"entry.{kind}")
    if kind == "event":
        event: dict[str, Any] = {name: given[name] for name in ("event", "where") if name in given}
    elif "where" in given:
        raise DocumentError(
            "entry.where",
            gettext("`where` looks at an event, not at a %(kind)s") % {"kind": kind},
            gettext("leave it out"),
        )
    else:
        name, named_by = ENTRIES[kind]
        event = {"event": name, "where": [{"property": named_by, "is": key}]}
    return Entry(kind, key, EventHappened.read(event, "entry"), _read_reentry(given.get("reentry", "never")))


def _read_reentry(found: Any) -> float | None:
    if found in ("never", "always"):
        return None if found == "never" else 0
    if not isinstance(found, Mapping):
        raise DocumentError(
            "entry.reentry",
            gettext("%(value)r says nothing") % {"value": found},
            gettext("never, always or {after_days: 180}"),
        )
    given = check_keys(found, allowed=("after_days",), required=("after_days",), place="entry.reentry")
    return read_days(given["after_days"], "entry.reentry.after_days") * WAIT_SECONDS["days"]


def _read_nodes(found: Any) -> dict[str, WorkflowNode]:
    if not isinstance(found, Mapping) or not found:
        raise DocumentError("nodes", gettext("a mapping of nodes is needed, not %(value)r") % {"value": found})
    if len(found) > NODES_LIMIT:
        raise DocumentError(
            "nodes",
            gettext("%(count)s nodes are too many") % {"count": len(found)},
            gettext("at most %(most)s") % {"most": NODES_LIMIT},
        )
    since = ("entry", *found)
    mistakes = Mistakes()
    nodes = {
        mistakes.of(_node_key, key): mistakes.of(_read_node, each, f"nodes.{key}", since) for key, each in found.items()
    }
    mistakes.tell()
    return nodes


def _node_key(found: Any) -> str:
    if found == "entry":
        raise DocumentError(
            "nodes", gettext("`entry` names the entry itself in `since`"), gettext("call the node otherwise")
        )
    return _key(found, place="nodes")


def _read_node(found: Any, place: str, since: Collection[str]) -> WorkflowNode:
    """`since`: what conditions may count events from."""
    if not isinstance(found, Mapping):
        raise DocumentError(place, gettext("a mapping of keys is needed, not %(value)r") % {"value": found})
    kinds = [kind for kind in KINDS if kind in found]
    if len(kinds) != 1:
        wrong = next((key for key in found if key not in (*KINDS, "next", "otherwise")), None)
        hint = nearest(wrong, KINDS) if wrong and not kinds else ""
        raise DocumentError(
            place,
            gettext("exactly one of %(listed)s is needed, not %(count)s")
            % {"listed": ", ".join(KINDS), "count": len(kinds)},
            hint,
        )
    match kinds[0]:
        case "step":
            return _read_step(found, place)
        case "wait":
            return _read_wait(found, place)
        case "branch":
            return _read_branch(found, place, since)
        case _:
            return _read_exit(found, place)


def _read_step(found: Any, place: str) -> Step:
    kinds = plugins("steps")
    if found["step"] not in kinds:
        raise DocumentError(
            f"{place}.step",
            gettext("no step `%(step)s`") % {"step": found["step"]},
            nearest(found["step"], list(kinds)),
        )
    fields = kinds[found["step"]].Settings.base_fields
    given = check_keys(found, allowed=("step", "next", *fields), required=("next",), place=place)
    settings = {key: value for key, value in given.items() if key in fields}
    return Step(found["step"], settings, given["next"])


def _read_wait(found: Any, place: str) -> Wait:
    given = check_keys(found, allowed=("wait", "next"), required=("next",), place=place)
    wait = check_keys(given["wait"], allowed=WAIT_SECONDS, place=f"{place}.wait")
    if len(wait) != 1:
        raise DocumentError(
            f"{place}.wait",
            gettext("exactly one of %(listed)s is needed, not %(count)s")
            % {"listed": ", ".join(WAIT_SECONDS), "count": len(wait)},
        )
    ((unit, amount),) = wait.items()
    seconds = read_days(amount, f"{place}.wait.{unit}") * WAIT_SECONDS[unit]
    if not 1 <= seconds <= LONGEST_WAIT_SECONDS:
        raise DocumentError(
            f"{place}.wait.{unit}",
            gettext("%(value)r is too long or too short") % {"value": amount},
            gettext("1 second to 10 years"),
        )
    return Wait(seconds, given["next"])


def _read_branch(found: Any, place: str, since: Collection[str]) -> Branch:
    given = check_keys(found, allowed=("branch", "otherwise"), required=("otherwise",), place=place)
    listed = enumerate(read_list(given["branch"], f"{place}.branch"))
    mistakes = Mistakes()
    arms = tuple(mistakes.of(_read_arm, each, f"{place}.branch[{number}]", since) for number, each in listed)
    mistakes.tell()
    return Branch(arms, given["otherwise"])


def _read_arm(found: Any, place: str, since: Collection[str]) -> Arm:
    arm = check_keys(found, allowed=("when", "next"), required=("when", "next"), place=place)
    when = parse(arm["when"], place=f"{place}.when")
    # Refuses any other `since`.
    compile_predicate(when, Context(since=dict.fromkeys(since, ""), personas=AnyPersona()))
    return Arm(when, arm["next"])


def _read_exit(found: Any, place: str) -> Exit:
    if check_keys(found, allowed=("exit",), place=place)["exit"] is not True:
        raise DocumentError(f"{place}.exit", gettext("%(value)r is not `true`") % {"value": found["exit"]})
    return Exit()


def targets(node: WorkflowNode) -> list[tuple[str, str]]:
    """[(key in the document, node it leads to)]"""
    if isinstance(node, Branch):
        arms = [(f"branch[{number}].next", arm.next) for number, arm in enumerate(node.arms)]
        return [*arms, ("otherwise", node.otherwise)]
    return [] if isinstance(node, Exit) else [("next", node.next)]


def _check_graph(nodes: Mapping[str, WorkflowNode], start: Any) -> None:
    mistakes = Mistakes()
    mistakes.of(_check_target, start, nodes, place="start")
    for key, node in nodes.items():
        for name, target in targets(node):
            mistakes.of(_check_target, target, nodes, place=f"nodes.{key}.{name}")
    mistakes.tell()
    reached = {start, *_reached_from(start, nodes)}
    for key in nodes:
        if key not in reached:
            words, hint = gettext("nothing leads here"), gettext("lead a `next` to it, or remove it")
            mistakes.errors.append(DocumentError(f"nodes.{key}", words, hint))
    mistakes.tell()
    instant = {key: node for key, node in nodes.items() if not isinstance(node, Wait)}
    for key in instant:
        if key in _reached_from(key, instant):
            raise DocumentError(
                f"nodes.{key}", gettext("leads back to itself without a wait"), gettext("put a wait into the circle")
            )


def _reached_from(start: str, nodes: Mapping[str, WorkflowNode]) -> set[str]:
    """The nodes on the ways on from `start`; itself only where one leads back. Ways stay inside `nodes`."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for _, target in targets(nodes[waiting.pop()]):
            if target in nodes and target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


def _in_reading_order(start: str, nodes: Mapping[str, WorkflowNode]) -> list[str]:
    """Depth first, a node before all it leads to. jsonb forgets the order in which the author wrote them."""
    seen: set[str] = set()
    done: list[str] = []

    def visit(key: str) -> None:
        seen.add(key)
        for _, target in reversed(targets(nodes[key])):
            if target not in seen:
                visit(target)
        done.append(key)

    visit(start)
    return done[::-1]


def _check_target(target: Any, nodes: Mapping[str, WorkflowNode], *, place: str) -> None:
    if not isinstance(target, str) or target not in nodes:
        raise DocumentError(place, gettext("no node `%(target)s`") % {"target": target}, nearest(target, list(nodes)))


def _read_timezone(found: Any) -> str:
    if not isinstance(found, str) or (found and found not in time_zones()):
        raise DocumentError(
            "timezone",
            gettext("no time zone %(value)r") % {"value": found},
            gettext("an IANA name such as Europe/Madrid"),
        )
    return found


def _key(found: Any, *, place: str) -> str:
    if not isinstance(found, str) or not KEY.fullmatch(found):
        raise DocumentError(
            place, gettext("%(value)r is no key") % {"value": found}, gettext("1 to 60 letters, digits, - and _")
        )
    return found
