"""Meta lead ads, of Facebook and Instagram (https://developers.facebook.com/docs/marketing-api/guides/lead-ads).

The webhook holds only ids; the answers are asked of the Graph API with the page's token.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.connectors.kinds import (
    CannotFetch,
    Forged,
    InboundKind,
    NotReadable,
    Reading,
    Told,
    as_text,
    hex_hmac,
    same,
)
from cultiva.capture.connectors.models import Inbound

FIELDS = (
    "created_time,ad_id,ad_name,campaign_id,campaign_name,form_id,is_organic,platform,field_data,"
    "custom_disclaimer_responses"
)
TIMEOUT_SECONDS = 15
MOST_BYTES = 256 * 1024
DUMMY = "<test lead: dummy data for"  # what Meta's own testing tool answers in every field
PLATFORMS = {"fb": "facebook", "ig": "instagram"}


class NoRedirects(HTTPRedirectHandler):
    """The token goes to the network and to nobody it may point at."""

    def redirect_request(self, *_given: Any, **_more: Any) -> None:
        return None


class Meta(InboundKind):
    kind, label, source_kind = "meta", _("Meta lead ads (Facebook, Instagram)"), "ads"
    needs_token = True
    suggested = {
        "email": "email", "phone_number": "phone", "full_name": "full_name", "first_name": "attribute:first_name",
        "last_name": "attribute:last_name", "company_name": "attribute:company", "job_title": "attribute:job_title",
        "city": "attribute:city", "country": "attribute:country",
    }  # fmt: skip

    def greet(self, inbound: Inbound, query: Mapping[str, str], verify_word: str) -> str | None:
        if query.get("hub.mode") != "subscribe":
            return None
        if not same(query.get("hub.verify_token", ""), verify_word):
            raise Forged
        return as_text(query.get("hub.challenge", ""))

    def verify(
        self, inbound: Inbound, secret: str, headers: Mapping[str, str], raw: bytes, body: Any, real_now: datetime
    ) -> None:
        if not secret or not same(headers.get("X-Hub-Signature-256", ""), f"sha256={hex_hmac(secret, raw)}"):
            raise Forged

    def tell(self, inbound: Inbound, headers: Mapping[str, str], raw: bytes, body: Any, at: datetime) -> list[Told]:
        try:
            found = [
                change["value"]
                for entry in body["entry"]
                for change in entry["changes"]
                if change["field"] == "leadgen"
            ]  # fmt: skip
            keys = [as_text(value["leadgen_id"]) for value in found]
        except (KeyError, TypeError) as error:
            raise NotReadable("no `entry[].changes[].value.leadgen_id`") from error
        return [Told(key, value, is_fetched=False) for key, value in zip(keys, found, strict=True) if key]

    def fetch(self, payload: Any, token: str) -> Any:
        address = f"{settings.META_GRAPH_URL}/{quote(as_text(payload['leadgen_id']), safe='')}?fields={FIELDS}"
        request = Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 (our own setting)
        try:
            with build_opener(NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
                found = json.loads(answer.read(MOST_BYTES))
        except HTTPError as error:
            is_final = 400 <= error.code < 500 and error.code != 429
            words = gettext("Meta answered %(status)s: %(why)s") % {"status": error.code, "why": _why(error)}
            raise CannotFetch(words, is_final=is_final) from error
        except (URLError, OSError, ValueError) as error:
            raise CannotFetch(gettext("Meta could not be reached."), is_final=False) from error
        if not isinstance(found, dict):
            raise CannotFetch(gettext("Meta answered what cannot be read."), is_final=True)
        return {**payload, **found}

    def read(self, payload: Any) -> Reading:
        answers = {each["name"]: ", ".join(map(str, each["values"])) for each in payload.get("field_data") or []}
        boxes = {
            f"disclaimer.{each['checkbox_key']}": str(each.get("is_checked") or "") in ("1", "true", "True")
            for each in payload.get("custom_disclaimer_responses") or []
        }
        platform = as_text(payload.get("platform"))
        network, campaign = PLATFORMS.get(platform, "facebook"), as_text(payload.get("campaign_name"))
        ids = {name: as_text(payload.get(name)) for name in ("form_id", "ad_id", "campaign_id", "leadgen_id")}
        return Reading(
            fields=answers | boxes,
            at=_instant(payload.get("created_time")),
            page=f"meta:form:{ids['form_id']}",
            campaign={"source": network} | ({"name": campaign} if campaign else {}),
            properties={"network": network} | {name: value for name, value in ids.items() if value},
            is_test=any(value.startswith(DUMMY) for value in answers.values()),
        )


def _why(error: HTTPError) -> str:
    """What Meta says of it, or nothing that can be read."""
    try:
        return as_text(json.loads(error.read(MOST_BYTES))["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return error.reason if isinstance(error.reason, str) else ""


def _instant(value: Any) -> datetime | None:
    try:
        return (
            datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(int(value)).astimezone()
        )
    except (TypeError, ValueError, OverflowError):
        return None
