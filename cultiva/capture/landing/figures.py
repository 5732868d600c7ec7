"""How pages do: seen, and what was sent through the forms that stand on them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.capture.figures import DAYS
from cultiva.capture.models import PageVersion
from cultiva.events.actions import NewEvent, record_events
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope


@dataclass(frozen=True)
class PageFigures:
    """Of one page; `days`: [[day, views, sent], ..], the oldest first, days as 2026-03-10."""

    views: int = 0
    sent: int = 0
    days: tuple[tuple[str, int, int], ...] = ()

    @property
    def rate(self) -> float | None:
        """Submissions a view, 0 to 1; None where nobody saw it."""
        return min(1.0, self.sent / self.views) if self.views else None


def note_view(
    *, page: PageVersion, url: str, referrer: str, campaign: dict[str, str], actor: str, at: datetime
) -> None:
    """An event that names nobody, and one more in the figures where it was no machine. A crash may lose the last
    ones: no visitor waits for the disk."""
    properties: dict[str, Any] = {"landing_page": page.key, "path": f"/{page.body['path']}", "title": page.name}
    event = NewEvent(
        kind="page", message_id=f"landing:{uuid.uuid4()}", occurred_at=at, actor=actor, properties=properties,
        context={"campaign": campaign, "page": {"url": url, "referrer": referrer}},
    )  # fmt: skip
    with workspace_scope(page.workspace_id):
        execute("SET LOCAL synchronous_commit = off")
        record_events(workspace_id=page.workspace_id, events=[event], received_at=at)
        if actor != "machine":
            parameters = {"workspace": page.workspace_id, "key": page.key, "at": at}
            execute(load_sql("capture", "count_page_view"), parameters)


def page_figures(*, workspace_id: int, at: datetime, days: int = DAYS) -> dict[str, PageFigures]:
    """{page: figures of the last days}, for pages that have any."""
    with workspace_scope(workspace_id):
        parameters = {"workspace": workspace_id, "at": at, "since": at - timedelta(days=days)}
        rows = fetch_all(load_sql("capture", "page_figures"), parameters)
    return {
        row["key"]: PageFigures(
            row["views"], row["sent"], tuple((day, views, sent) for day, views, sent in row["days"])
        )
        for row in rows
    }
