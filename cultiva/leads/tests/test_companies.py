"""Companies: by the domain of an address or site, or by group."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.leads.companies import CompanyConflict, domain_of, list_companies, save_company
from cultiva.leads.models import Company, Lead, Misfit
from cultiva.leads.tests.people import group, identify, lead, take
from cultiva.lib.database import workspace_scope


@pytest.mark.parametrize(
    ("email_key", "website", "domain"),
    [
        ("ana@huertos.example", None, "huertos.example"),
        ("ana@gmail.com", None, ""),
        ("ana@yahoo.com.ar", "https://www.huertos.example/a", "huertos.example"),
        ("ana@hotmail.es", "huertos.example", "huertos.example"),
        ("", "https://bücher.example", "xn--bcher-kva.example"),
        ("", "javascript:alert(1)", ""),
        ("", 7, ""),
        ("", "http://[x", ""),
    ],
)
def test_the_domain_of_a_company(email_key: str, website: Any, domain: str) -> None:
    assert domain_of(email_key=email_key, website=website) == domain


def company_of(found: Lead) -> Company | None:
    return Lead.objects.select_related("company").get(id=found.id).company


def test_leads_of_one_domain_work_at_one_company(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@huertos.example", attributes={"company": "Huertos SL"})
    bea = lead(huerta, at, "bea@huertos.example")
    eva = lead(huerta, at, "eva@gmail.com")
    take(huerta, at)
    found = company_of(ana)
    assert found is not None
    assert (found.name, found.domain) == ("Huertos SL", "huertos.example")
    assert company_of(bea) == found
    assert company_of(eva) is None


def test_a_group_wins_over_the_domain_and_its_traits_are_attributes(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@huertos.example", external_id="7")
    take(huerta, at)
    traits = {"name": "Cooperativa", "employees": 40, "plan": ""}
    take(huerta, at, group(huerta, at, of="coop", user="7", traits=traits))
    found = company_of(ana)
    assert found is not None
    assert (found.name, found.external_id, found.attributes) == (
        "Cooperativa", "coop", {"name": "Cooperativa", "employees": 40},
    )  # fmt: skip
    take(huerta, at, group(huerta, at, of="coop", user="7", traits={"employees": "lots"}))
    assert Misfit.objects.get(subject="company", subject_id=found.id).value == "lots"
    assert Company.objects.get(id=found.id).attributes["employees"] == 40


def test_a_group_that_names_a_known_domain_is_that_company(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@huertos.example", external_id="7")
    take(huerta, at)
    before = company_of(ana)
    take(huerta, at, group(huerta, at, of="coop", user="7", traits={"website": "https://huertos.example"}))
    assert company_of(ana) == before
    assert Company.objects.filter(workspace_id=huerta.id).count() == 1


def test_strangers_make_no_companies(huerta: Any, at: datetime) -> None:
    take(huerta, at, group(huerta, at, of="coop", browser="b", traits={"name": "X"}))
    assert not Company.objects.filter(workspace_id=huerta.id).exists()
    ana = lead(huerta, at, "ana@gmail.com")
    take(huerta, at, identify(huerta, at, browser="b", email="ana@gmail.com"))
    found = company_of(ana)
    assert found is not None
    assert found.name == "X"


def test_a_company_is_saved_once_by_domain_or_group(huerta: Any, at: datetime) -> None:
    first, is_new = save_company(workspace_id=huerta.id, domain="https://www.huertos.example", name="Huertos", at=at)
    again, is_new_again = save_company(workspace_id=huerta.id, domain="huertos.example", external_id="g", at=at)
    assert (is_new, is_new_again, again.id, again.external_id) == (True, False, first.id, "g")
    save_company(workspace_id=huerta.id, external_id="h", at=at)
    with pytest.raises(CompanyConflict):
        save_company(workspace_id=huerta.id, domain="huertos.example", external_id="h", at=at)
    with pytest.raises(ValueError, match="no domain"):
        save_company(workspace_id=huerta.id, domain="not a domain", at=at)


def test_what_was_saved_of_a_group_stays_beside_what_is_told(huerta: Any, at: datetime) -> None:
    lead(huerta, at, "ana@gmail.com", external_id="7")
    save_company(workspace_id=huerta.id, external_id="coop", attributes={"tier": "gold"}, at=at)
    take(huerta, at, group(huerta, at, of="coop", user="7", traits={"plan": "pro"}))
    assert Company.objects.get(workspace_id=huerta.id).attributes == {"tier": "gold", "plan": "pro"}


def test_pages_follow_one_another(huerta: Any, other_co: Any, at: datetime) -> None:
    for n in range(5):
        save_company(workspace_id=huerta.id, domain=f"c{n}.example", name=f"Casa {n % 2}", at=at)
    seen, after = [], None
    while True:
        page = list_companies(workspace_id=huerta.id, after=after, limit=2)
        seen += [row["domain"] for row in page.rows]
        after = page.next_key
        if after is None:
            break
    assert seen == ["c0.example", "c2.example", "c4.example", "c1.example", "c3.example"]
    assert [row["domain"] for row in list_companies(workspace_id=huerta.id, search="CASA c3").rows] == ["c3.example"]
    with workspace_scope(other_co.id):
        assert list_companies(workspace_id=other_co.id).rows == []
