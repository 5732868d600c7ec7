"""Merging by hand: search, look, confirm, undo."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.leads.actions import save_lead
from cultiva.leads.merging import merge_leads, merges_of
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import workspace_scope
from cultiva.web.tests.test_screens import HOSTILE, signed_in

HOUR = timedelta(hours=1)


def make(workspace: Any, at: datetime, email: str, **attributes: Any) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, language="es", source_kind="form", at=at
    )
    return lead


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    return make(huerta, at, "ana@example.com", first_name="Ana", last_name="Gil")


@pytest.fixture
def anita(huerta: Any, at: datetime) -> Lead:
    return make(huerta, at, "anita@work.example", first_name="Anita", company="Huertos Sol")


@pytest.fixture
def owner(huerta: Any, at: datetime) -> Client:
    return signed_in(huerta, Role.OWNER, at)


def test_the_way_from_the_profile_to_one_lead_and_back(
    huerta: Any, owner: Client, ana: Lead, anita: Lead, at: datetime
) -> None:
    assert f'href="/leads/{ana.id}/merge"' in owner.get(f"/leads/{ana.id}").content.decode()
    found = owner.get(f"/leads/{ana.id}/merge?search=example").content.decode()
    assert f'href="/leads/{ana.id}/merge/{anita.id}"' in found
    assert f'href="/leads/{ana.id}/merge/{ana.id}"' not in found
    page = owner.get(f"/leads/{ana.id}/merge/{anita.id}").content.decode()
    assert "Their e-mail addresses differ." in page
    assert "Huertos Sol" in page
    assert f'href="/leads/{anita.id}/merge/{ana.id}"' in page  # keep the other one

    done = owner.post(f"/leads/{ana.id}/merge/{anita.id}", {"insist": "on"}, follow=True)
    (merge,) = merges_of(workspace_id=huerta.id, lead_id=ana.id)
    assert done.redirect_chain == [(f"/merges/{merge.id}", 302)]
    assert "They are one lead now" in done.content.decode()
    profile = owner.get(f"/leads/{ana.id}").content.decode()
    assert "anita@work.example" in profile
    assert "by Owner" in profile
    assert f'action="/merges/{merge.id}/undo"' in profile
    assert str(anita.id) not in [href for href in owner.get("/leads").content.decode().split('"') if "/leads/" in href]

    moved = owner.get(f"/leads/{anita.id}", follow=True)
    assert moved.redirect_chain == [(f"/leads/{ana.id}", 302)]
    assert "This lead was merged" in moved.content.decode()

    back = owner.post(f"/merges/{merge.id}/undo", follow=True)
    assert "They are two leads again." in back.content.decode()
    assert owner.get(f"/leads/{anita.id}").status_code == 200
    assert "This merge was undone" in owner.get(f"/merges/{merge.id}").content.decode()


def test_two_addresses_are_merged_only_by_somebody_who_insists(
    huerta: Any, owner: Client, ana: Lead, anita: Lead
) -> None:
    answer = owner.post(f"/leads/{ana.id}/merge/{anita.id}", follow=True)
    assert "Their e-mail addresses differ." in answer.content.decode()
    assert merges_of(workspace_id=huerta.id, lead_id=ana.id) == []


def test_what_cannot_be_merged_is_said_and_offers_no_button(owner: Client, ana: Lead) -> None:
    page = owner.get(f"/leads/{ana.id}/merge/{ana.id}").content.decode()
    assert "A lead cannot be merged with itself." in page
    assert 'name="insist"' not in page
    assert owner.get(f"/leads/{ana.id}/merge/999999999").status_code == 404


def test_only_the_newest_merge_of_a_lead_can_be_undone(
    huerta: Any, owner: Client, ana: Lead, anita: Lead, at: datetime
) -> None:
    cat = make(huerta, at, "cat@example.com")
    first, second = (
        merge_leads(workspace_id=huerta.id, kept_id=ana.id, merged_id=each.id, at=at, by="user:1", force=True)
        for each in (anita, cat)
    )
    profile = owner.get(f"/leads/{ana.id}").content.decode()
    assert f'action="/merges/{second.id}/undo"' in profile
    assert f'action="/merges/{first.id}/undo"' not in profile
    assert "Undo that merge first." in owner.get(f"/merges/{first.id}").content.decode()
    refused = owner.post(f"/merges/{first.id}/undo", follow=True)
    assert refused.redirect_chain == [(f"/merges/{second.id}", 302)]
    assert "merged again later" in refused.content.decode()


@pytest.mark.parametrize("role", [Role.ANALYST, Role.CLIENT, Role.PRIVACY])
def test_who_only_looks_merges_nothing(huerta: Any, ana: Lead, anita: Lead, at: datetime, role: str) -> None:
    client = signed_in(huerta, role, at)
    for path in (f"/leads/{ana.id}/merge", f"/leads/{ana.id}/merge/{anita.id}"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"insist": "on"}).status_code == 403
    merge = merge_leads(workspace_id=huerta.id, kept_id=ana.id, merged_id=anita.id, at=at, by="user:1", force=True)
    assert client.post(f"/merges/{merge.id}/undo").status_code == 403
    page = client.get(f"/leads/{ana.id}").content.decode()
    assert f"/leads/{ana.id}/merge" not in page
    assert "/undo" not in page
    assert ("anita@work.example" in page) is (role != Role.ANALYST)


def test_leads_of_another_workspace_are_not_there(
    other_co: Any, owner: Client, ana: Lead, huerta: Any, at: datetime
) -> None:
    with workspace_scope(other_co.id):
        stranger = make(other_co, at, "x@other.example")
    for path in (f"/leads/{stranger.id}/merge", f"/leads/{ana.id}/merge/{stranger.id}"):
        assert owner.get(path).status_code == 404
    theirs = signed_in(other_co, Role.SALES, at)
    with workspace_scope(huerta.id):
        merge = merge_leads(
            workspace_id=huerta.id, kept_id=ana.id, merged_id=make(huerta, at, "b@example.com").id, at=at, by="user:1",
            force=True,
        )  # fmt: skip
    assert theirs.get(f"/merges/{merge.id}").status_code == 404
    assert theirs.post(f"/merges/{merge.id}/undo").status_code == 404


def test_what_a_lead_typed_stays_text_in_a_preview(huerta: Any, owner: Client, ana: Lead, at: datetime) -> None:
    eva = make(huerta, at, "eva@x.example", **HOSTILE)
    for path in (f"/leads/{ana.id}/merge?search=eva", f"/leads/{ana.id}/merge/{eva.id}"):
        text = owner.get(path).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "style=" not in text


def test_the_search_answers_with_its_rows_alone(owner: Client, ana: Lead, anita: Lead) -> None:
    rows = owner.get(
        f"/leads/{ana.id}/merge?search=anita", headers={"HX-Request": "true", "HX-Target": "merge-rows"}
    ).content.decode()
    assert "<html" not in rows
    assert f"/merge/{anita.id}" in rows
    assert "No other lead is like that" in owner.get(f"/leads/{ana.id}/merge?search=zzz").content.decode()
    assert LeadState.objects.count() == 2
