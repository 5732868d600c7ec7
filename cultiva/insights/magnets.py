"""How lead magnets do, and for whom one is still to be written."""

from dataclasses import dataclass, field
from decimal import Decimal
from math import sqrt

from cultiva.insights.personas import RUNGS
from cultiva.lib.database import fetch_all, load_sql
from cultiva.magnets.models import MagnetVersion

STEPS = ("seen", "asked", "valid", "opened", "qualified")
Z95 = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True)
class MagnetFigures:
    """The funnel of one magnet. `seen`: openings of its forms; the others are leads. `cost` is None where staff
    entered none."""

    seen: int = 0
    asked: int = 0
    valid: int = 0
    opened: int = 0
    qualified: int = 0
    cost: Decimal | None = None

    @property
    def steps(self) -> list[tuple[str, int]]:
        return [(step, getattr(self, step)) for step in STEPS]

    def cost_of(self, step: str) -> Decimal | None:
        """What one of them cost; None where nothing is known."""
        count: int = getattr(self, step)
        return self.cost / count if self.cost is not None and count else None


@dataclass(frozen=True)
class Cell:
    """Magnets for one persona at one stage. `qualified` of the takers were ever marketing-qualified, `moved` of those
    became sales-qualified."""

    magnets: list[str] = field(default_factory=list)
    takers: int = 0
    qualified: int = 0
    moved: int = 0

    @property
    def share(self) -> float | None:
        return self.moved / self.qualified if self.qualified else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.moved, self.qualified) if self.qualified else None


def magnet_figures(*, workspace_id: int) -> dict[str, MagnetFigures]:
    """{magnet: figures}, of those that have any."""
    return _figures(workspace_id, "")


def figures_of(*, workspace_id: int, magnet: str) -> MagnetFigures:
    return _figures(workspace_id, magnet).get(magnet, MagnetFigures())


def _figures(workspace_id: int, magnet: str) -> dict[str, MagnetFigures]:
    parameters = {"workspace": workspace_id, "magnet": magnet, "rungs": list(RUNGS)}
    rows = fetch_all(load_sql("insights", "magnet_figures"), parameters)
    return {row.pop("magnet"): MagnetFigures(**row) for row in rows}


def what_to_write(*, workspace_id: int) -> dict[tuple[str, str], Cell]:
    """{(persona, stage): cell} of the magnets in force; "" for those that are meant for everybody, or any stage."""
    versions = [version.id for version in MagnetVersion.currents(workspace_id)]
    parameters = {"workspace": workspace_id, "versions": versions, "rungs": list(RUNGS)}
    rows = fetch_all(load_sql("insights", "what_to_write"), parameters)
    return {(row.pop("persona"), row.pop("stage")): Cell(**row) for row in rows}


def wilson(successes: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, JASA 22 (1927), 209-212): sound for few and for extreme ones."""
    share = successes / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - spread), min(1.0, middle + spread)
