"""Google Ads lead forms, proven by a key in the body (https://developers.google.com/google-ads/webhook)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.capture.connectors.kinds import Forged, InboundKind, NotReadable, Reading, Told, as_text, same
from cultiva.capture.connectors.models import Inbound


class GoogleAds(InboundKind):
    kind, label, source_kind = "google", _("Google Ads lead forms"), "ads"
    suggested = {
        "FULL_NAME": "full_name", "FIRST_NAME": "attribute:first_name", "LAST_NAME": "attribute:last_name",
        "EMAIL": "email", "WORK_EMAIL": "email", "PHONE_NUMBER": "phone", "WORK_PHONE": "phone",
        "COMPANY_NAME": "attribute:company", "JOB_TITLE": "attribute:job_title", "CITY": "attribute:city",
        "REGION": "attribute:province", "COUNTRY": "attribute:country", "POSTAL_CODE": "attribute:postal_code",
    }  # fmt: skip

    def verify(
        self, inbound: Inbound, secret: str, headers: Mapping[str, str], raw: bytes, body: Any, real_now: datetime
    ) -> None:
        if not isinstance(body, dict) or not same(as_text(body.get("google_key"), 500), secret):
            raise Forged

    def tell(self, inbound: Inbound, headers: Mapping[str, str], raw: bytes, body: Any, at: datetime) -> list[Told]:
        key = as_text(body.get("lead_id"))
        if not key or not isinstance(body.get("user_column_data"), list):
            raise NotReadable("no `lead_id` or no `user_column_data`")
        payload = {name: value for name, value in body.items() if name != "google_key"}
        return [Told(key, payload)]

    def read(self, payload: Any) -> Reading:
        fields = {
            as_text(each.get("column_id")) or as_text(each.get("column_name")): each.get("string_value")
            for each in payload["user_column_data"]
            if isinstance(each, dict)
        }
        click = as_text(payload.get("gcl_id"), 512)
        ids = {name: as_text(payload.get(name)) for name in ("form_id", "campaign_id", "adgroup_id", "creative_id")}
        return Reading(
            fields={name: value for name, value in fields.items() if name},
            page=f"google:form:{ids['form_id']}",
            campaign={"source": "google"} | ({"gclid": click} if click else {}),
            properties={"network": "google"} | {name: value for name, value in ids.items() if value not in ("", "0")},
            is_test=payload.get("is_test") is True,
        )
