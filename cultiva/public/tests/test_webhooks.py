"""Webhooks of shops: signed, taken once, and in any order the same in the end."""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from cultiva.events.connectors import address_of, forget_deliveries
from cultiva.events.models import Delivery, Event, EventSource
from cultiva.events.sources import create_source
from cultiva.flow import process_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.commerce import recount
from cultiva.leads.models import Conversion, Lead, LeadValue
from cultiva.lib import clock
from cultiva.lib.secrets import decrypt

Json = dict[str, Any]
SECRET = "s3cret & <good>"


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@x.example", attributes={}, language="es", source_kind="form", at=at
    )
    return lead


@pytest.fixture(params=["woocommerce", "shopify"])
def shop(request: pytest.FixtureRequest, huerta: Any, at: datetime) -> EventSource:
    return make_shop(huerta, request.param, at)


def make_shop(workspace: Any, kind: str, at: datetime) -> EventSource:
    source, _ = create_source(workspace_id=workspace.id, key=kind, name=kind, kind=kind, at=at, secret=SECRET)
    return source


def woo_order(changed: str = "10:00:00", *, total: str = "121.00", status: str = "processing", **other: Any) -> Json:
    """As WooCommerce 9 sends it, shortened."""
    return {
        "id": 727, "parent_id": 0, "status": status, "currency": "EUR", "version": "9.3.3", "prices_include_tax": True,
        "date_created_gmt": "2026-03-09T09:58:00", "date_modified_gmt": f"2026-03-09T{changed}",
        "discount_total": "0.00", "shipping_total": "5.00", "total": total, "total_tax": "21.00", "customer_id": 26,
        "order_key": "wc_order_58d2d042d1d", "payment_method": "stripe", "date_paid_gmt": "2026-03-09T10:00:00",
        "billing": {
            "first_name": "Ana", "last_name": "Ruiz", "company": "Huertos Ruiz", "address_1": "Calle Mayor 1",
            "city": "Murcia", "state": "MU", "postcode": "30001", "country": "ES", "email": "Ana@x.example",
            "phone": "+34 600 000 000",
        },
        "meta_data": [], "refunds": [],
        "line_items": [
            {"id": 315, "name": "Programador P8", "product_id": 93, "variation_id": 0, "quantity": 2, "sku": "P8",
             "price": 58, "subtotal": "116.00", "total": "116.00", "taxes": [], "meta_data": []},
        ],
    } | other  # fmt: skip


def shopify_order(changed: str = "10:00:00", *, total: str = "121.00", status: str = "paid", **other: Any) -> Json:
    """As Shopify's API of 2026-04 sends it, shortened."""
    return {
        "id": 727, "admin_graphql_api_id": "gid://shopify/Order/727", "name": "#1001", "email": "ana@x.example",
        "contact_email": "ana@x.example", "created_at": "2026-03-09T10:59:00+01:00", "currency": "EUR",
        "processed_at": "2026-03-09T11:00:00+01:00", "updated_at": f"2026-03-09T{changed}+00:00", "cancelled_at": None,
        "financial_status": status, "total_price": "121.00", "current_total_price": total, "total_tax": "21.00",
        "total_discounts": "0.00", "test": False, "phone": None,
        "customer": {"id": 26, "email": "ana@x.example", "first_name": "Ana", "last_name": "Ruiz",
                     "default_address": {"company": "Huertos Ruiz", "city": "Murcia", "country_code": "ES"}},
        "line_items": [{"id": 1, "product_id": 93, "sku": "P8", "title": "Programador P8", "quantity": 2,
                        "price": "58.00"}],
        "refunds": [],
    } | other  # fmt: skip


SHOPIFY_REFUND = {
    "id": 509, "order_id": 727, "created_at": "2026-03-09T12:00:00+00:00", "processed_at": "2026-03-09T12:00:00+00:00",
    "note": "uno roto", "refund_line_items": [{"id": 1, "line_item_id": 1, "quantity": 1, "subtotal": 21.0}],
    "transactions": [
        {"id": 1, "order_id": 727, "kind": "refund", "status": "success", "amount": "21.00", "currency": "EUR"},
        {"id": 2, "order_id": 727, "kind": "refund", "status": "failure", "amount": "21.00", "currency": "EUR"},
    ],
}  # fmt: skip
# {shop: {what happened: (topic, body)}}
SAID: dict[str, dict[str, tuple[str, Json]]] = {
    "woocommerce": {
        "paid": ("order.created", woo_order()),
        "changed": ("order.updated", woo_order("11:00:00", total="100.00")),
        "refunded": (
            "order.updated",
            woo_order("12:00:00", total="100.00", refunds=[{"id": 801, "reason": "uno roto", "total": "-21.00"}]),
        ),
        "cancelled": ("order.updated", woo_order("13:00:00", total="100.00", status="cancelled")),
        "begun": ("order.created", woo_order("09:58:00", status="pending", date_paid_gmt=None)),
        "customer": ("customer.updated", {"id": 26, "email": "ana@x.example", "first_name": "Ana",
                                          "date_modified_gmt": "2026-03-09T10:00:00", "billing": {"city": "Lorca"}}),
        "useless": ("product.updated", {"id": 4}),
    },
    "shopify": {
        "paid": ("orders/paid", shopify_order()),
        "changed": ("orders/updated", shopify_order("11:00:00", total="100.00")),
        "refunded": ("orders/updated", shopify_order("12:00:00", total="79.00", status="partially_refunded",
                                                     refunds=[SHOPIFY_REFUND])),
        "refund alone": ("refunds/create", SHOPIFY_REFUND),
        "cancelled": ("orders/cancelled", shopify_order("13:00:00", total="100.00",
                                                        cancelled_at="2026-03-09T13:00:00+00:00")),
        "begun": ("orders/create", shopify_order("09:58:00", status="pending")),
        "customer": ("customers/update", {"id": 26, "email": "ana@x.example", "first_name": "Ana",
                                          "updated_at": "2026-03-09T10:00:00Z", "default_address": {"city": "Lorca"}}),
        "useless": ("products/update", {"id": 4}),
    },
}  # fmt: skip
_deliveries = itertools.count()


def deliver(
    shop: EventSource, topic: str, body: Any, *, secret: str = SECRET, address: str = "", **headers: str
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    names = {
        "woocommerce": ("X-WC-Webhook-Topic", "X-WC-Webhook-Delivery-ID", "X-WC-Webhook-Signature"),
        "shopify": ("X-Shopify-Topic", "X-Shopify-Webhook-Id", "X-Shopify-Hmac-Sha256"),
    }[shop.kind]
    given = dict(zip(names, (topic, f"d{next(_deliveries)}", signature), strict=True)) | headers
    path = address or address_of(shop).removeprefix("http://127.0.0.1:8000")
    return Client().post(path, raw, content_type="application/json", headers=given)


def happen(shop: EventSource, *words: str) -> None:
    for word in words:
        assert deliver(shop, *SAID[shop.kind][word]).status_code == 200


def worth(shop: EventSource, lead: Lead) -> Json:
    """What the lead has bought, once all is worked off."""
    while process_workspace(workspace_id=shop.workspace_id, at=clock.now()):
        pass
    recount(workspace_id=shop.workspace_id, lead_ids=[lead.id])
    summary = LeadValue.objects.filter(workspace_id=shop.workspace_id, lead=lead).first()
    return summary.value if summary else {}


def names(shop: EventSource) -> list[str]:
    stored = Event.objects.filter(workspace_id=shop.workspace_id, source_id=shop.id).order_by("id")
    return list(stored.values_list("name", flat=True))


def test_a_paid_order_is_worth_its_total(shop: EventSource, ana: Lead) -> None:
    happen(shop, "begun", "paid")
    assert worth(shop, ana) == {"EUR": 121}
    assert [name for name in names(shop) if name != "identify"] == ["Checkout Started", "Order Completed"]
    paid = Event.objects.get(workspace_id=shop.workspace_id, name="Order Completed")
    assert paid.properties["products"] == [
        {"product_id": "93", "sku": "P8", "name": "Programador P8", "price": 58.0, "quantity": 2.0}
    ]
    assert paid.context["is_secret"] is paid.context["makes_leads"] is True
    assert paid.occurred_at.isoformat() == "2026-03-09T10:00:00+00:00"
    told = Event.objects.filter(workspace_id=shop.workspace_id, name="identify", source_id=shop.id)[0].properties
    assert {**told, "email": told["email"].lower()}.items() >= {
        "email": "ana@x.example", "first_name": "Ana", "last_name": "Ruiz", "company": "Huertos Ruiz", "country": "ES",
    }.items()  # fmt: skip


def test_changed_and_partly_refunded_orders_are_worth_what_is_left(shop: EventSource, ana: Lead) -> None:
    happen(shop, "paid", "changed")
    assert worth(shop, ana) == {"EUR": 100}
    happen(shop, "refunded")
    assert worth(shop, ana) == {"EUR": 79}
    order = Conversion.objects.get(workspace_id=shop.workspace_id, kind="order")
    assert (order.key, float(order.value or 0), float(order.refunded)) == ("727", 100.0, 21.0)


def test_a_cancelled_order_is_worth_nothing(shop: EventSource, ana: Lead) -> None:
    happen(shop, "paid", "cancelled")
    assert worth(shop, ana) == {"EUR": 0}


@pytest.mark.parametrize("order", list(itertools.permutations(["paid", "changed", "refunded"])))
def test_deliveries_in_any_order_come_to_the_same(shop: EventSource, ana: Lead, order: tuple[str, ...]) -> None:
    happen(shop, *order)
    assert worth(shop, ana) == {"EUR": 79}


def test_a_refund_told_before_its_order_finds_it(huerta: Any, ana: Lead, at: datetime) -> None:
    shop = make_shop(huerta, "shopify", at)
    happen(shop, "refund alone")
    assert worth(shop, ana) == {}
    happen(shop, "paid")
    assert worth(shop, ana) == {"EUR": 100}
    happen(shop, "refunded", "refund alone")  # the same refund again, two ways
    assert worth(shop, ana) == {"EUR": 79}


def test_a_delivery_repeated_changes_nothing(shop: EventSource, ana: Lead) -> None:
    happen(shop, "paid", "refunded")
    before = names(shop)
    happen(shop, "paid", "refunded", "paid")  # each under a new delivery number
    assert names(shop) == before
    topic, body = SAID[shop.kind]["refunded"]
    deliver(shop, topic, dict(reversed(body.items())))  # the same facts in other bytes
    assert names(shop) == before
    assert worth(shop, ana) == ({"EUR": 79})


def test_two_deliveries_of_one_second_are_two(huerta: Any, ana: Lead, at: datetime) -> None:
    """WooCommerce numbers deliveries by webhook and second."""
    shop = make_shop(huerta, "woocommerce", at)
    one = {"X-WC-Webhook-Delivery-ID": "same"}
    deliver(shop, "order.updated", woo_order(), **one)
    deliver(shop, "order.updated", woo_order(id=728), **one)
    assert worth(shop, ana) == {"EUR": 242}


@pytest.mark.parametrize("headers", [{}, {"X-Shopify-Hmac-Sha256": "ü"}, {"X-WC-Webhook-Signature": ""}])
def test_a_forged_delivery_is_refused_and_not_stored(shop: EventSource, ana: Lead, headers: dict[str, str]) -> None:
    answer = deliver(shop, *SAID[shop.kind]["paid"], secret="another", **headers)
    assert answer.status_code == 401
    assert not Delivery.objects.filter(workspace_id=shop.workspace_id).exists()
    assert not names(shop)


def test_a_body_changed_under_its_signature_is_refused(shop: EventSource) -> None:
    raw = json.dumps(SAID[shop.kind]["paid"][1]).encode()
    good = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    header = {"woocommerce": "X-WC-Webhook-Signature", "shopify": "X-Shopify-Hmac-Sha256"}[shop.kind]
    assert deliver(shop, "x", raw.replace(b"121.00", b"921.00"), **{header: good}).status_code == 401


def test_a_topic_of_no_use_is_noted_and_answered(shop: EventSource) -> None:
    happen(shop, "useless")
    kept = Delivery.objects.get(workspace_id=shop.workspace_id)
    assert (kept.outcome, json.loads(decrypt(kept.body))) == ("ignored", {"id": 4})
    assert not names(shop)


@pytest.mark.parametrize(
    "body",
    [b"not json", b"[1]", b'{"id": {}}', b'{"id": 1, "line_items": 5}', b'{"id": 1, "refunds": [3]}', b"\xff",
     b'{"id": 1, "total": "x", "total_price": "x"}', b'{"id": 1, "date_created_gmt": "soon", "created_at": "soon"}',
     b'{"id": 1, "total": 1e999, "total_price": 1e999}', b"[" * 5000],
)  # fmt: skip
def test_what_cannot_be_read_is_kept_and_answered(shop: EventSource, body: bytes) -> None:
    topic = SAID[shop.kind]["paid"][0]
    assert deliver(shop, topic, body).status_code == 200
    assert Delivery.objects.filter(workspace_id=shop.workspace_id).count() == 1


def test_strange_characters_do_not_hurt(shop: EventSource, ana: Lead) -> None:
    body = SAID[shop.kind]["paid"][1]
    bent = json.dumps(body).replace("Programador P8", "\\u0000Progra\\ud800mador").encode()
    assert deliver(shop, SAID[shop.kind]["paid"][0], bent).status_code == 200
    assert worth(shop, ana) == {"EUR": 121}


def test_a_test_order_is_not_real(huerta: Any, at: datetime) -> None:
    shop = make_shop(huerta, "shopify", at)
    deliver(shop, "orders/paid", shopify_order(test=True))
    deliver(shop, "orders/paid", shopify_order(), **{"X-Shopify-Test": "true"})
    assert set(Delivery.objects.filter(workspace_id=huerta.id).values_list("outcome", flat=True)) == {"test"}
    assert not names(shop)


def test_woocommerce_greets_before_it_delivers(huerta: Any, at: datetime) -> None:
    shop = make_shop(huerta, "woocommerce", at)
    path = address_of(shop).removeprefix("http://127.0.0.1:8000")
    assert Client().post(path, b"webhook_id=x", content_type="application/x-www-form-urlencoded").status_code == 401
    greeting = Client().post(path, b"webhook_id=12", content_type="application/x-www-form-urlencoded")
    assert (greeting.status_code, greeting.content) == (200, b"greeted\n")
    assert not Delivery.objects.filter(workspace_id=huerta.id).exists()


def test_a_customer_tells_who_they_are(shop: EventSource, ana: Lead) -> None:
    happen(shop, "customer")
    event = Event.objects.get(workspace_id=shop.workspace_id, source_id=shop.id)
    assert (event.kind, event.properties["email"], event.properties["city"]) == ("identify", "ana@x.example", "Lorca")


def test_only_the_address_of_a_live_source_answers(shop: EventSource, other_co: Any, at: datetime) -> None:
    topic, body = SAID[shop.kind]["paid"]
    good = address_of(shop).removeprefix("http://127.0.0.1:8000")
    other = {"shopify": "woocommerce", "woocommerce": "shopify"}[shop.kind]
    for address in (good[:-1], f"/hooks/{shop.kind}/1.1.x", good.replace(shop.kind, other), "/hooks/x/y"):
        assert deliver(shop, topic, body, address=address).status_code == 404
    assert Client().get(good).status_code == 405
    shop.stopped_at = at
    shop.save(update_fields=["stopped_at"])
    assert deliver(shop, topic, body).status_code == 404


def test_more_than_a_megabyte_is_refused(shop: EventSource) -> None:
    assert deliver(shop, "x", b'{"a": "' + b"x" * 1024 * 1024 + b'"}').status_code == 413


def test_deliveries_are_forgotten_in_time(shop: EventSource) -> None:
    happen(shop, "paid", "useless")
    assert forget_deliveries(workspace_id=shop.workspace_id, before=datetime.fromisoformat("2000-01-01T00:00Z")) == 0
    assert forget_deliveries(workspace_id=shop.workspace_id, before=clock.now(), limit=1) == 1
    assert forget_deliveries(workspace_id=shop.workspace_id, before=clock.now()) == 1
