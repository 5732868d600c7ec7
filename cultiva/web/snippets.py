"""What people paste into their site or program to send events here, with this host and their key filled in."""

import html
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

SECRET = "YOUR_SECRET_KEY"  # noqa: S105  (stands where the reader puts theirs)
STUB = (
    "window.cultiva=window.cultiva||[];for(const verb of['page','track','identify','consent','reset'])"
    "cultiva[verb]=cultiva[verb]||((...values)=>cultiva.push([verb,...values]))"
)


@dataclass(frozen=True)
class Snippet:
    key: str
    label: str  # a product's name, the same in every language
    code: str


def script_snippet(write_key: str, category: str = "analytics", *, asks: bool = False) -> str:
    """The tracking script's two tags; the first keeps calls that are made before the second is loaded.

    `asks`: with the workspace's own notice.
    """
    more = f' data-category="{html.escape(category)}"' if category != "analytics" else ""
    more += ' data-banner="on"' if asks else ""
    source = f"{settings.PUBLIC_URL}/t.js"
    return f'<script>{STUB}</script>\n<script async src="{source}" data-key="{html.escape(write_key)}"{more}></script>'


def site_policy() -> str:
    """What a site with a content security policy adds to it."""
    address = urlsplit(settings.PUBLIC_URL)
    host = f"{address.scheme}://{address.netloc}"
    return f"script-src {host}; connect-src {host}"


def server_snippets(secret: str, *, publishable: str = "") -> list[Snippet]:
    """For the SDKs that speak Segment's or RudderStack's API; without a secret its place is marked."""
    url, secret = settings.PUBLIC_URL, secret or SECRET
    found = [
        Snippet("python", "Python (Segment)", PYTHON % (secret, url)),
        Snippet("node", "Node (Segment)", NODE % (js(secret), js(url))),
        Snippet("rudder-node", "Node (RudderStack)", RUDDER_NODE % (js(secret), js(url))),
        Snippet("rudder-python", "Python (RudderStack)", RUDDER_PYTHON % (secret, url)),
        Snippet("curl", "curl", CURL % (url, secret)),
    ]
    if publishable:
        address = urlsplit(url)
        browser = BROWSER % (js(publishable), js(url), js(f"{address.netloc}/v1"), js(address.scheme))
        found.insert(0, Snippet("browser", "analytics.js (Segment)", browser))
    return found


def js(text: str) -> str:
    return json.dumps(text)


BROWSER = """\
import { AnalyticsBrowser } from '@segment/analytics-next'

const analytics = AnalyticsBrowser.load(
  { writeKey: %s, cdnURL: %s },
  { integrations: { 'Segment.io': { apiHost: %s, protocol: %s, deliveryStrategy: { strategy: 'batching' } } } },
)
analytics.page()"""
PYTHON = """\
import segment.analytics as analytics

analytics.write_key = "%s"
analytics.host = "%s"
analytics.track("user-7", "Quote Requested", {"value": 1200})"""
NODE = """\
import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: %s, host: %s })
analytics.track({ userId: 'user-7', event: 'Quote Requested', properties: { value: 1200 } })"""
RUDDER_NODE = """\
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const analytics = new RudderAnalytics(%s, { dataPlaneUrl: %s })
analytics.track({ userId: 'user-7', event: 'Quote Requested', properties: { value: 1200 } })"""
RUDDER_PYTHON = """\
import rudderstack.analytics as analytics

analytics.write_key = "%s"
analytics.dataPlaneUrl = "%s"
analytics.track("user-7", "Quote Requested", {"value": 1200})"""
CURL = """\
curl %s/v1/track -u %s: -H 'Content-Type: application/json' \\
  -d '{"userId": "user-7", "event": "Quote Requested", "properties": {"value": 1200}}'"""
