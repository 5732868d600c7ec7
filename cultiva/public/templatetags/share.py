"""Share buttons for public pages: plain links, no script of anybody else's, counted by our own short path."""

from typing import Any

from django import template

from cultiva.capture.social import NETWORKS, SHARERS, share_path

register = template.Library()


@register.inclusion_tag("public/_share.html")
def share_buttons(slug: str, url: str, title: str = "", lead_id: int = 0) -> dict[str, Any]:
    """`slug` of the workspace, `url` of the page that is shared. `lead_id` only where the page belongs to that lead."""
    return {
        "links": [
            (NETWORKS[network], share_path(slug=slug, network=network, url=url, text=title, lead_id=lead_id))
            for network in SHARERS
        ]
    }  # fmt: skip
