"""Screens of campaigns: made, given links and costs, looked at, deleted."""

from datetime import datetime
from typing import Any

from cultiva.accounts.models import Role
from cultiva.capture.models import Campaign, CampaignCost, CampaignLink
from cultiva.web.tests.test_screens import signed_in


def test_a_marketer_makes_a_campaign_with_a_link_to_copy_and_a_cost(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    assert 'class="empty"' in client.get("/campaigns").content.decode()
    given = {"name": "Otoño 2026", "objective": "quote", "starts_on": "2026-03-01", "budget": "900", "currency": "EUR"}
    client.post("/campaigns/new", given, follow=True)
    assert Campaign.objects.get(workspace=huerta).key == "otono-2026"
    here = "/campaigns/of/otono-2026"
    link = {"url": "https://huerta.example/oferta", "source": "meta", "medium": "paid-social"}
    page = client.post(f"{here}/add/link", link, follow=True).content.decode()
    assert "oferta?utm_source=meta&amp;utm_medium=paid-social&amp;utm_campaign=otono-2026" in page
    assert "data-copy" in page
    wrong = client.post(f"{here}/add/link", link | {"source": "Mi Red"})
    assert (wrong.status_code, "is-invalid" in wrong.content.decode()) == (422, True)
    client.post(f"{here}/add/cost", {"day": "2026-03-05", "amount": "120.50", "note": "Meta"})
    client.post(f"{here}/edit", given | {"name": "Otoño"})
    found = Campaign.objects.get(workspace=huerta)
    assert (found.name, found.revision) == ("Otoño", 4)
    assert CampaignCost.objects.get(campaign=found).note == "Meta"  # what the form does not show is kept
    client.post(f"{here}/take-out/link/0")
    assert not CampaignLink.objects.filter(campaign=found).exists()
    client.post(f"{here}/delete")
    assert not Campaign.objects.exists()


def test_who_only_looks_sees_the_campaigns_and_changes_none(huerta: Any, at: datetime) -> None:
    signed_in(huerta, Role.OWNER, at).post("/campaigns/new", {"name": "A", "objective": "quote", "currency": "EUR"})
    client = signed_in(huerta, Role.ANALYST, at)
    for address in ("/campaigns", "/campaigns/of/a?touch=first", "/campaigns/of/a/edit"):
        assert client.get(address).status_code == 200
    assert client.post("/campaigns/of/a/delete").status_code == 403
    assert client.get("/campaigns/of/none").status_code == 404
