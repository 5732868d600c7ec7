"""Whether criteria speak of what a workspace has: an unknown name is an error when saved, never a silent "nobody"."""

import difflib
from collections.abc import Collection

from django.utils.translation import gettext

from cultiva.criteria.conditions.base import Condition, Reference
from cultiva.criteria.language import Node, placed_conditions
from cultiva.lib.documents import DocumentError, nearest
from cultiva.lib.plugins import plugins

NOBODYS = ("attribute", "event", "tag")  # names that come with no document


class UnknownName(DocumentError):
    """A name that the workspace does not know. `is_slip`: it resembles one that is known."""

    def __init__(self, place: str, reference: Reference, names: Collection[str]) -> None:
        values = {"kind": reference.kind, "key": reference.key}
        none = gettext("there is no %(kind)s yet") % {"kind": reference.kind}
        hint = nearest(reference.key, sorted(names)) if names else none
        super().__init__(place, gettext("no %(kind)s `%(key)s` in this workspace") % values, hint)
        self.waits_for_others = reference.kind not in NOBODYS
        self.is_slip = bool(difflib.get_close_matches(reference.key, names, n=1))


def check(node: Node, *, workspace_id: int, place: str = "criteria") -> list[UnknownName]:
    """What a tree names and the workspace does not have, in the order of the document. Empty: it may be saved.

    Kinds of which nobody knows the names (there is no room for them yet) are not checked.
    """
    known = _Names(workspace_id)
    found = []
    for where, condition in placed_conditions(node, place):
        for reference in condition.refers():
            names = known(reference.kind)
            if names is not None and reference.key not in names:
                found.append(UnknownName(f"{where}.{reference.place}", reference, names))
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
