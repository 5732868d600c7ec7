"""Screens of segments: made, looked at, changed by hand, deleted; nothing leaves the workspace."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.models import Role
from cultiva.consent.models import ConsentMark
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.lib.database import workspace_scope
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.segments.actions import save_segment
from cultiva.segments.models import Member, Pin, Segment
from cultiva.web.tests.test_screens import signed_in

SPANISH = {"attribute": "country", "is": "ES"}
FORM = {"name": "En España", "kind": "dynamic", "criteria": "{attribute: country, is: ES}", "takes_only_valid": "on",
        "folder": "Países", "tags": "sur, norte"}  # fmt: skip


@pytest.fixture
def leads(huerta: Any, at: datetime) -> dict[str, Lead]:
    found = {}
    people.known_attributes(huerta, at, country="text")
    for name, country in (("ana", "ES"), ("luis", "ES"), ("joao", "PT")):
        known = {"first_name": name.title(), "country": country}
        found[name] = people.lead(huerta, at, f"{name}@a.example", attributes=known)
    for name in ("ana", "joao"):
        ConsentMark.objects.create(workspace=huerta, lead=found[name], valid_since=at)
    return found


@pytest.fixture
def spanish(huerta: Any, at: datetime, leads: dict[str, Lead]) -> Segment:
    return save_segment(workspace_id=huerta.id, name="En España", criteria=SPANISH, by="user:1", at=at)


def members(segment: Segment) -> set[str]:
    return set(Member.objects.filter(segment=segment, until=None).values_list("lead__email", flat=True))


def test_an_empty_list_says_what_to_do(huerta: Any, at: datetime) -> None:
    assert 'class="empty"' in signed_in(huerta, Role.OWNER, at).get("/segments").content.decode()


def test_a_segment_is_made_and_its_page_says_who_is_in_it(huerta: Any, at: datetime, leads: dict[str, Lead]) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    page = client.post("/segments/new", FORM, follow=True).content.decode()
    segment = Segment.objects.get(workspace=huerta)
    assert (segment.key, segment.folder, segment.tags) == ("en-espana", "Países", ["norte", "sur"])
    assert members(segment) == {"ana@a.example"}  # Luis accepted no data-protection policy
    assert "Ana" in page
    assert "Joao" not in page
    rows = client.get("/segments", {"folder": "Países", "tag": "sur", "search": "ESPA"}).content.decode()
    assert f"/segments/{segment.id}" in rows
    assert "chart-sparkline" in rows
    assert f"/segments/{segment.id}" not in client.get("/segments", {"search": "otra"}).content.decode()


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ("{attribute: country}", "no operator is given"),
        ("{attribute: contry, is: ES}", "did you mean `country`"),
        ("", "Nothing is asked yet"),
        ("{segment: nobody}", "no segment `nobody` in this workspace"),
        ("{segment: en-espana}", "goes in circles"),
        ("[", "criteria"),
    ],
)
def test_criteria_that_cannot_be_used_come_back_with_the_reason(
    huerta: Any, at: datetime, spanish: Segment, criteria: str, said: str
) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    answer = client.post(f"/segments/{spanish.id}/edit", FORM | {"criteria": criteria})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert said in text
    assert criteria in text  # what was written is not lost
    assert Segment.objects.get(id=spanish.id).criteria == SPANISH


def test_criteria_are_changed(huerta: Any, at: datetime, spanish: Segment) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    assert "country" in client.get(f"/segments/{spanish.id}/edit").content.decode()
    client.post(f"/segments/{spanish.id}/edit", FORM | {"criteria": "{attribute: country, is: PT}"})
    assert members(spanish) == {"joao@a.example"}


def test_leads_are_put_in_and_kept_out_by_hand_and_that_stays(
    huerta: Any, at: datetime, spanish: Segment, leads: dict[str, Lead]
) -> None:
    client, path = signed_in(huerta, Role.MARKETING, at), f"/segments/{spanish.id}"
    pasted = "Joao <joao@a.example>; nobody@b.example\nmal@@x"
    page = client.post(f"{path}/leads", {"addresses": pasted}, follow=True).content.decode()
    assert members(spanish) == {"ana@a.example", "joao@a.example"}
    assert "nobody@b.example" in page
    client.post(f"{path}/leads/{leads['ana'].id}/out")
    assert members(spanish) == {"joao@a.example"}
    assert "Ana" in client.get(path).content.decode()  # among those kept out
    client.post(f"{path}/leads/{leads['ana'].id}/unpin")
    assert members(spanish) == {"ana@a.example", "joao@a.example"}


def test_a_fixed_list_is_pasted(huerta: Any, at: datetime, leads: dict[str, Lead]) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    client.post("/segments/new", {"name": "Feria", "kind": "fixed"})
    segment = Segment.objects.get(workspace=huerta)
    client.post(f"/segments/{segment.id}/leads", {"addresses": "ana@a.example,LUIS@a.example"})
    assert members(segment) == {"ana@a.example", "luis@a.example"}
    client.post(f"/segments/{segment.id}/leads/{leads['ana'].id}/out")
    assert members(segment) == {"luis@a.example"}
    assert not Pin.objects.filter(segment=segment, lead=leads["ana"]).exists()


def test_the_page_says_who_was_in_it_on_a_day(
    huerta: Any, at: datetime, spanish: Segment, leads: dict[str, Lead]
) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    Member.objects.filter(segment=spanish).update(since=at - timedelta(days=9), until=at - timedelta(days=2))
    path = f"/segments/{spanish.id}"
    during = client.get(path, {"on": f"{at - timedelta(days=5):%Y-%m-%d}"}).content.decode()
    assert "Ana" in during
    after = client.get(path, {"on": f"{at - timedelta(days=1):%Y-%m-%d}"}).content.decode()
    assert "Nobody was in it on that day" in after
    for end in ("0001-01-01", "9999-12-31"):
        assert client.get(path, {"on": end}).status_code == 200


def test_a_leads_timeline_says_which_segments_they_entered_and_left(
    huerta: Any, at: datetime, spanish: Segment, leads: dict[str, Lead]
) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    path = f"/leads/{leads['ana'].id}"
    assert "Entered the segment <strong>En España</strong>" in client.get(path).content.decode()
    client.post(f"/segments/{spanish.id}/leads/{leads['ana'].id}/out")
    assert "Left the segment <strong>En España</strong>" in client.get(path).content.decode()


def test_a_used_segment_is_not_deleted(huerta: Any, at: datetime, spanish: Segment) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    other = save_segment(workspace_id=huerta.id, name="Sur", criteria={"segment": spanish.key}, by="user:1", at=at)
    assert "Sur" in client.get(f"/segments/{spanish.id}").content.decode()
    page = client.post(f"/segments/{spanish.id}/delete", follow=True).content.decode()
    assert "It is used by Sur" in page
    client.post(f"/segments/{other.id}/delete")
    client.post(f"/segments/{spanish.id}/delete")
    assert not Segment.objects.filter(workspace=huerta).exists()
    assert not Member.objects.filter(workspace=huerta).exists()


def test_a_segment_that_a_guard_asks_for_is_not_deleted(huerta: Any, at: datetime, spanish: Segment) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    guard = "transitions: [{key: home, from: lead, to: known, when: {segment: en-espana}}]"
    text = "lifecycle: sales\nstages: [{key: lead}, {key: known}]\nstart: lead\n"
    publish_lifecycle(workspace_id=huerta.id, text=text + guard, at=at)
    assert "sales" in client.get(f"/segments/{spanish.id}").content.decode()
    page = client.post(f"/segments/{spanish.id}/delete", follow=True).content.decode()
    assert "It is used by sales" in page
    publish_lifecycle(workspace_id=huerta.id, text=text + "transitions: []", at=at)
    client.post(f"/segments/{spanish.id}/delete")
    assert not Segment.objects.filter(workspace=huerta).exists()


def test_a_copy_takes_the_pins_along(huerta: Any, at: datetime, spanish: Segment, leads: dict[str, Lead]) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    client.post(f"/segments/{spanish.id}/leads", {"addresses": "joao@a.example"})
    client.post(f"/segments/{spanish.id}/copy", {"name": "En España"})
    copy = Segment.objects.get(workspace=huerta, key="en-espana-2")
    assert members(copy) == {"ana@a.example", "joao@a.example"}


@pytest.mark.parametrize("role", [Role.SALES, Role.ANALYST, Role.CLIENT])
def test_who_may_not_change_segments_sees_them_only(huerta: Any, at: datetime, spanish: Segment, role: Role) -> None:
    client = signed_in(huerta, role, at)
    page = client.get(f"/segments/{spanish.id}").content.decode()
    assert "/delete" not in page
    assert (">Ana</a>" in page) == (role != Role.ANALYST)
    for path in ("edit", "copy", "delete", "leads", "leads/1/out", "leads/1/unpin"):
        assert client.post(f"/segments/{spanish.id}/{path}", FORM).status_code == 403, path


def test_another_workspace_sees_nothing(huerta: Any, other_co: Any, at: datetime, spanish: Segment) -> None:
    with workspace_scope(other_co.id):
        client = signed_in(other_co, Role.OWNER, at)
    assert "En España" not in client.get("/segments").content.decode()
    assert client.get(f"/segments/{spanish.id}").status_code == 404
    assert client.post(f"/segments/{spanish.id}/delete").status_code == 404
