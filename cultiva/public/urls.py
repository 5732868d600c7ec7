"""Addresses that visitors and mail programs open. They carry no ambient authority: no cookie is set or read."""

from django.urls import path

from cultiva.public import (
    banner,
    clicks,
    form_data,
    form_pages,
    health,
    hubspot,
    inbound,
    links,
    magnets,
    preferences,
    receipts,
    sharing,
    tracking_script,
    webhooks,
)

app_name = "public"
HUBSPOT = "submissions/v3/integration"  # as its integrations write it

urlpatterns = [
    path("f/<slug:workspace>/<slug:key>", form_pages.form_page, name="form"),
    path("f/<slug:workspace>/<slug:key>/thanks/<str:token>", form_pages.thanks_page, name="thanks"),
    path("f/<slug:workspace>/<slug:key>/started", form_pages.form_started, name="form_started"),
    path("f/<slug:workspace>/<slug:key>/data", form_data.form_data, name="form_data"),
    path("submissions/v3/integration/submit/<int:portal>/<str:guid>", hubspot.submit, name="hubspot"),
    path(
        "submissions/v3/integration/secure/submit/<int:portal>/<str:guid>", hubspot.submit_secure, name="hubspot_secure"
    ),
    path("p/<slug:workspace>/<slug:key>/v<int:version>", form_pages.policy_page, name="policy"),
    path("c/confirm/<str:token>", links.confirm_page, name="confirm"),
    path("c/my/<str:token>", preferences.centre_page, name="preferences"),
    path("c/ask/<slug:workspace>", preferences.ask_page, name="preferences_ask"),
    path("c/receipt/<str:token>", receipts.receipt, name="receipt"),
    path(".well-known/consent-keys/<slug:workspace>.json", receipts.consent_keys, name="consent_keys"),
    path("d/<str:token>", magnets.download, name="download"),
    path("d/<str:token>/<int:session_id>.ics", magnets.session_calendar, name="session_calendar"),
    path("g/<slug:workspace>", magnets.library, name="library"),
    path("m/<slug:workspace>/<slug:key>", magnets.watch, name="watch"),
    path("m/<slug:workspace>/<slug:key>/<str:digest>.cover", magnets.cover, name="magnet_cover"),
    path("r/<str:token>", magnets.follow_referral, name="referral"),
    path("l/<str:token>", clicks.follow_link, name="click"),
    path("u/<str:token>", links.unsubscribe_page, name="unsubscribe"),
    path("t.js", tracking_script.shared_script, {"name": "t.js"}, name="tracking_script"),
    path("banner/<str:write_key>", banner.banner, name="banner"),
    path("embed.js", tracking_script.shared_script, {"name": "embed.js"}, name="embed_script"),
    path("hooks/<slug:kind>/<str:token>", webhooks.take_webhook, name="webhook"),
    path("in/<slug:kind>/<str:token>", inbound.take_inbound, name="inbound"),
    path("s/<slug:workspace>/<slug:network>", sharing.share, name="share"),
    path("healthz", health.healthz, name="healthz"),
]
