"""What came of campaigns: from the ledger, by first or by last touch."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cultiva.capture.campaigns.models import CampaignCost
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

FIRST, LAST = "first", "last"
TOUCHES = (FIRST, LAST)
STEPS = ("visitors", "leads", "valid", "qualified", "customers")


@dataclass(frozen=True)
class Figures:
    """People at each step, what was spent up to now, and what they paid since, in the campaign's currency."""

    visitors: int = 0
    leads: int = 0
    valid: int = 0
    qualified: int = 0  # for marketing, and whoever went further
    customers: int = 0
    cost: Decimal = Decimal(0)
    value: Decimal = Decimal(0)

    def cost_of(self, step: str) -> Decimal | None:
        """Money for each one at a step; None where nobody is, or nothing was spent."""
        people = getattr(self, step)
        return (self.cost / people).quantize(Decimal("0.01")) if people and self.cost else None

    @property
    def roi(self) -> Decimal | None:
        """(value - cost) / cost; None where nothing was spent, or what its customers paid is not known."""
        if not self.cost or (self.customers and not self.value):
            return None
        return ((self.value - self.cost) / self.cost).quantize(Decimal("0.0001"))


def campaign_figures(*, workspace_id: int, touch: str, at: datetime) -> dict[str, Figures]:
    """{campaign: figures} of every campaign. `touch`: whose campaign a person counts for, that of their first or of
    their last touch."""
    with workspace_scope(workspace_id):
        parameters = {"workspace": workspace_id, "is_first": touch == FIRST, "at": at}
        rows = fetch_all(load_sql("capture", "campaign_figures"), parameters)
        spent: dict[str, Decimal] = {}
        costs = CampaignCost.objects.filter(workspace_id=workspace_id, day__lte=at.date())
        for key, amount in costs.values_list("campaign__key", "amount"):
            spent[key] = spent.get(key, Decimal(0)) + amount
    return {
        row["key"]: Figures(
            **{step: row[step] for step in STEPS}, cost=spent.get(row["key"], Decimal(0)),
            value=Decimal(row["value"]).quantize(Decimal("0.01")),
        )
        for row in rows
    }  # fmt: skip
