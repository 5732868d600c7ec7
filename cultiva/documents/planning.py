"""What files would change in a workspace: found out by doing it, and taking it back."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, transaction
from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.documents.kinds import CannotDelete, DocumentKind, Name, Present, kinds
from cultiva.documents.models import AppliedDocument
from cultiva.documents.normal import diff, digest
from cultiva.documents.reading import Given, Problem, errors_in, path_of, readable_needs
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, nearest
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]
CREATED, CHANGED, UNCHANGED, DELETED = "created", "changed", "unchanged", "deleted"


class PublishedMeanwhile(Refusal):
    """Somebody else published one of the documents at this instant; nothing was changed."""

    def __init__(self) -> None:
        said = gettext("Somebody else published one of these documents at this instant; nothing was changed.")
        super().__init__(said, gettext("try again"))


@dataclass(frozen=True)
class Step:
    """What becomes of one document. `drifted_since`: when files last applied it, where it was changed after that."""

    kind: str
    key: str
    path: str
    status: str
    diff: str = ""
    notes: tuple[str, ...] = ()
    drifted_since: datetime | None = None
    before: str = ""  # digests; empty: none
    after: str = ""
    text: str = ""  # the file's

    @property
    def name(self) -> Name:
        return self.kind, self.key

    @property
    def is_change(self) -> bool:
        return self.status != UNCHANGED

    @property
    def is_drift(self) -> bool:
        return self.drifted_since is not None


@dataclass(frozen=True)
class Plan:
    """What files do to a workspace, in the order in which it is done. With problems, nothing is."""

    workspace: str
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...] = ()
    only_in_product: tuple[Name, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> list[Step]:
        return [step for step in self.steps if step.is_change]

    @property
    def drift(self) -> list[Step]:
        return [step for step in self.steps if step.is_drift]

    @property
    def digest(self) -> str:
        """The same for the same changes: what was looked at is what is done."""
        said = [[step.kind, step.key, step.status, step.before, step.after] for step in self.changes]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def as_json(self) -> Json:
        return {
            "workspace": self.workspace,
            "digest": self.digest,
            **{status: 0 for status in (CREATED, CHANGED, DELETED, UNCHANGED)},
            **self.counts,
            "drifted": len(self.drift),
            "documents": [
                {
                    "kind": step.kind, "key": step.key, "path": step.path, "status": step.status,
                    "is_drift": step.is_drift, "diff": step.diff, "notes": list(step.notes),
                    "drifted_since": step.drifted_since.isoformat() if step.drifted_since else None,
                }
                for step in self.steps
            ],
            "only_in_product": [{"kind": kind, "key": key} for kind, key in self.only_in_product],
            "problems": [asdict(problem) for problem in self.problems],
        }  # fmt: skip


def plan_files(
    *, workspace_id: int, given: Sequence[Given], problems: Sequence[Problem] = (), delete: Collection[Name] = (),
    by: str, at: datetime,
) -> Plan:  # fmt: skip
    """What applying would do, with the code that does it. Nothing stays.

    `problems` are of files that could not be read. Documents alone in the product are named, and those in `delete` go.
    Raises PublishedMeanwhile.
    """
    with workspace_scope(workspace_id):
        point = transaction.savepoint()
        try:
            return carry_out(
                workspace_id=workspace_id, given=given, problems=problems, delete=delete, by=by, at=at,
                is_rehearsal=True,
            )  # fmt: skip
        finally:
            transaction.savepoint_rollback(point)


def carry_out(
    *, workspace_id: int, given: Sequence[Given], problems: Sequence[Problem] = (), delete: Collection[Name] = (),
    by: str, at: datetime, is_rehearsal: bool = False,
) -> Plan:  # fmt: skip
    """Do it, within the caller's transaction, as far as there is no problem; the caller keeps it or takes it back."""
    known = kinds()
    before = {(kind, key): found for kind, each in known.items() for key, found in each.present(workspace_id).items()}
    found = [*problems, *_unknown(given, before, delete, known), *_undeletable(given, before, delete, known)]
    found += _contradicting(given, known)
    ordered, circle = _in_order(given, before, delete)
    found += circle
    applied = {
        (row.kind, row.key): row for row in AppliedDocument.objects.filter(workspace_id=workspace_id).order_by("id")
    }
    run = _Run(workspace_id, known, before, applied, by, at, is_rehearsal)
    bad = {problem.path for problem in found}
    run.failed |= {each.name for each in given if each.path in bad}
    run.take_all([each for each in ordered if each.name not in run.failed])
    for name in _deletable(delete, before, found):
        run.delete(name)
    found += run.problems
    tried = {problem.path for problem in (*run.problems, *circle)}
    untried = [each for each in given if each.name in run.failed and each.path not in tried]
    told = {(problem.path, problem.place) for problem in found}
    found += [wrong for each in untried for wrong in run.mistakes_of(each) if (wrong.path, wrong.place) not in told]
    steps = tuple(run.steps)
    statuses = [step.status for step in steps]
    files = {each.name for each in given}
    return Plan(
        workspace=Workspace.objects.get(id=workspace_id).slug,
        steps=steps,
        problems=tuple(found),
        only_in_product=tuple(sorted(before.keys() - files - set(delete))),
        counts={status: statuses.count(status) for status in (CREATED, CHANGED, DELETED, UNCHANGED)},
    )


class _TakenBack(Exception):
    """What was tried goes well, and is not kept."""


class _Run:
    """One way through the documents of one workspace."""

    def __init__(
        self, workspace_id: int, known: Mapping[str, DocumentKind], before: Mapping[Name, Present],
        applied: Mapping[Name, AppliedDocument], by: str, at: datetime, is_rehearsal: bool,
    ) -> None:  # fmt: skip
        self.workspace_id, self.known, self.before, self.applied = workspace_id, known, before, applied
        self.by, self.at, self.is_rehearsal = by, at, is_rehearsal
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.failed: set[Name] = set()

    def take_all(self, given: Sequence[Given]) -> None:
        """What fails is tried again while something else goes well: not every need is a document's name.

        A segment that asks for a stage comes after the lifecycle, which may name segments in turn.
        """
        unread = set(self.failed)
        if any(digest_of(self.before.get(each.name)) != self._wanted(each) for each in given):
            for kind in self.known.values():
                kind.lock(self.workspace_id)
        while given:
            self.failed, self.problems = set(unread), []
            left = []
            for each in given:
                # What waits for one that failed would only say so again.
                if any(need.name in self.failed for need in each.needs) or not self.take(each):
                    self.failed.add(each.name)
                    left.append(each)
            if len(left) == len(given):
                break
            given = left

    def mistakes_of(self, given: Given) -> list[Problem]:
        """What else is wrong with a file that was not tried, since it names what is missing or failed itself."""
        lost = [need for need in given.needs if need.name in self.failed or need.name not in self.before]
        places, names = {need.place for need in lost}, {need.key for need in lost}
        try:
            with transaction.atomic():
                self._publish(given)
                raise _TakenBack
        except Refusal as error:
            own = [each for each in errors_in(error) if not getattr(each, "waits_for_others", False)]
            found = [given.problem(each) for each in own]
            return [each for each in found if each.place not in places and not each.names_one_of(names)]
        except (_TakenBack, DatabaseError):
            return []

    def _publish(self, given: Given) -> list[str]:
        publish = given.kind.rehearse if self.is_rehearsal else given.kind.publish
        return publish(
            workspace_id=self.workspace_id, text=given.text, attachments=given.attachments, by=self.by, at=self.at
        )

    def take(self, given: Given) -> bool:
        present = self.before.get(given.name)
        own = digest_of(present)
        if own == self._wanted(given):
            self.steps.append(Step(*given.name, given.path, UNCHANGED, before=own, after=own, text=given.text))
            return True
        try:
            with transaction.atomic():
                notes = self._publish(given)
        except IntegrityError as error:
            raise PublishedMeanwhile from error
        except DataError as error:
            words = gettext("the database refuses it: %(error)s") % {"error": str(error).splitlines()[0]}
            self.problems.append(Problem(given.path, words))
        except Refusal as error:
            self.problems += [given.problem(each) for each in errors_in(error)]
        else:
            self._note(given, present, own, notes)
            return True
        return False

    def _note(self, given: Given, present: Present | None, own: str, notes: Iterable[str]) -> None:
        after = given.kind.find(self.workspace_id, given.key)
        now = digest_of(after)
        # Written otherwise, and says the same.
        if present and after and (now, after.version) == (own, present.version):
            self.steps.append(Step(*given.name, given.path, UNCHANGED, before=own, after=own, text=given.text))
            return
        changes = [diff(present.body if present else None, given.body, name=given.path), *_other_files(present, after)]
        step = Step(
            *given.name, given.path, CHANGED if present else CREATED, "\n".join(part for part in changes if part),
            tuple(notes), self._drift(given.name, own), own, now, given.text,
        )  # fmt: skip
        self.steps.append(step)

    def _wanted(self, given: Given) -> str:
        """What the present digest is where the file says what is there; an attachment left out stays as it is."""
        present = self.before.get(given.name)
        return given.digest_with(present.attachments if present else {})

    def _drift(self, name: Name, own: str) -> datetime | None:
        applied = self.applied.get(name)
        return applied.at if applied and applied.digest != own else None

    def delete(self, name: Name) -> None:
        kind, key = name
        path, present = path_of(self.known[kind], key), self.before[name]
        try:
            with transaction.atomic():
                self.known[kind].delete(workspace_id=self.workspace_id, key=key, by=self.by, at=self.at)
        except CannotDelete as error:
            self.problems.append(Problem(path, error.problem, error.hint))
            return
        own = digest_of(present)
        gone = diff(present.body, None, name=path)
        self.steps.append(Step(kind, key, path, DELETED, gone, (), self._drift(name, own), own, ""))


def digest_of(present: Present | None) -> str:
    return digest(present.body, present.attachments) if present else ""


def _other_files(before: Present | None, after: Present | None) -> list[str]:
    """Attachments that change, one a line, in the manner of a diff."""
    old, new = before.attachments if before else {}, after.attachments if after else {}
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            lines += [f"-file {name} sha256:{old[name][:12]}"] if name in old else []
            lines += [f"+file {name} sha256:{new[name][:12]}"] if name in new else []
    return lines


def _unknown(
    given: Iterable[Given], before: Collection[Name], delete: Collection[Name], known: Mapping[str, DocumentKind]
) -> list[Problem]:
    """Documents that are named and are neither in the files nor in the workspace."""
    given = list(given)
    names = {each.name for each in given} | (set(before) - set(delete))
    found = []
    for each in given:
        for need in each.needs:
            if need.kind in known and need.name not in names:
                keys = [key for kind, key in names if kind == need.kind]
                error = DocumentError(
                    need.place,
                    gettext("there is no %(kind)s `%(key)s`") % {"kind": need.kind, "key": need.key},
                    nearest(need.key, keys),
                )
                found.append(each.problem(error))
    return found


def _contradicting(given: Sequence[Given], known: Mapping[str, DocumentKind]) -> list[Problem]:
    found = []
    for kind in known.values():
        own = {each.key: each for each in given if each.kind.kind == kind.kind}
        errors = kind.conflicts({key: each.body for key, each in own.items()})
        found += [own[key].problem(error) for key, error in errors.items()]
    return found


def _undeletable(
    given: Sequence[Given], before: Mapping[Name, Present], delete: Collection[Name], known: Mapping[str, DocumentKind]
) -> list[Problem]:
    """What is to be deleted and is not there, is in the files, or is needed by what stays."""
    files = {each.name: each for each in given}
    found = []
    for kind, key in sorted(delete):
        if kind not in known:
            found.append(
                Problem(
                    f"{kind}/{key}", gettext("no kind of document `%(kind)s`") % {"kind": kind}, nearest(kind, known)
                )
            )
            continue
        path = path_of(known[kind], key)
        if (kind, key) in files:
            found.append(
                Problem(
                    path, gettext("it is to be deleted, and the file is still there"), gettext("remove the file first")
                )
            )
        elif (kind, key) not in before:
            keys = [other for one, other in before if one == kind]
            found.append(
                Problem(
                    path,
                    gettext("there is no %(kind)s `%(key)s` to delete") % {"kind": kind, "key": key},
                    nearest(key, keys),
                )
            )
        else:
            users = [
                f"{user[0]} `{user[1]}`"
                for user, needs in _all_needs(given, before).items()
                if (kind, key) in needs and user not in delete
            ]
            if users:
                hint = gettext("take it out of these first")
                found.append(
                    Problem(path, gettext("it is used by %(listed)s") % {"listed": ", ".join(sorted(users)[:10])}, hint)
                )
    return found


def _all_needs(given: Iterable[Given], before: Mapping[Name, Present]) -> dict[Name, set[Name]]:
    """{document: what it names} of the workspace as the files would have it."""
    known = kinds()
    needs = {name: {need.name for need in readable_needs(known[name[0]], each.body)} for name, each in before.items()}
    return needs | {each.name: {need.name for need in each.needs} for each in given}


def _in_order(
    given: Sequence[Given], before: Mapping[Name, Present], delete: Collection[Name]
) -> tuple[list[Given], list[Problem]]:
    """The files, each after those that it names, kind by kind where nothing else is said; and the circle, if any."""
    kind_order = list(kinds())
    files = {each.name: each for each in given}
    needs = _all_needs(given, before)
    graph = {
        name: {need for need in sorted(needs[name]) if need in needs and need not in delete}
        for name in sorted(needs, key=lambda name: (kind_order.index(name[0]), name[1]))
        if name not in delete
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        way = list(reversed(error.args[1]))
        words = " → ".join(f"{kind} `{key}`" for kind, key in way)
        inside = next((files[name] for name in way if name in files), None)
        if inside is None:  # the product has it so already, and says what it thinks of it
            return sorted(given, key=lambda each: (kind_order.index(each.kind.kind), each.key)), []
        problem = Problem(
            inside.path,
            gettext("this goes in circles: %(words)s") % {"words": words},
            gettext("take one of the names out"),
        )
        circle = [Problem(files[name].path, *_circle(words)) for name in dict.fromkeys(way) if name in files]
        rest = [each for each in given if each.name not in way]
        return rest, circle or [problem]
    return [files[name] for name in order if name in files], []


def _circle(words: str) -> tuple[str, str]:
    return f"this goes in circles: {words}", "take one of the names out"


def _deletable(delete: Collection[Name], before: Mapping[Name, Present], found: Sequence[Problem]) -> list[Name]:
    """In an order in which what names others goes before them."""
    known, bad = kinds(), {problem.path for problem in found}
    wanted = {name for name in delete if name in before and path_of(known[name[0]], name[1]) not in bad}
    needs = {
        name: {need.name for need in readable_needs(known[name[0]], before[name].body)} & wanted
        for name in sorted(wanted)
    }
    try:
        return list(reversed(list(TopologicalSorter(needs).static_order())))
    except CycleError:
        return sorted(wanted)
