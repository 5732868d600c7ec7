"""WooCommerce: webhooks of orders and customers (https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks)."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from cultiva.events.actions import NewEvent
from cultiva.events.connectors import MAX_PRODUCTS, Connector, Json, Till, amount, known, moment, stamp, text

PAID = ("processing", "completed", "refunded")
WITH_PAYMENT = timedelta(seconds=2)  # a change this soon after the payment is the payment's own


class WooCommerce(Connector):
    kind = "woocommerce"
    label = "WooCommerce"
    topic_header = "X-WC-Webhook-Topic"
    delivery_header = "X-WC-Webhook-Delivery-ID"
    signature_header = "X-WC-Webhook-Signature"

    def is_greeting(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """A new webhook first posts `webhook_id=12`, and stays switched off unless that is answered."""
        return self.signature_header not in headers and re.fullmatch(rb"webhook_id=\d{1,20}", raw) is not None

    def read(self, topic: str, body: Json, till: Till) -> list[NewEvent] | None:
        if topic in ("order.created", "order.updated", "order.restored"):
            return list(_order(body, till))
        if topic in ("customer.created", "customer.updated"):
            return list(_customer(body, till))
        return None


def _order(order: Json, till: Till) -> Iterator[NewEvent]:
    number, status = text(order["id"]), text(order.get("status"))
    created, changed = moment(order.get("date_created_gmt")), moment(order.get("date_modified_gmt"))
    paid, billing = moment(order.get("date_paid_gmt")), order.get("billing") or {}
    customer = text(order.get("customer_id"))
    is_by_name = not billing.get("email") and not billing.get("phone") and customer not in ("", "0")
    who = f"customer:{customer}" if is_by_name else f"order:{number}"
    if traits := _traits(billing):
        yield till.event(
            "identify", message_id=f"order:{number}:who:{stamp(changed)}", at=changed, who=who, properties=traits
        )
    facts = _facts(order)
    if order.get("date_paid_gmt") or status in PAID:
        paid = paid if order.get("date_paid_gmt") else created
        yield till.event("Order Completed", message_id=f"order:{number}:paid", at=paid, who=who, properties=facts)
        if changed - paid > WITH_PAYMENT and status != "cancelled":
            message_id = f"order:{number}:changed:{stamp(changed)}"
            yield till.event("Order Updated", message_id=message_id, at=changed, who=who, properties=facts)
    elif status in ("pending", "on-hold", "failed"):
        yield till.event("Checkout Started", message_id=f"order:{number}:begun", at=created, who=who, properties=facts)
    for refund in order.get("refunds") or []:
        if worth := amount(refund.get("total")):
            told = known({
                "order_id": number, "refund_id": text(refund["id"]), "total": worth, "currency": facts.get("currency"),
                "reason": text(refund.get("reason")),
            })  # fmt: skip
            message_id = f"order:{number}:refund:{told['refund_id']}"
            yield till.event("Order Refunded", message_id=message_id, at=changed, who=who, properties=told)
    if status == "cancelled":
        message_id = f"order:{number}:cancelled:{stamp(changed)}"
        yield till.event("Order Cancelled", message_id=message_id, at=changed, who=who, properties={"order_id": number})


def _customer(customer: Json, till: Till) -> Iterator[NewEvent]:
    number, changed = text(customer["id"]), moment(customer.get("date_modified_gmt"))
    traits = _traits({**(customer.get("billing") or {}), **known(customer)})
    if traits:
        message_id = f"customer:{number}:{stamp(changed)}"
        yield till.event("identify", message_id=message_id, at=changed, who=f"customer:{number}", properties=traits)


def _traits(address: Json) -> Json:
    names = ("email", "first_name", "last_name", "phone", "company", "city", "country")
    return known({name: text(address.get(name)) for name in names})


def _facts(order: Json) -> Json:
    """An order's total stays what it was when money is given back: refunds are listed beside it."""
    return known({
        "order_id": text(order["id"]),
        "total": amount(order.get("total")),
        "currency": text(order.get("currency")),
        "shipping": amount(order.get("shipping_total")),
        "tax": amount(order.get("total_tax")),
        "discount": amount(order.get("discount_total")),
        "products": [_product(item) for item in (order.get("line_items") or [])[:MAX_PRODUCTS]],
    })  # fmt: skip


def _product(item: Json) -> Json:
    return known({
        "product_id": text(item.get("product_id")),
        "sku": text(item.get("sku")),
        "name": text(item.get("name")),
        "price": amount(item.get("price")),
        "quantity": amount(item.get("quantity")),
    })  # fmt: skip
