"""What the actions share that change attributes."""

from collections.abc import Mapping
from typing import Any

from cultiva.bulk.kinds.base import Chunk, Json
from cultiva.leads.attributes import definitions, value_of, workspace_of
from cultiva.leads.changing import change_attributes


def kept_value(*, workspace_id: int, key: str, value: Any) -> Any:
    """The value as the attribute keeps it. Raises WrongType; KeyError for a key that is not defined."""
    workspace = workspace_of(workspace_id)
    definition = definitions(workspace_id, "lead")[key]
    return value_of(definition, value, time_zone=workspace.time_zone, country=workspace.country)


def restore_attributes(chunk: Chunk, before: Mapping[int, Json], given: Json) -> int:
    """Values as they were, where the leads still have what was given; returns to how many."""

    def back(lead_id: int, attributes: Json) -> Json:
        return {key: value for key, value in before[lead_id].items() if attributes.get(key) == given[key]}

    restored = change_attributes(
        workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, change=back, at=chunk.at,
        context=chunk.context | {"is_undo": True},
    )  # fmt: skip
    return len(restored)
