"""Documents as files: what is planned is what is done, in each workspace all of it or nothing."""

from datetime import datetime
from typing import Any

from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import apply_files, apply_folder, pull
from cultiva.documents.planning import plan_files
from cultiva.documents.reading import read_tree


def test_a_pull_after_an_apply_leaves_nothing_to_do(huerta: Any, other_co: Any, at: datetime) -> None:
    applied = apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    assert applied.counts["created"] == 11
    given, problems = read_tree(pull(workspace_id=huerta.id))
    assert not problems
    again = plan_files(workspace_id=huerta.id, given=given, by="cli", at=at)
    assert (again.changes, again.problems, again.counts["unchanged"]) == ([], (), 11)
    there = apply_files(workspace_id=other_co.id, given=given, by="cli", at=at)
    assert there.counts["created"] == 11
    assert pull(workspace_id=other_co.id) == pull(workspace_id=huerta.id)
