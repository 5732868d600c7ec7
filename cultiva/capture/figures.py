"""How forms do: opened, begun, sent, and how many of those who saw one sent it."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope

DAYS = 30


@dataclass(frozen=True)
class Figures:
    """Of one form; `days`: (day, views, submissions), the oldest first. `held`: waiting for a person to look at."""

    views: int = 0
    starts: int = 0
    sent: int = 0
    held: int = 0
    last_at: datetime | None = None
    days: list[tuple[date, int, int]] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """Submissions a view, 0 to 1; None where nobody saw it. Embeds that were sent by post count no views."""
        return min(1.0, self.sent / self.views) if self.views else None


def count_view(*, workspace_id: int, key: str, at: datetime) -> None:
    _count(workspace_id, key, at, views=1, starts=0)


def count_start(*, workspace_id: int, key: str, at: datetime) -> None:
    _count(workspace_id, key, at, views=0, starts=1)


def _count(workspace_id: int, key: str, at: datetime, *, views: int, starts: int) -> None:
    """A crash may lose the last counts: no visitor waits for the disk."""
    with workspace_scope(workspace_id):
        execute("SET LOCAL synchronous_commit = off")
        parameters = {"workspace": workspace_id, "key": key, "at": at, "views": views, "starts": starts}
        execute(load_sql("capture", "count_form_day"), parameters)


def form_figures(*, workspace_id: int, at: datetime, days: int = DAYS) -> dict[str, Figures]:
    """{form: figures of the last days}, for forms that have any."""
    with workspace_scope(workspace_id):
        parameters = {"workspace": workspace_id, "at": at, "since": at - timedelta(days=days)}
        rows = fetch_all(load_sql("capture", "form_figures"), parameters)
    return {
        row["key"]: Figures(
            views=row["views"], starts=row["starts"], sent=row["sent"], held=row["held"], last_at=row["last_at"],
            days=[(date.fromisoformat(day), views, sent) for day, views, sent in row["days"]],
        )
        for row in rows
    }  # fmt: skip
