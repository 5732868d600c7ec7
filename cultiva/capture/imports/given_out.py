"""Files that we gave out: rows that could not be taken, and exports; how they are known when they come back."""

from collections.abc import Sequence
from typing import Any

# A spreadsheet takes these for the beginning of a formula (OWASP, CSV injection); the apostrophe makes them text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
REJECT_COLUMNS = ("import_line", "import_reason")
OUR_ID = "cultiva_lead_id"  # the first column of an export of ours


def guarded(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def unguarded(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell


def is_rejects_file(columns: Sequence[str]) -> bool:
    """Rows that we gave back, mended and brought in again."""
    return set(REJECT_COLUMNS) <= set(columns)
