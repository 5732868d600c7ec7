"""Screens of attributes, companies and who a lead is known as."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import Role
from cultiva.leads import retyping
from cultiva.leads.models import Attribute, Company, Lead, Misfit
from cultiva.leads.tests import people
from cultiva.lib.database import workspace_scope
from cultiva.schedule import JOBS
from cultiva.web.tests.test_screens import signed_in


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    known = {"first_name": "Ana", "company": "Huertos Peña", "size": "50"}
    lead = people.lead(huerta, at, "ana@huertos.example", attributes=known)
    people.lead(huerta, at, "bea@huertos.example", attributes={"first_name": "Bea", "size": "many"})
    people.take(huerta, at, people.identify(huerta, at, user="u-77", browser="b", email="ana@huertos.example"))
    people.take(huerta, at, people.identify(huerta, at, user="u-88", browser="b"))
    return lead


def test_empty_screens_say_what_to_do(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    for path in ("/companies", "/settings/attributes"):
        assert 'class="empty"' in client.get(path).content.decode(), path


def test_a_type_is_changed_after_seeing_what_would_not_fit(huerta: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    assert "guessed" in client.get("/settings/attributes").content.decode()
    path, wanted = "/settings/attributes/lead/size", {"type": "number", "label": "Staff", "choices": ""}
    text = client.post(path, wanted).content.decode()
    assert "1 value would not fit" in text
    assert "many" in text
    assert Attribute.objects.get(key="size").type == "text"
    assert client.post(path, wanted | {"sure": "1"}).status_code == 302
    assert Lead.objects.get(id=ana.id).attributes["size"] == 50
    misfit = Misfit.objects.get(workspace_id=huerta.id)
    assert misfit.value == "many"
    assert "many" in client.get(f"/leads/{misfit.subject_id}").content.decode()
    client.post(path, wanted | {"type": "text"})
    assert Lead.objects.get(id=misfit.subject_id).attributes["size"] == "many"
    assert not Misfit.objects.filter(workspace_id=huerta.id).exists()


def test_many_values_are_read_anew_by_the_worker_with_progress_on_the_screen(
    huerta: Any, at: datetime, ana: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retyping, "CHUNK", 1)
    client = signed_in(huerta, Role.MARKETING, at)
    path, wanted = "/settings/attributes/lead/size", {"type": "number", "choices": "", "sure": "1"}
    page = client.post(path, wanted, follow=True).content.decode()
    assert "being read anew" in page
    assert 'hx-get="/settings/attributes/progress/lead/size"' in page
    assert "being read anew" in client.get("/settings/attributes").content.decode()
    assert Lead.objects.get(id=ana.id).attributes["size"] == "50"
    job = next(job for job in JOBS if job.name == "read attributes anew")
    job.run(huerta.id, at)
    assert Lead.objects.get(id=ana.id).attributes["size"] == 50
    done = client.get("/settings/attributes/progress/lead/size").content.decode()
    assert "2 values were read anew" in done
    assert "hx-get" not in done
    assert "hx-get" not in client.get(path).content.decode()
    assert client.get("/settings/attributes/progress/lead/nothing").status_code == 404


def test_a_wrong_definition_is_told(huerta: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = client.post("/settings/attributes/lead/size", {"type": "money", "label": "", "choices": "euros\nGBP"})
    assert answer.status_code == 422
    assert "one currency" in answer.content.decode()
    assert client.get("/settings/attributes/lead/nothing").status_code == 404


@pytest.mark.parametrize("role", [Role.SALES, Role.ANALYST, Role.CLIENT])
def test_who_only_looks_changes_no_type(huerta: Any, at: datetime, ana: Lead, role: str) -> None:
    client = signed_in(huerta, role, at)
    assert client.post("/settings/attributes/lead/size", {"type": "number"}).status_code == 403


def test_companies_are_found_by_name_and_domain(huerta: Any, other_co: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    for search in ("pena", "HUERTOS.ex"):
        assert "Huertos Peña" in client.get(f"/companies?search={search}").content.decode(), search
    assert "No company is like that" in client.get("/companies?search=zzz").content.decode()
    company = Company.objects.get(workspace_id=huerta.id)
    text = client.get(f"/companies/{company.id}").content.decode()
    assert f"/leads/{ana.id}" in text
    assert f"/companies/{company.id}" in client.get(f"/leads/{ana.id}").content.decode()
    assert client.get("/companies?after=x").status_code == 400
    with workspace_scope(other_co.id):
        stranger = signed_in(other_co, Role.SALES, at)
    assert stranger.get(f"/companies/{company.id}").status_code == 404


def test_a_profile_shows_who_the_lead_is_known_as(huerta: Any, at: datetime, ana: Lead) -> None:
    text = signed_in(huerta, Role.OWNER, at).get(f"/leads/{ana.id}").content.decode()
    assert "User u-77" in text
    assert "Another user signed in on the same browser." in text
    analyst = signed_in(huerta, Role.ANALYST, at)
    company = Company.objects.get(workspace_id=huerta.id)
    for path in (f"/leads/{ana.id}", f"/companies/{company.id}"):
        assert "u-77" not in analyst.get(path).content.decode()
        assert "Ana" not in analyst.get(path).content.decode().replace("Analyst", "")
