"""What staff say of many leads at once: some keys of theirs have other values now.

The rows change at once and the ledger is told by one event a lead; `flow` then does what follows from it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cultiva.events.staged import StagedEvent, record_staged, to_json
from cultiva.leads.projecting import drawn
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.staging import staged

Json = dict[str, Any]

NAME = "attributes_changed"  # of the identify events by which staff change leads
COLUMNS = "id bigint, attributes jsonb, folded jsonb, search_text text"


def change_attributes(
    *,
    workspace_id: int,
    lead_ids: Sequence[int],
    change: Callable[[int, Json], Json],
    at: datetime,
    context: Json,
) -> dict[int, Json]:
    """Returns what the keys of each lead that changed had before (null: no value), {lead: {key: value}}.

    `change` says of a lead and its attributes which keys get which values, as they are kept (leads.values.coerce);
    None takes a value away. The caller holds the leads. Raises ValueError for the address, which is an identifier.
    """
    rows = fetch_all(load_sql("leads", "attributes_of_leads"), {"workspace": workspace_id, "leads": list(lead_ids)})
    before: dict[int, Json] = {}
    events, written = [], []
    for row in rows:
        attributes: Json = row["attributes"]
        new = {key: value for key, value in change(row["id"], attributes).items() if attributes.get(key) != value}
        if not new:
            continue
        if "email" in new:
            raise ValueError("An address is not changed like this: it says who a lead is.")
        before[row["id"]] = {key: attributes.get(key) for key in new}
        columns = drawn({key: value for key, value in (attributes | new).items() if value is not None})
        folded = columns["folded"]
        written.append(
            (row["id"], to_json(columns["attributes"]), to_json(folded) if folded else None, columns["search_text"])
        )
        events.append(_told(row["id"], new, at, context))
    if written:
        with staged("staged_change", COLUMNS, written):
            execute(load_sql("leads", "change_attributes"), {"workspace": workspace_id})
        record_staged(workspace_id=workspace_id, events=events, at=at)
    return before


def _told(lead_id: int, new: Json, at: datetime, context: Json) -> StagedEvent:
    """Blank never overwrites, so what is taken away is named apart."""
    forgets = [key for key, value in new.items() if value is None or value == []]
    return StagedEvent(
        kind="identify",
        name=NAME,
        occurred_at=at,
        lead_id=lead_id,
        by="staff",
        properties={key: value for key, value in new.items() if key not in forgets},
        context=context | ({"forgets": forgets} if forgets else {}),
    )
