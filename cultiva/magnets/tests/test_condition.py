"""Criteria that ask who got a lead magnet."""

from datetime import timedelta
from typing import Any

from cultiva.criteria.explaining import explain
from cultiva.criteria.language import parse, say
from cultiva.criteria.tests.cast import Person, make_people
from cultiva.criteria.tests.test_predicates import select_leads
from cultiva.magnets.models import Grant

DAY = timedelta(days=1)


def test_who_got_a_lead_magnet_is_known_for_every_instant(huerta: Any, at: Any) -> None:
    first, _second = make_people(huerta, [Person(), Person()], at)
    Grant.objects.create(workspace=huerta, lead_id=first, magnet="guia", granted_at=at - DAY)
    document = {"magnet": "guia"}
    assert select_leads(huerta, document, at) == [first]
    assert select_leads(huerta, document, at - 2 * DAY) == []
    assert explain(parse(document), workspace_id=huerta.id, lead_id=first, at=at).evidence["at"][:10] == "2026-03-09"
    assert say(parse(document), "es") == "ha recibido el contenido guia"
