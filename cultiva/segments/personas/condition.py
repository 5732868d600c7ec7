"""The condition `persona` of a workspace: it knows which personas there are."""

from collections.abc import Collection
from dataclasses import dataclass

from cultiva.criteria.conditions.persona import PersonaIsClose
from cultiva.segments.persona_models import Persona


@dataclass(frozen=True)
class PersonaOfWorkspace(PersonaIsClose):
    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        found = Persona.objects.filter(workspace_id=workspace_id, is_draft=False).order_by("key")
        return list(found.values_list("key", flat=True))
