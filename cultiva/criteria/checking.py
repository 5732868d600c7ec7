"""Whether criteria speak of what a workspace has: an unknown name is an error when saved, never a silent "nobody"."""

from collections.abc import Collection
from dataclasses import dataclass

from cultiva.criteria.conditions.base import Condition
from cultiva.criteria.language import Node, placed_conditions
from cultiva.criteria.reading import nearest
from cultiva.lib.plugins import plugins


@dataclass(frozen=True)
class Problem:
    """A name that the workspace does not know."""

    place: str  # in the document: criteria.all[0].attribute
    problem: str
    hint: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f"\nhint: {self.hint}" if self.hint else "")


def check(node: Node, *, workspace_id: int, place: str = "criteria") -> list[Problem]:
    """What a tree names and the workspace does not have, in the order of the document. Empty: it may be saved.

    Kinds of which nobody knows the names (there is no room for them yet) are not checked.
    """
    known = _Names(workspace_id)
    found = []
    for where, condition in placed_conditions(node, place):
        for reference in condition.refers():
            names = known(reference.kind)
            if names is not None and reference.key not in names:
                problem = f"no {reference.kind} `{reference.key}` in this workspace"
                hint = nearest(reference.key, sorted(names)) if names else f"there is no {reference.kind} yet"
                found.append(Problem(f"{where}.{reference.place}", problem, hint))
    return found


class _Names:
    """The names of each kind, asked for once."""

    def __init__(self, workspace_id: int) -> None:
        self.workspace_id = workspace_id
        self.by_kind: dict[str, Collection[str] | None] = {}

    def __call__(self, kind: str) -> Collection[str] | None:
        if kind not in self.by_kind:
            condition: type[Condition] | None = plugins("conditions").get(kind)
            names = condition.known(self.workspace_id) if condition else None
            self.by_kind[kind] = names if names is None else frozenset(names)
        return self.by_kind[kind]
