"""A change of type where there are more leads than one transaction may take."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.leads import retyping
from cultiva.leads.models import Attribute, Company, Lead, Misfit
from cultiva.leads.retyping import change_type, go_on, progress_of
from cultiva.leads.tests.people import group, identify, lead, take
from cultiva.lib.database import workspace_scope

SIZES = ["5", "many", "12", "few", "7", "1", "0"]


@pytest.fixture
def people(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seven leads with a size, two of them in words, and one without; a chunk is three."""
    monkeypatch.setattr(retyping, "CHUNK", 3)
    found = [lead(huerta, at, f"p{n}@example.com", attributes={"size": size}).id for n, size in enumerate(SIZES)]
    lead(huerta, at, "bare@example.com")
    take(huerta, at)
    return found


def sizes(lead_ids: list[int]) -> list[Any]:
    known = dict(Lead.objects.filter(id__in=lead_ids).values_list("id", "attributes"))
    return [known[id].get("size") for id in lead_ids]


def size_of(workspace: Any) -> Attribute:
    return Attribute.objects.get(workspace_id=workspace.id, subject="lead", key="size")


def one_chunk(workspace: Any, at: datetime) -> int:
    has_run = iter((False, True))
    return go_on(workspace_id=workspace.id, at=at, must_stop=lambda: next(has_run))


def test_values_are_read_anew_chunk_by_chunk(huerta: Any, at: datetime, people: list[int]) -> None:
    changed = change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    assert changed.is_being_read
    assert progress_of(changed) == 0
    assert sizes(people) == SIZES
    assert one_chunk(huerta, at) == 3
    assert sizes(people) == [5, None, 12, *SIZES[3:]]
    assert 0 < progress_of(size_of(huerta)) < 1
    assert [one_chunk(huerta, at), one_chunk(huerta, at)] == [3, 1]
    assert sizes(people) == [5, None, 12, None, 7, 1, 0]
    found = size_of(huerta)
    assert (found.is_being_read, found.read_count, progress_of(found)) == (False, 7, 1)
    assert one_chunk(huerta, at) == 0
    assert sorted(Misfit.objects.filter(workspace_id=huerta.id).values_list("value", flat=True)) == ["few", "many"]


def test_what_comes_meanwhile_is_of_the_new_type(huerta: Any, at: datetime, people: list[int]) -> None:
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    lead(huerta, at, "p6@example.com", attributes={"size": "33"})
    lead(huerta, at, "new@example.com", attributes={"size": "44"})
    take(huerta, at)
    assert Lead.objects.get(email_key="new@example.com").attributes["size"] == 44
    go_on(workspace_id=huerta.id, at=at)
    assert sizes(people) == [5, None, 12, None, 7, 1, 33]


def test_a_second_change_begins_anew_and_misfits_come_back(huerta: Any, at: datetime, people: list[int]) -> None:
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    one_chunk(huerta, at)
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="text", at=at)
    go_on(workspace_id=huerta.id, at=at)
    assert sizes(people) == SIZES
    assert not Misfit.objects.filter(workspace_id=huerta.id).exists()
    assert not size_of(huerta).is_being_read


def test_a_new_name_alone_reads_nothing_anew(huerta: Any, at: datetime, people: list[int]) -> None:
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    one_chunk(huerta, at)
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", label="Staff", at=at)
    assert size_of(huerta).read_count == 3


def test_few_leads_are_read_at_once(huerta: Any, at: datetime, people: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(retyping, "CHUNK", 10)
    changed = change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    assert not changed.is_being_read
    assert sizes(people) == [5, None, 12, None, 7, 1, 0]


def test_companies_are_read_in_chunks_too(huerta: Any, at: datetime, people: list[int]) -> None:
    for n in range(7):
        user = f"u{n}"
        take(
            huerta, at,
            identify(huerta, at, user=user, email=f"p{n}@example.com"),
            group(huerta, at, of=f"g{n}", user=user, traits={"staff": f"{n}0"}),
        )  # fmt: skip
    Attribute.objects.filter(subject="company", key="staff").update(type="text")
    change_type(workspace_id=huerta.id, subject="company", key="staff", type="number", at=at)
    go_on(workspace_id=huerta.id, at=at)
    found = Company.objects.filter(workspace_id=huerta.id).order_by("id").values_list("attributes", flat=True)
    assert [each["staff"] for each in found if "staff" in each] == [0, 10, 20, 30, 40, 50, 60]


def test_another_workspace_is_left_alone(huerta: Any, other_co: Any, at: datetime, people: list[int]) -> None:
    change_type(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    with workspace_scope(other_co.id):
        go_on(workspace_id=other_co.id, at=at)
    assert sizes(people) == SIZES
