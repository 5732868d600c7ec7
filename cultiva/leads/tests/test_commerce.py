"""What leads bought, beside a plain reference that reads the same events one by one."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cultiva.events
from cultiva.events.actions import NewEvent, claim_new_events, record_events, visitor_of
from cultiva.events.batch import Batch
from cultiva.events.verdicts import mark_machine
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.commerce import RESERVED, count_conversions
from cultiva.leads.models import Conversion, Lead, LeadValue
from cultiva.lib.database import load_sql, workspace_scope

Json = dict[str, Any]
_number = count()


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@x.example", attributes={}, language="es", source_kind="form", at=at
    )
    return lead


def tell(lead: Lead, *events: tuple[str, Json, int], at: datetime, actor: str = "unknown") -> list[Any]:
    """Events of (name, properties, minutes before `at`), in this order of arrival."""
    new = [
        NewEvent(
            kind="track", name=name, message_id=f"m{next(_number)}", occurred_at=at - timedelta(minutes=minutes),
            lead_id=lead.id, properties=properties, actor=actor,
        )
        for name, properties, minutes in events
    ]  # fmt: skip
    found = []
    for event in new:  # one by one: ids ascend in the order of arrival
        found += record_events(workspace_id=lead.workspace_id, events=[event], received_at=at)
    batch = Batch(workspace_id=lead.workspace_id, at=at, events=found, lead_ids=[lead.id])
    count_conversions(batch)
    return found


def order(lead: Lead, key: str = "7") -> Conversion:
    return Conversion.objects.get(workspace_id=lead.workspace_id, lead=lead, kind="order", key=key)


def value(lead: Lead) -> Json:
    return LeadValue.objects.get(workspace_id=lead.workspace_id, lead=lead).value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("properties", "worth"),
    [
        ({"revenue": 25, "total": 30, "value": 35}, 25),
        ({"total": 30, "value": 35}, 30),
        ({"value": "35.50"}, Decimal("35.5")),
        ({"products": [{"price": 10, "quantity": 2}, {"price": "5.25"}]}, Decimal("25.25")),
        ({"revenue": "a lot", "total": 30}, 30),
        ({"total": -5}, 0),
        ({"total": True}, 0),
        ({"total": 1e300}, 0),
        ({"products": "none"}, 0),
        ({}, 0),
    ],
)
def test_an_order_is_worth_what_its_event_says(ana: Lead, at: datetime, properties: Json, worth: Decimal) -> None:
    tell(ana, ("Order Completed", {"order_id": 7, "currency": "eur"} | properties, 5), at=at)
    assert (order(ana).value, order(ana).started_at) == (worth, at - timedelta(minutes=5))


def test_changed_and_partly_refunded(ana: Lead, at: datetime) -> None:
    tell(ana, ("Order Completed", {"order_id": "7", "total": 100, "currency": "EUR"}, 9), at=at)
    assert value(ana) == {"EUR": 100}
    tell(ana, ("Order Updated", {"order_id": "7", "total": 80, "currency": "EUR"}, 5), at=at)
    tell(ana, ("Order Refunded", {"order_id": "7", "refund_id": "r1", "total": 30}, 4), at=at)
    assert (order(ana).value, order(ana).refunded) == (Decimal(80), Decimal(30))
    tell(ana, ("Order Refunded", {"order_id": "7", "refund_id": "r1", "total": 30}, 3), at=at)
    tell(ana, ("Order Updated", {"order_id": "7", "total": 95, "currency": "EUR"}, 7), at=at)  # late, and older
    assert value(ana) == {"EUR": 50}
    tell(ana, ("Order Refunded", {"order_id": "7", "refund_id": "r2", "total": 60}, 2), at=at)
    assert (order(ana).refunded, value(ana)) == (Decimal(80), {"EUR": 0})


def test_a_refund_that_comes_first_waits_for_its_order(ana: Lead, at: datetime) -> None:
    tell(ana, ("Order Refunded", {"order_id": "7", "total": 30}, 1), at=at)
    assert order(ana).value is None
    assert not LeadValue.objects.filter(workspace_id=ana.workspace_id).exists()
    tell(ana, ("Order Completed", {"order_id": "7", "total": 100, "currency": "EUR"}, 9), at=at)
    assert value(ana) == {"EUR": 70}


def test_a_refund_without_an_amount_is_the_whole_order(ana: Lead, at: datetime) -> None:
    tell(ana, ("Order Completed", {"order_id": "7", "total": 100}, 9), ("Order Refunded", {"order_id": "7"}, 1), at=at)
    assert value(ana) == {"": 0}


def test_a_cancelled_order_is_no_order_until_it_is_completed_anew(ana: Lead, at: datetime) -> None:
    tell(ana, ("Order Completed", {"order_id": "7", "total": 9}, 9), ("Order Cancelled", {"order_id": "7"}, 5), at=at)
    assert (value(ana), LeadValue.objects.get(lead=ana).orders) == ({"": 0}, 0)
    tell(ana, ("Order Completed", {"order_id": "7", "total": 9}, 2), at=at)
    assert (value(ana), LeadValue.objects.get(lead=ana).orders) == ({"": 9}, 1)


def test_subscriptions_add_up_and_stay_paid_when_they_end(ana: Lead, at: datetime) -> None:
    plan = {"subscription_id": "s", "revenue": 20, "currency": "EUR"}
    tell(ana, ("Subscription Started", plan, 9), ("Subscription Renewed", plan, 5), at=at)
    summary = LeadValue.objects.get(lead=ana)
    assert (summary.subscriptions, summary.orders, summary.value) == (1, 0, {"EUR": 40})
    tell(ana, ("Subscription Cancelled", {"subscription_id": "s"}, 1), at=at)
    summary = LeadValue.objects.get(lead=ana)
    assert (summary.subscriptions, summary.value) == (0, {"EUR": 40})


def test_what_machines_send_is_not_counted(ana: Lead, at: datetime) -> None:
    tell(ana, ("Order Completed", {"order_id": "7", "total": 9}, 9), at=at, actor="machine")
    assert not Conversion.objects.filter(workspace_id=ana.workspace_id).exists()


def test_an_order_that_staff_say_a_machine_sent_counts_no_more(ana: Lead, at: datetime) -> None:
    [order] = tell(ana, ("Order Completed", {"order_id": "7", "total": 9}, 9), at=at)
    whose: Json = {"workspace_id": ana.workspace_id, "lead_id": ana.id}
    for is_machine, orders in ((True, 0), (False, 1)):
        claim_new_events(workspace_id=ana.workspace_id, limit=100)
        mark_machine(event_id=order.id, is_machine=is_machine, by="user:1", at=at, **whose)
        news = claim_new_events(workspace_id=ana.workspace_id, limit=100)
        count_conversions(Batch(workspace_id=ana.workspace_id, at=at, events=news, lead_ids=[ana.id]))
        assert Conversion.objects.filter(workspace_id=ana.workspace_id).count() == orders


def test_orders_from_before_a_visitor_was_known_count_once_they_are(ana: Lead, at: datetime) -> None:
    visitor = visitor_of(workspace_id=ana.workspace_id, source_id=3, anonymous_id="a")
    paid = NewEvent(
        kind="track", name="Order Completed", message_id="o", occurred_at=at, visitor=visitor, source_id=3,
        properties={"order_id": "7", "total": 12, "currency": "EUR"},
    )  # fmt: skip
    record_events(workspace_id=ana.workspace_id, events=[paid], received_at=at)
    link_visitor(workspace_id=ana.workspace_id, visitor=visitor, lead_id=ana.id, at=at)
    count_conversions(Batch(workspace_id=ana.workspace_id, at=at, lead_ids=[ana.id]))
    assert value(ana) == {"EUR": 12}


def test_another_workspace_sees_nothing(ana: Lead, other_co: Any, at: datetime) -> None:
    tell(ana, ("Order Completed", {"order_id": "7", "total": 9}, 9), at=at)
    with workspace_scope(other_co.id):
        count_conversions(Batch(workspace_id=other_co.id, at=at, lead_ids=[ana.id]))
        assert not Conversion.objects.exists()
    assert value(ana) == {"": 9}


def test_the_indexes_know_the_reserved_names(huerta: Any, at: datetime) -> None:
    made = Path(cultiva.events.__file__).parent / "migrations" / "0006_connectors.py"
    for text in (load_sql("leads", "count_conversions"), made.read_text()):
        assert all(f"'{name}'" in text for name in RESERVED)


@dataclass
class Known:
    """An order of the reference."""

    totals: list[tuple[datetime, int, Decimal | None, str]] = field(default_factory=list)
    refunds: dict[str, list[tuple[datetime, int, Decimal | None, str]]] = field(default_factory=dict)
    cancelled: list[datetime] = field(default_factory=list)


def reference(events: list[tuple[int, str, Json, datetime]]) -> dict[str, tuple[Any, ...]]:
    """{order: (value, currency, refunded, is cancelled)}"""
    orders: dict[str, Known] = {}
    for number, name, properties, when in events:
        known = orders.setdefault(properties["order_id"], Known())
        amount = Decimal(str(properties["total"])) if "total" in properties else None
        fact = (when, number, amount, properties.get("currency", ""))
        if name in ("Order Completed", "Order Updated"):
            known.totals.append(fact)
        elif name == "Order Refunded":
            known.refunds.setdefault(properties.get("refund_id", f"#{number}"), []).append(fact)
        else:
            known.cancelled.append(when)
    return {key: of_order(known) for key, known in orders.items()}


def of_order(known: Known) -> tuple[Any, ...]:
    priced = sorted((t for t in known.totals if t[2] is not None), key=lambda t: t[:2])
    worth, currency = (priced[-1][2], priced[-1][3]) if priced else (Decimal(0), "")
    refunded, is_whole = Decimal(0), False
    for versions in known.refunds.values():
        _, _, amount, of = max(versions, key=lambda t: t[:2])
        is_whole |= amount is None
        if amount is not None and ("" in (of, currency) or of == currency):
            refunded += amount
    if not known.totals:
        return None, "", refunded, bool(known.cancelled)
    assert worth is not None
    refunded = worth if is_whole else min(refunded, worth)
    is_cancelled = bool(known.cancelled) and max(known.cancelled) >= max(t[0] for t in known.totals)
    return worth, currency, refunded, is_cancelled


SAYING = st.tuples(
    st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Refunded", "Order Cancelled"]),
    st.fixed_dictionaries(
        {"order_id": st.sampled_from(["1", "2"])},
        optional={
            "total": st.decimals(0, 500, places=2).map(float),
            "currency": st.sampled_from(["EUR", "USD"]),
            "refund_id": st.sampled_from(["r1", "r2"]),
        },
    ),
    st.integers(0, 6),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sayings=st.lists(SAYING, min_size=1, max_size=9), cut=st.integers(0, 9))
def test_any_order_of_any_events_comes_out_as_the_reference_says(
    ana: Lead, at: datetime, sayings: list[Any], cut: int
) -> None:
    with transaction.atomic():
        found = [*tell(ana, *sayings[:cut], at=at), *tell(ana, *sayings[cut:], at=at)]
        expected = reference([(e.id, e.name, e.properties, e.occurred_at) for e in found])
        rows = Conversion.objects.filter(workspace_id=ana.workspace_id, lead=ana)
        assert {r.key: (r.value, r.currency, r.refunded, r.cancelled_at is not None) for r in rows} == expected
        worth: dict[str, Decimal] = {}
        for amount, currency, refunded, is_cancelled in expected.values():
            if amount is not None:
                worth[currency] = worth.get(currency, Decimal(0)) + (0 if is_cancelled else amount - refunded)
        summary = LeadValue.objects.filter(workspace_id=ana.workspace_id, lead=ana).first()
        assert {c: Decimal(str(v)) for c, v in (summary.value if summary else {}).items()} == worth
        transaction.set_rollback(True)
