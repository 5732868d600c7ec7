"""The demo's two campaigns: by them its visitors came, and this is what they cost."""

from datetime import datetime, timedelta

from cultiva.accounts.models import Workspace
from cultiva.capture.campaigns.actions import save_campaign
from cultiva.capture.campaigns.documents import read_campaign

SITE = "https://riega.example"


def run_campaigns(workspace: Workspace, *, at: datetime) -> None:
    """`utm_campaign` of the visits is `guia-riego` and `invernaderos-2026` (history.CAMPAIGNS)."""
    for key, name, objective, link, months, members in (
        ("guia-riego", "Guía de riego", "content", ("/guia", "google", "cpc"), (310, 340, 295, 320), ["guia-riego"]),
        (
            "invernaderos-2026",
            "Invernaderos 2026",
            "quote",
            ("/invernaderos", "linkedin", "paid-social"),
            (260, 280),
            [],
        ),
    ):
        begun = at - timedelta(days=30 * len(months) + 30)
        document = {
            "campaign": key, "name": name, "objective": objective, "starts_on": begun.date(), "budget": 2000,
            "links": [{"url": SITE + link[0], "source": link[1], "medium": link[2]}],
            "costs": [
                {"day": (begun + timedelta(days=30 * n + 29)).date(), "amount": amount, "note": f"{link[1]} {n + 1}"}
                for n, amount in enumerate(months)
            ],
            "members": {"magnet": members} if members else {},
        }  # fmt: skip
        settings = read_campaign(document, workspace_id=workspace.id)
        save_campaign(workspace_id=workspace.id, settings=settings, by="system", at=at)
