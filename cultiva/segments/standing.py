"""The personas in force in a workspace, for all who judge leads by them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from cultiva.criteria.personas import Persona
from cultiva.lib.database import workspace_scope
from cultiva.segments.persona_models import Persona as PersonaRow


@dataclass(frozen=True)
class Standing:
    """A persona in force, in its place among the others."""

    key: str
    revision: int
    persona: Persona

    def __hash__(self) -> int:
        return hash((self.key, self.revision))


def standings(workspace_id: int) -> list[Standing]:
    """The personas in force, in their order; drafts are not."""
    found = PersonaRow.objects.filter(workspace_id=workspace_id, is_draft=False).order_by("position", "id")
    return [_standing(_Kept(each.key, each.revision, each.criteria)) for each in found]


@dataclass(frozen=True)
class _Kept:
    """By key and revision: criteria that were edited are read anew."""

    key: str
    revision: int
    criteria: Any

    def __hash__(self) -> int:
        return hash((self.key, self.revision))


@lru_cache(maxsize=1024)
def _standing(kept: _Kept) -> Standing:
    return Standing(kept.key, kept.revision, read_persona(kept.key, kept.criteria))


def read_persona(key: str, criteria: Any) -> Persona:
    """Raises DocumentError."""
    return Persona.read({"persona": key, "criteria": criteria})


class PersonasOf(Mapping[str, Persona]):
    """Those in force in a workspace, by key; read when the first condition asks for one."""

    def __init__(self, workspace_id: int) -> None:
        self.workspace_id = workspace_id

    @cached_property
    def _found(self) -> Mapping[str, Persona]:
        with workspace_scope(self.workspace_id):
            return {each.key: each.persona for each in standings(self.workspace_id)}

    def __getitem__(self, key: str) -> Persona:
        return self._found[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def personas_of(workspace_id: int) -> PersonasOf:
    """What a Context takes, so that its conditions can ask for personas."""
    return PersonasOf(workspace_id)
