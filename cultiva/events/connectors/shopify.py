"""Shopify: webhooks of orders, refunds and customers (https://shopify.dev/docs/api/webhooks)."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from cultiva.events.actions import NewEvent
from cultiva.events.connectors import MAX_PRODUCTS, Connector, Json, Till, amount, known, moment, stamp, text

PAID = ("paid", "partially_refunded", "refunded")
WITH_PAYMENT = timedelta(seconds=2)  # a change this soon after the payment is the payment's own
ORDERS = ("orders/create", "orders/paid", "orders/updated", "orders/edited", "orders/cancelled", "orders/fulfilled")


class Shopify(Connector):
    kind = "shopify"
    label = "Shopify"
    topic_header = "X-Shopify-Topic"
    delivery_header = "X-Shopify-Webhook-Id"
    signature_header = "X-Shopify-Hmac-Sha256"

    def is_test(self, headers: Mapping[str, str], body: Json) -> bool:
        return headers.get("X-Shopify-Test", "").lower() == "true" or body.get("test") is True

    def read(self, topic: str, body: Json, till: Till) -> list[NewEvent] | None:
        if topic in ORDERS and "id" in body:
            return list(_order(body, till))
        if topic == "refunds/create":
            return list(_refund(body, f"order:{text(body['order_id'])}", till))
        if topic in ("customers/create", "customers/update"):
            return list(_customer(body, till))
        return None


def _order(order: Json, till: Till) -> Iterator[NewEvent]:
    number, who = text(order["id"]), f"order:{text(order['id'])}"  # a refund's own webhook names nobody but its order
    begun = moment(order.get("processed_at") or order.get("created_at"))
    changed, cancelled = moment(order.get("updated_at")), order.get("cancelled_at")
    if traits := _traits(order):
        message_id = f"order:{number}:who:{stamp(changed)}"
        yield till.event("identify", message_id=message_id, at=changed, who=who, properties=traits)
    facts = _facts(order)
    if order.get("financial_status") in PAID:
        yield till.event("Order Completed", message_id=f"order:{number}:paid", at=begun, who=who, properties=facts)
        if changed - begun > WITH_PAYMENT and not cancelled:
            message_id = f"order:{number}:changed:{stamp(changed)}"
            yield till.event("Order Updated", message_id=message_id, at=changed, who=who, properties=facts)
    elif not cancelled:
        yield till.event("Checkout Started", message_id=f"order:{number}:begun", at=begun, who=who, properties=facts)
    for refund in order.get("refunds") or []:
        yield from _refund({"order_id": order["id"], **refund}, who, till)
    if cancelled:
        at, message_id = moment(cancelled), f"order:{number}:cancelled"
        yield till.event("Order Cancelled", message_id=message_id, at=at, who=who, properties={"order_id": number})


def _refund(refund: Json, who: str, till: Till) -> Iterator[NewEvent]:
    """The money that went back; goods that came back without money are none."""
    order, number, worth = text(refund["order_id"]), text(refund["id"]), _given_back(refund)
    if worth:
        paid = (refund.get("transactions") or [{}])[0]
        told = known({
            "order_id": order, "refund_id": number, "total": worth, "currency": text(paid.get("currency")),
            "reason": text(refund.get("note")),
        })  # fmt: skip
        at = moment(refund.get("processed_at") or refund.get("created_at"))
        message_id = f"order:{order}:refund:{number}"
        yield till.event("Order Refunded", message_id=message_id, at=at, who=who, properties=told)


def _given_back(refund: Json) -> float:
    done = [t for t in refund.get("transactions") or [] if t.get("kind") == "refund" and t.get("status") == "success"]
    return round(sum(amount(transaction.get("amount")) for transaction in done), 4)


def _customer(customer: Json, till: Till) -> Iterator[NewEvent]:
    number, changed = text(customer["id"]), moment(customer.get("updated_at"))
    if traits := _traits({"customer": customer}):
        message_id = f"customer:{number}:{stamp(changed)}"
        yield till.event("identify", message_id=message_id, at=changed, who=f"customer:{number}", properties=traits)


def _traits(order: Json) -> Json:
    customer = order.get("customer") or {}
    address = order.get("billing_address") or customer.get("default_address") or {}
    named = {**known(address), **known(customer)}
    return known({
        "email": text(order.get("email") or order.get("contact_email") or customer.get("email")),
        "first_name": text(named.get("first_name")),
        "last_name": text(named.get("last_name")),
        "phone": text(order.get("phone") or customer.get("phone") or address.get("phone")),
        "company": text(address.get("company")),
        "city": text(address.get("city")),
        "country": text(address.get("country_code")),
    })  # fmt: skip


def _facts(order: Json) -> Json:
    """`current_total_price` is what is left after edits and refunds; the refunds are added, since events of their own
    take them off again."""
    refunds = sum(_given_back(refund) for refund in order.get("refunds") or [])
    left = order.get("current_total_price")
    total = amount(order.get("total_price")) if left is None else round(amount(left) + refunds, 4)
    return known({
        "order_id": text(order["id"]),
        "order_number": text(order.get("name")),
        "total": total,
        "currency": text(order.get("currency")),
        "tax": amount(order.get("total_tax")),
        "discount": amount(order.get("total_discounts")),
        "products": [_product(item) for item in (order.get("line_items") or [])[:MAX_PRODUCTS]],
    })  # fmt: skip


def _product(item: Json) -> Json:
    return known({
        "product_id": text(item.get("product_id")),
        "sku": text(item.get("sku")),
        "name": text(item.get("title")),
        "price": amount(item.get("price")),
        "quantity": amount(item.get("quantity")),
    })  # fmt: skip
