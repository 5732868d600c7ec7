"""The screens of bulk actions: who may do what, counting before anything happens, progress, undo, downloads."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.models import AuditEntry, Role, User
from cultiva.bulk.models import BulkAction
from cultiva.bulk.turns import take_turn
from cultiva.flow import process_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.segments.actions import pin_leads, save_segment
from cultiva.segments.models import Member
from cultiva.web.tests.test_screens import signed_in
from cultiva.web.views import bulk

LOOKERS = [Role.ANALYST, Role.CLIENT]


@pytest.fixture
def people(huerta: Any, at: datetime) -> list[Lead]:
    made: list[Lead] = []
    for name, sector in (("Ana", "vino"), ("Bea", "vino"), ("<b>Carlos</b>", "fruta")):
        known = {"first_name": name, "sector": sector}
        email = f"p{len(made)}@example.com"
        made.append(save_lead(workspace_id=huerta.id, email=email, attributes=known, source_kind="form", at=at)[0])
    process_workspace(workspace_id=huerta.id, at=at)
    return made


def work(workspace: Any) -> None:
    """What the worker does in its next rounds."""
    while take_turn(workspace_id=workspace.id, now=clock.now, must_stop=lambda: False):
        pass


def choose(client: Client, query: str, kind: str, given: dict[str, Any]) -> BulkAction:
    answer = client.post(f"/bulk-actions/new?{query}&kind={kind}", given)
    assert answer.status_code == 302, answer.content.decode()
    return BulkAction.objects.order_by("-id")[0]


def tags_of(lead: Lead) -> list[str]:
    return list(Lead.objects.get(id=lead.id).attributes.get("tags", []))


def test_ticked_leads_are_tagged_and_it_is_undone(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    page = client.get("/leads").content.decode()
    assert f'name="lead" value="{people[0].id}"' in page
    query = f"who=ticked&lead={people[0].id}&lead={people[2].id}"
    page = client.get(f"/bulk-actions/new?{query}").content.decode()
    assert "leads that you ticked" in page
    assert "Add a tag" in page
    action = choose(client, query, "add_tag", {"tag": "feria"})
    page = client.get(f"/bulk-actions/{action.id}").content.decode()
    assert "2 leads will get the tag “feria”." in page
    assert "&lt;b&gt;Carlos" in page
    assert tags_of(people[0]) == []  # nothing happens before it is confirmed
    client.post(f"/bulk-actions/{action.id}/start")
    assert "hx-get" in client.get(f"/bulk-actions/{action.id}/progress").content.decode()
    work(huerta)
    page = client.get(f"/bulk-actions/{action.id}/progress").content.decode()
    assert "hx-get" not in page
    assert "Undo" in page
    assert [tags_of(lead) for lead in people] == [["feria"], [], ["feria"]]
    client.post(f"/bulk-actions/{action.id}/undo")
    work(huerta)
    assert "As they were before" in client.get(f"/bulk-actions/{action.id}").content.decode()
    assert [tags_of(lead) for lead in people] == [[], [], []]
    actions = list(AuditEntry.objects.filter(action__startswith="bulk.").order_by("id").values_list("action", "actor"))
    user = AuditEntry.objects.get(action="role.granted").target
    assert actions == [("bulk.started", user), ("bulk.undone", user)]
    assert "Add a tag" in client.get("/bulk-actions").content.decode()
    timeline = client.get(f"/leads/{people[0].id}").content.decode()
    assert "Changed by a colleague" in timeline


def test_segments_follow_a_tag_that_comes_and_goes(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    segment = save_segment(
        workspace_id=huerta.id, name="Con etiqueta", criteria={"tag": "feria"}, takes_only_valid=False, by="u", at=at
    )

    def members() -> int:
        process_workspace(workspace_id=huerta.id, at=clock.now())
        return Member.objects.filter(segment=segment, until=None).count()

    action = choose(client, "who=all", "add_tag", {"tag": "feria"})
    client.post(f"/bulk-actions/{action.id}/start")
    work(huerta)
    assert members() == 3
    client.post(f"/bulk-actions/{action.id}/undo")
    work(huerta)
    assert members() == 0


def test_all_that_the_filter_finds_are_meant_and_it_is_said(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    criteria = '{"attribute":"sector","is":"vino"}'
    listed = client.get("/leads", {"criteria": criteria, "search": "a"}).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(search|criteria)" value="([^"]*)"', listed))
    assert hidden == {"criteria": criteria.replace('"', "&quot;"), "search": "a"}
    query = "who=all&search=ana&criteria=" + criteria.replace('"', "%22")
    page = client.get(f"/bulk-actions/new?{query}").content.decode()
    assert "found by “ana”" in page
    assert "sector" in page
    action = choose(client, query, "set_attribute", {"attribute": "sector", "value": "vino ecológico"})
    assert (action.total, action.state) == (1, "counted")
    client.post(f"/bulk-actions/{action.id}/start")
    work(huerta)
    assert [Lead.objects.get(id=lead.id).attributes["sector"] for lead in people] == ["vino ecológico", "vino", "fruta"]


def test_long_criteria_that_lie_in_the_session_are_meant_too(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = client.post("/leads/criteria", {"criteria": '{"attribute":"email","is":"p1@example.com"}', "query": ""})
    query = answer.headers["Location"].partition("?")[2]
    assert "p1" not in query
    action = choose(client, query, "add_tag", {"tag": "x"})
    assert action.total == 1


def test_a_segment_is_chosen_from_its_page(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    segment = save_segment(workspace_id=huerta.id, name="Feria 2026", kind="fixed", by="u", at=at)
    pin_leads(workspace_id=huerta.id, segment_id=segment.id, lead_ids=[people[1].id], is_included=True, by="u", at=at)
    assert "/bulk-actions/new?segment=feria-2026" in client.get(f"/segments/{segment.id}").content.decode()
    assert "segment Feria 2026" in client.get("/bulk-actions/new?segment=feria-2026").content.decode()
    action = choose(client, "segment=feria-2026", "add_tag", {"tag": "x"})
    assert action.total == 1


@pytest.mark.parametrize(
    ("query", "kind", "given", "said"),
    [
        ("who=all", "set_attribute", {"attribute": "sector"}, None),
        ("who=all", "set_attribute", {"attribute": "nope", "value": "x"}, "no attribute `nope`"),
        ("who=all", "add_tag", {"tag": ""}, "This field is required"),
        ("who=ticked", "add_tag", {"tag": "x"}, "No lead is chosen"),
        ("segment=unknown", "add_tag", {"tag": "x"}, "no segment `unknown`"),
    ],
)
def test_what_cannot_be_is_said_on_the_page(
    huerta: Any, people: list[Lead], at: datetime, query: str, kind: str, given: dict[str, str], said: str | None
) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = client.post(f"/bulk-actions/new?{query}&kind={kind}", given)
    assert answer.status_code == (422 if said else 302)
    assert said is None or said in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "said"),
    [("who=ticked", "No se ha elegido ningún lead"), ("segment=unknown", "No hay ningún segmento `unknown`")],
)
def test_what_cannot_be_is_said_in_spanish_to_who_reads_spanish(
    huerta: Any, people: list[Lead], at: datetime, query: str, said: str
) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    User.objects.update(language="es")
    answer = client.post(f"/bulk-actions/new?{query}&kind=add_tag", {"tag": "x"})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)


@pytest.mark.parametrize("role", LOOKERS)
def test_who_only_looks_cannot_act(huerta: Any, people: list[Lead], at: datetime, role: str) -> None:
    owner, client = signed_in(huerta, Role.OWNER, at), signed_in(huerta, role, at)
    action = choose(owner, "who=all", "add_tag", {"tag": "x"})
    assert 'name="lead"' not in client.get("/leads").content.decode()
    assert client.get("/bulk-actions/new?who=all").status_code == 403
    assert client.post("/bulk-actions/new?who=all&kind=add_tag", {"tag": "x"}).status_code == 403
    for what in ("start", "stop", "discard", "undo"):
        assert client.post(f"/bulk-actions/{action.id}/{what}").status_code == 403, what
    assert client.get(f"/bulk-actions/{action.id}/file").status_code == 404
    page = client.get(f"/bulk-actions/{action.id}").content.decode()
    assert "Do it" not in page
    searched = choose(owner, "who=all&search=carlos", "add_tag", {"tag": "x"})
    said = client.get(f"/bulk-actions/{searched.id}").content.decode()
    assert ("leads that a filter found" in said) == (role == Role.ANALYST)
    if role == Role.ANALYST:
        assert "Carlos" not in page  # the sample names people
    action.refresh_from_db()
    assert action.state == "counted"


def test_exporting_is_a_right_of_its_own(huerta: Any, people: list[Lead], at: datetime) -> None:
    sales, privacy = signed_in(huerta, Role.SALES, at), signed_in(huerta, Role.PRIVACY, at)
    assert "Export" not in sales.get("/bulk-actions/new?who=all").content.decode()
    answer = sales.post("/bulk-actions/new?who=all&kind=export", {"format": "csv"})
    assert (answer.status_code, BulkAction.objects.count()) == (200, 0)  # asked anew what should happen
    page = privacy.get("/bulk-actions/new?who=all").content.decode()
    assert "Export" in page
    assert "Add a tag" not in page
    action = choose(privacy, "who=all", "export", {"format": "csv"})
    assert sales.post(f"/bulk-actions/{action.id}/start").status_code == 403
    privacy.post(f"/bulk-actions/{action.id}/start")
    work(huerta)
    assert sales.get(f"/bulk-actions/{action.id}/file").status_code == 403
    assert Client().get(f"/bulk-actions/{action.id}/file").status_code == 302
    answer = privacy.get(f"/bulk-actions/{action.id}/file")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="leads-')
    assert answer.headers["Cache-Control"] == "no-store"
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert content.decode("utf-8-sig").count("@example.com") == 3
    assert AuditEntry.objects.filter(action="export.downloaded", target=f"bulk_action:{action.id}").count() == 1


def test_a_file_that_is_gone_says_so(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    action = choose(client, "who=all", "export", {"format": "xlsx"})
    client.post(f"/bulk-actions/{action.id}/start")
    work(huerta)
    BulkAction.objects.update(expires_at=clock.now() - timedelta(seconds=1))  # nobody swept yet
    assert client.get(f"/bulk-actions/{action.id}/file").status_code == 410


def test_many_leads_leave_only_with_whoever_signed_in_just_now(
    huerta: Any, people: list[Lead], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MANY", 2)
    client = signed_in(huerta, Role.OWNER, at)
    few, many = (
        choose(client, query, "export", {"format": "csv"})
        for query in (f"who=ticked&lead={people[0].id}&lead={people[1].id}", "who=all")
    )
    assert client.post(f"/bulk-actions/{few.id}/start").status_code == 302
    answer = client.post(f"/bulk-actions/{many.id}/start")
    assert answer.status_code == 403
    assert f"/sign-in?again=1&amp;next=%2Fbulk-actions%2F{many.id}" in answer.content.decode()
    assert client.get(f"/sign-in?again=1&next=/bulk-actions/{many.id}").status_code == 200
    session = client.session
    session["signed_in_at"] = (clock.now() - timedelta(minutes=16)).isoformat()
    session.save()
    assert client.post(f"/bulk-actions/{many.id}/start").status_code == 403
    session["signed_in_at"] = clock.now().isoformat()
    session.save()
    assert client.post(f"/bulk-actions/{many.id}/start").status_code == 302


def test_another_workspace_sees_no_action_and_no_file(
    huerta: Any, other_co: Any, people: list[Lead], at: datetime
) -> None:
    owner = signed_in(huerta, Role.OWNER, at)
    action = choose(owner, "who=all", "export", {"format": "csv"})
    owner.post(f"/bulk-actions/{action.id}/start")
    work(huerta)
    with workspace_scope(other_co.id):
        stranger = signed_in(other_co, Role.MARKETING, at)
        for path in ("", "/progress", "/file"):
            assert stranger.get(f"/bulk-actions/{action.id}{path}").status_code == 404, path
        for what in ("start", "stop", "discard", "undo"):
            assert stranger.post(f"/bulk-actions/{action.id}/{what}").status_code == 404, what
        assert "Export" not in stranger.get("/bulk-actions").content.decode()


def test_an_action_that_was_not_wanted_leaves_nothing(huerta: Any, people: list[Lead], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    action = choose(client, "who=all", "add_tag", {"tag": "x"})
    assert client.post(f"/bulk-actions/{action.id}/discard").status_code == 302
    assert not BulkAction.objects.exists()


def test_without_any_action_the_page_says_what_to_do(huerta: Any, at: datetime) -> None:
    assert 'class="empty"' in signed_in(huerta, Role.OWNER, at).get("/bulk-actions").content.decode()
