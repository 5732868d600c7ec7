"""Changing what a key means: another type, and the values of those who have one read anew from the ledger.

The type counts at once for whatever is told from now on. Up to a chunk of leads is read anew at once as well; more of
them in the background, a chunk a transaction. The attribute remembers how far it is: who is killed loses one chunk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.leads.actions import lock_leads
from cultiva.leads.attributes import AttributeRefused, check_definition, definitions, workspace_of
from cultiva.leads.inbox import touch
from cultiva.leads.models import Attribute
from cultiva.leads.projecting import project_leads
from cultiva.leads.values import WrongType, coerce
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

CHUNK = 1000  # about half a second


@dataclass(frozen=True)
class TypeChange:
    """What a change of type would do: how many values fit, how many do not, and some of those with the reason."""

    fitting: int
    misfits: int
    examples: list[tuple[Any, str]]


def preview_type(
    *, workspace_id: int, subject: str, key: str, type: str, choices: Sequence[str] = (), most: int = 20_000
) -> TypeChange:
    """How the values of now would fit another type, of the first `most` leads or companies that have one."""
    kept = check_definition(key=key, type=type, choices=choices)
    workspace = workspace_of(workspace_id)
    rows = fetch_all(
        load_sql("leads", f"values_of_{subject}_key"), {"workspace": workspace_id, "key": key, "most": most}
    )
    fitting = misfits = 0
    examples: list[tuple[Any, str]] = []
    for row in rows:
        try:
            coerce(type, row["value"], choices=kept, time_zone=workspace.time_zone, country=workspace.country)
            fitting += row["n"]
        except WrongType as error:
            misfits += row["n"]
            if len(examples) < 5:
                examples.append((row["value"], str(error)))
    return TypeChange(fitting, misfits, examples)


def change_type(
    *,
    workspace_id: int,
    subject: str,
    key: str,
    type: str,
    at: datetime,
    choices: Sequence[str] = (),
    label: str | None = None,
) -> Attribute:
    """Give an attribute another type and read its values anew from the ledger: misfits come back where they fit.

    `is_being_read` of what it returns: there are more than a chunk, and `go_on` reads them. Raises AttributeRefused.
    """
    kept = check_definition(key=key, type=type, choices=choices)
    attribute = definitions(workspace_id, subject).get(key)
    if attribute is None:
        raise AttributeRefused(f"There is no attribute {key!r}.\nhint: define it first")
    is_same = (attribute.type, attribute.choices) == (type, kept)
    attribute.type, attribute.choices, attribute.is_guessed = type, kept, False
    attribute.label = attribute.label if label is None else label[:120]
    attribute.save(update_fields=["type", "choices", "is_guessed", "label"])
    if not is_same:
        attribute.read_after, attribute.read_count = 0, 0
        rows = _next_rows(attribute, limit=CHUNK + 1)
        if len(rows) <= CHUNK:
            _read_anew(attribute, rows, at)
        attribute.save(update_fields=["read_after", "read_count"])
    return attribute


def go_on(*, workspace_id: int, at: datetime, must_stop: Callable[[], bool] = lambda: False) -> int:
    """Read anew whom a change of type left for later; returns how many rows were read. Safe side by side: who comes
    second leaves an attribute to the first."""
    count = 0
    while not must_stop():
        with workspace_scope(workspace_id):
            waiting = Attribute.objects.filter(workspace_id=workspace_id, read_after__isnull=False).order_by("id")
            attribute = waiting.select_for_update(skip_locked=True).first()
            if attribute is None:
                break
            rows = _next_rows(attribute, limit=CHUNK)
            _read_anew(attribute, rows, at)
            attribute.save(update_fields=["read_after", "read_count"])
        count += len(rows)
    return count


def progress_of(attribute: Attribute) -> float:
    """How much of a change of type is done, 0 to 1; by the ids of those who were read, which costs no counting."""
    if attribute.read_after is None:
        return 1.0
    row = fetch_all(load_sql("leads", f"ids_of_{attribute.subject}"), {"workspace": attribute.workspace_id})[0]
    if not row["last"] or attribute.read_after < row["first"]:
        return 0.0
    return float((attribute.read_after - row["first"] + 1) / (row["last"] - row["first"] + 1))


def _next_rows(attribute: Attribute, limit: int) -> list[dict[str, Any]]:
    """{place, id of a lead or None}: those who have the key, or a misfit of it."""
    parameters = {
        "workspace": attribute.workspace_id, "key": attribute.key, "after": attribute.read_after, "limit": limit,
    }  # fmt: skip
    return fetch_all(load_sql("leads", f"leads_with_{attribute.subject}_key"), parameters)


def _read_anew(attribute: Attribute, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """The leads are locked first: a worker that still knew the former type has committed, and is read after."""
    ids = sorted({row["id"] for row in rows if row["id"] is not None})
    locked = lock_leads(workspace_id=attribute.workspace_id, lead_ids=ids)
    if locked:
        project_leads(workspace_id=attribute.workspace_id, lead_ids=locked, at=at)
        if attribute.subject == "lead":  # scores and segments read what they are told
            touch(attribute.workspace_id, [(lead_id, None, None) for lead_id in locked])
    attribute.read_count += len(rows)
    attribute.read_after = rows[-1]["place"] if len(rows) >= CHUNK else None
