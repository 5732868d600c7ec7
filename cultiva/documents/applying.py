"""Putting files in force: the plan, done in one transaction of a workspace; and the way back, from there to files."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.documents.kinds import DocumentKind, Name, Present, kinds, read_once
from cultiva.documents.models import AppliedDocument
from cultiva.documents.normal import digest
from cultiva.documents.planning import DELETED, Plan, carry_out, digest_of
from cultiva.documents.reading import Given, Problem, path_of, read_tree
from cultiva.documents.trees import Tree, read_folder
from cultiva.lib.database import workspace_scope
from cultiva.lib.refusals import Refusal

MOST_AUDITED = 200


class NotApplied(Refusal):
    """Nothing was changed. `plan` says what was found."""

    def __init__(self, plan: Plan, problem: str, hint: str = "") -> None:
        self.plan = plan
        super().__init__(problem, hint)


class HasProblems(NotApplied):
    """Files that cannot be used."""


class HasDrifted(NotApplied):
    """Documents were changed in the product since files last applied them."""


class ChangedMeanwhile(NotApplied):
    """The plan is not the one that was looked at."""


def apply_files(
    *, workspace_id: int, given: Sequence[Given], problems: Sequence[Problem] = (), delete: Collection[Name] = (),
    overwrite: bool = False, expected: str = "", is_remembered: bool = True, by: str, at: datetime,
) -> Plan:  # fmt: skip
    """Do what the plan says, all of it or nothing. Raises NotApplied, PublishedMeanwhile.

    `expected`: the digest of the plan that was looked at; empty: whatever it is. `overwrite`: also where the product
    has changed a document since. `is_remembered`: the files are where these documents live, so that a later change in
    the product is drift.
    """
    with workspace_scope(workspace_id):
        plan = carry_out(workspace_id=workspace_id, given=given, problems=problems, delete=delete, by=by, at=at)
        if plan.problems:
            raise HasProblems(plan, "\n".join(str(problem) for problem in plan.problems))
        if expected and plan.digest != expected:
            words = gettext("The workspace has changed since this plan was made.")
            raise ChangedMeanwhile(plan, words, gettext("look at it anew"))
        if plan.drift and not overwrite:
            raise HasDrifted(plan, drift_words(plan))
        if is_remembered:
            _remember(workspace_id, plan, by, at)
        if plan.changes:
            _audit(workspace_id, plan, by, at)
    return plan


def apply_folder(*, workspace_id: int, folder: Path, by: str, at: datetime) -> Plan:
    """Put a folder of documents in force. Raises NotApplied."""
    given, problems = read_tree(read_folder(folder))
    return apply_files(workspace_id=workspace_id, given=given, problems=problems, by=by, at=at)


def drift_words(plan: Plan) -> str:
    listed = ", ".join(f"{step.kind} `{step.key}`" for step in plan.drift)
    return (
        f"Changed in the product since the last apply: {listed}.\n"
        "hint: take it into the files with `cultiva pull`, or overwrite it with --overwrite"
    )


def _remember(workspace_id: int, plan: Plan, by: str, at: datetime) -> None:
    known = {kind.kind: kind.present(workspace_id) for kind in kinds().values()}  # one may have changed another
    _keep(
        AppliedDocument(
            workspace_id=workspace_id, kind=step.kind, key=step.key, digest=digest_of(known[step.kind][step.key]),
            text=step.text, at=at, by=by,
        )
        for step in plan.steps
        if step.status != DELETED
    )  # fmt: skip
    for step in plan.steps:
        if step.status == DELETED:
            AppliedDocument.objects.filter(workspace_id=workspace_id, kind=step.kind, key=step.key).delete()


def _keep(rows: Iterable[AppliedDocument]) -> None:
    fields = ["digest", "text", "at", "by"]
    AppliedDocument.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["workspace", "kind", "key"], update_fields=fields
    )


def _audit(workspace_id: int, plan: Plan, by: str, at: datetime) -> None:
    changes = plan.changes
    detail: dict[str, Any] = {"changes": [f"{s.status} {s.kind}/{s.key}" for s in changes[:MOST_AUDITED]]}
    if more := len(changes) - MOST_AUDITED:
        detail |= {"more": more} if more > 0 else {}
    if drift := [f"{step.kind}/{step.key}" for step in plan.drift[:MOST_AUDITED]]:
        detail["overwritten"] = drift
    record_audit(workspace_id=workspace_id, actor=by, action="documents.applied", detail=detail, at=at)


def pull(*, workspace_id: int, only: Collection[Name] = ()) -> Tree:
    """The files of what a workspace has now, of all documents or some; planning them finds nothing to do."""
    tree: Tree = {}
    with workspace_scope(workspace_id):
        rows = AppliedDocument.objects.filter(workspace_id=workspace_id).order_by("id")
        applied = {(row.kind, row.key): row for row in rows}
        for kind in kinds().values():
            for key, present in kind.present(workspace_id).items():
                if only and (kind.kind, key) not in only:
                    continue
                path = path_of(kind, key)
                tree[path] = (_text_as_applied(applied.get((kind.kind, key)), present) or present.text).encode()
                for name, sha256 in present.attachments.items():
                    tree[f"{path.removesuffix('.yaml')}/{name}"] = kind.attachment(workspace_id, sha256)
    return tree


def remember_pulled(*, workspace_id: int, tree: Tree, by: str, at: datetime) -> None:
    """The files that were pulled are where these documents live now: what differs from them later is drift.

    It is theirs that is kept, whatever has become of the documents since.
    """
    given, _problems = read_tree(tree)
    with workspace_scope(workspace_id):
        _keep(
            AppliedDocument(
                workspace_id=workspace_id, kind=each.kind.kind, key=each.key, digest=each.digest_with({}),
                text=each.text, at=at, by=by,
            )
            for each in given
        )  # fmt: skip
        pulled = {each.name for each in given}
        gone = [
            row.id
            for row in AppliedDocument.objects.filter(workspace_id=workspace_id).order_by("id")
            if (row.kind, row.key) not in pulled
        ]
        AppliedDocument.objects.filter(workspace_id=workspace_id, id__in=gone).delete()


def _text_as_applied(last: AppliedDocument | None, present: Present) -> str:
    """The file with its comments, where it still says what is there; else empty."""
    said = digest(read_once(last.text), present.attachments) if last else ""
    return last.text if last and said == digest_of(present) else ""


def delete_document(*, workspace_id: int, kind: DocumentKind, key: str, by: str, at: datetime) -> Plan:
    """Take one document out. Raises NotApplied where another needs it or it has to stay."""
    name = (kind.kind, key)
    return apply_files(workspace_id=workspace_id, given=(), delete=[name], overwrite=True, by=by, at=at)
