"""Who uses what: written with each document, asked before one is deleted or refers to itself by a detour."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext

from cultiva.criteria.language import Node, conditions_of
from cultiva.criteria.models import CriteriaReference
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.refusals import Refusal

Name = tuple[str, str]  # (kind, key): ("segment", "clientes"), ("attribute", "country")
STAGES: Name = ("event", "stage")  # what every lifecycle records: who reads these events reads the lifecycle's guards


class User(NamedTuple):
    """A document that uses a name."""

    kind: str
    key: str


class StillUsed(Refusal):
    """What is to be deleted is used; `users` names by whom."""

    def __init__(self, name: Name, users: Collection[User]) -> None:
        self.users = list(users)
        listed = ", ".join(f"{user.kind} `{user.key}`" for user in self.users[:10])
        words = gettext("%(kind)s `%(key)s` is used by %(listed)s.")
        values = {"kind": name[0], "key": name[1], "listed": listed}
        super().__init__(words % values, gettext("take it out of these first"))


class GoesInCircles(Refusal):
    """A document would need itself; `way` names the documents from it back to it."""

    def __init__(self, way: Collection[Name]) -> None:
        self.way = list(way)
        words = " → ".join(f"{kind} `{key}`" for kind, key in self.way)
        super().__init__(gettext("this goes in circles: %(words)s") % {"words": words})


def references_of(nodes: Iterable[Node]) -> frozenset[Name]:
    """The names that criteria need."""
    return frozenset((each.kind, each.key) for node in nodes for c in conditions_of(node) for each in c.refers())


def save_references(*, workspace_id: int, kind: str, key: str, refers: Collection[Name]) -> None:
    """Say anew what a document needs, in the transaction that saves it. Raises GoesInCircles.

    Two who save at once cannot close a circle between them: who comes second waits, and then sees the first.
    """
    with workspace_scope(workspace_id):
        parameters = {
            "workspace": workspace_id, "kind": kind, "key": key,
            "kinds": [each[0] for each in refers], "keys": [each[1] for each in refers],
        }  # fmt: skip
        execute("SELECT pg_advisory_xact_lock(hashtextextended('criteria_reference', %(workspace)s))", parameters)
        beyond = fetch_all(load_sql("criteria", "references_beyond"), parameters)
        if way := _way_back((kind, key), refers, beyond):
            raise GoesInCircles(way)
        execute(load_sql("criteria", "drop_references"), parameters)
        execute(load_sql("criteria", "add_references"), parameters)


def _way_back(document: Name, refers: Collection[Name], beyond: Sequence[dict[str, Any]]) -> list[Name]:
    """The shortest way from a document back to it, or [].

    A guard may ask what stage changes there were; it goes in circles only where they change the score that it reads.
    """
    needs: dict[Name, list[Name]] = {}
    for row in beyond:
        needs.setdefault((row["kind"], row["key"]), []).append((row["refers_kind"], row["refers_key"]))
    if document[0] == "lifecycle":
        needs.setdefault(STAGES, []).append(document)
    ways = deque([document, each] for each in sorted(refers))
    seen = {(way[-1], _is_closed(way)) for way in ways}
    while ways:
        way = ways.popleft()
        if way[-1] == document and _is_closed(way):
            return way
        new = [(name, [*way, name]) for name in dict.fromkeys(needs.get(way[-1], []))]
        new = [(name, longer) for name, longer in new if (name, _is_closed(longer)) not in seen]
        seen.update((name, _is_closed(longer)) for name, longer in new)
        ways.extend(longer for _name, longer in new)
    return []


def _is_closed(way: Sequence[Name]) -> bool:
    """Whether a way is a circle once it comes back: by documents alone, or by stages through a score."""
    return STAGES not in way or any(kind == "score" for kind, _key in way)


def forget_references(*, workspace_id: int, kind: str, key: str) -> None:
    """Of a document that is deleted. Raises StillUsed where others need it."""
    with workspace_scope(workspace_id):
        refuse_if_used(workspace_id=workspace_id, kind=kind, key=key)
        CriteriaReference.objects.filter(workspace_id=workspace_id, kind=kind, key=key).delete()


def used_by(*, workspace_id: int, kind: str, key: str) -> list[User]:
    """The documents that need a name, by kind and key."""
    with workspace_scope(workspace_id):
        found = CriteriaReference.objects.filter(workspace_id=workspace_id, refers_kind=kind, refers_key=key)
        return [User(*row) for row in found.order_by("kind", "key").values_list("kind", "key")]


def refuse_if_used(*, workspace_id: int, kind: str, key: str) -> None:
    """Raises StillUsed."""
    users = [user for user in used_by(workspace_id=workspace_id, kind=kind, key=key) if user != (kind, key)]
    if users:
        raise StillUsed((kind, key), users)
