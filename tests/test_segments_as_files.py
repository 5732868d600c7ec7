"""Segments as files: their order among the documents, their names, and what is refused."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.criteria.references import StillUsed
from cultiva.documents.applying import HasProblems, pull
from cultiva.documents.trees import Tree
from cultiva.leads.attributes import define
from cultiva.segments.actions import delete_segment, save_segment
from cultiva.segments.models import Segment
from tests.test_documents_as_files import applied, files, planned

CUSTOMERS = """# Those who bought.
segment: customers
name: Customers
folder: Sales
tags: [vip]
criteria:
  all:
    - {stage: customer}   # in the lifecycle, which names a segment in turn
    - {segment: spain}
"""
SPAIN = "segment: spain\ncriteria: {attribute: country, is: ES}\n"
FAIR = "segment: fair\nname: Fair\nkind: fixed\n"
STAGES = """lifecycle: sales
stages: [{key: lead}, {key: known}, {key: customer}]
transitions: [{key: knows, from: lead, to: known, when: {segment: spain}}]
"""


@pytest.fixture
def segments(huerta: Any, at: datetime) -> Tree:
    define(workspace_id=huerta.id, subject="lead", key="country", type="text", at=at)
    return files(
        {"segments/customers.yaml": CUSTOMERS, "segments/spain.yaml": SPAIN, "segments/fair.yaml": FAIR,
         "lifecycles/sales.yaml": STAGES}
    )  # fmt: skip


def test_segments_come_and_go_with_their_comments(huerta: Any, segments: Tree, at: datetime) -> None:
    plan = applied(huerta, segments, at)
    assert plan.counts["created"] == 4
    order = [step.key for step in plan.steps]
    assert order.index("spain") < order.index("sales") < order.index("customers")
    assert pull(workspace_id=huerta.id) == segments
    assert planned(huerta, segments, at).changes == []
    found = Segment.objects.get(workspace_id=huerta.id, key="customers")
    assert (found.name, found.folder, found.tags, found.kind) == ("Customers", "Sales", ["vip"], "dynamic")
    before = AuditEntry.objects.count()
    segments["segments/spain.yaml"] = (SPAIN + "kind: dynamic\nonly_valid: true\n").encode()
    assert applied(huerta, segments, at).changes == []
    assert AuditEntry.objects.count() == before


def test_a_segment_changed_on_the_screen_is_drift(huerta: Any, segments: Tree, at: datetime) -> None:
    applied(huerta, segments, at)
    criteria = {"attribute": "country", "is": "PT"}
    save_segment(workspace_id=huerta.id, key="spain", name="Iberia", criteria=criteria, by="user:1", at=at)
    (step,) = planned(huerta, segments, at).drift
    assert "-name: Iberia" in step.diff
    assert "-  is: PT\n+  is: ES" in step.diff
    assert b"name: Iberia" in pull(workspace_id=huerta.id)["segments/spain.yaml"]


def test_segments_that_ask_for_each_other_are_refused_by_name(huerta: Any, segments: Tree, at: datetime) -> None:
    segments["segments/spain.yaml"] = b"segment: spain\ncriteria: {segment: customers}\n"
    plan = planned(huerta, segments, at)
    assert {problem.path for problem in plan.problems} == {"segments/spain.yaml", "segments/customers.yaml"}
    assert "segment `customers` → segment `spain` → segment `customers`" in plan.problems[0].problem.replace(
        "segment `spain` → segment `customers` → segment `spain`",
        "segment `customers` → segment `spain` → segment `customers`",
    )


def test_every_unknown_name_of_a_segment_is_told_with_its_line(huerta: Any, segments: Tree, at: datetime) -> None:
    segments["segments/spain.yaml"] = (
        b"segment: spain\ncriteria:\n  any:\n    - {attribute: contry, is: ES}\n    - {event: page}\n"
        b"    - {tag: x}\n    - {attribute: countri, is: ES}\n    - {segment: fare}\n"
    )
    plan = planned(huerta, segments, at)
    assert str(plan.problems[0]) == (
        "segments/spain.yaml, line 8, criteria.any[4].segment: there is no segment `fare`\nhint: did you mean `fair`?"
    )
    assert [(each.line, each.hint) for each in plan.problems] == [
        (8, "did you mean `fair`?"), (4, "did you mean `country`?"), (7, "did you mean `country`?"),
    ]  # fmt: skip


def test_a_segment_in_use_is_not_deleted(huerta: Any, segments: Tree, at: datetime) -> None:
    applied(huerta, segments, at)
    del segments["segments/spain.yaml"]
    with pytest.raises(HasProblems, match="it is used by lifecycle `sales`, segment `customers`"):
        applied(huerta, segments, at, delete=[("segment", "spain")])
    segment = Segment.objects.get(workspace_id=huerta.id, key="spain")
    with pytest.raises(StillUsed, match="lifecycle `sales`"):  # on the screen, too
        delete_segment(workspace_id=huerta.id, segment_id=segment.id, by="user:1", at=at)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("segment: spain\n", "a dynamic segment has criteria"),
        ("segment: spain\nkind: fixed\ncriteria: {all: []}\n", "a fixed segment has no criteria"),
        ("segment: spain\nkind: frozen\ncriteria: {all: []}\n", "no kind 'frozen' of segment"),
        ("segment: spain\ncriteria: {attribute: country, iz: ES}\n", "line 2.*iz"),
        ("segment: spain\ncriteria: {all: []}\ntags: vip\n", "line 3, tags: 'vip' cannot stand here"),
        ("segment: spain\ncriteria: {all: []}\nfolde: x\n", "line 3.*unknown key `folde`\nhint: did you mean `folder`"),
    ],
)
def test_a_bad_segment_is_named(huerta: Any, segments: Tree, at: datetime, text: str, says: str) -> None:
    segments["segments/spain.yaml"] = text.encode()
    with pytest.raises(HasProblems, match=f"(?s){says}"):
        applied(huerta, segments, at)
