"""Personas as files. Which comes first where two are equally close stays in the product."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.needs import needs_of
from cultiva.criteria.references import StillUsed
from cultiva.documents.kinds import CannotDelete, DocumentKind, Need, Present
from cultiva.segments.persona_models import Persona
from cultiva.segments.personas.actions import delete_persona, list_personas, publish_persona

Json = dict[str, Any]


class PersonaFile(DocumentKind):
    kind, folder, label = "persona", "personas", _("Persona")

    def present(self, workspace_id: int) -> dict[str, Present]:
        return {each.key: Present(document_of(each), each.revision) for each in list_personas(workspace_id)}

    def needs(self, body: Json) -> list[Need]:
        criteria = enumerate(body["criteria"])
        return [need for n, each in criteria for need in needs_of(each["when"], f"criteria[{n}].when")]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        publish_persona(workspace_id=workspace_id, text=text, at=at)
        return []

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        try:
            delete_persona(workspace_id=workspace_id, key=key, by=by, at=at)
        except StillUsed as error:
            raise CannotDelete(error.problem, error.hint) from error


def document_of(persona: Persona) -> Json:
    """As a file says it: what is the usual is left out."""
    found: Json = {"persona": persona.key, "name": persona.name}
    found |= {"description": persona.description} if persona.description else {}
    found |= {"criteria": persona.criteria}
    found |= {"content": persona.content_hints} if persona.content_hints else {}
    found |= {"tone": persona.tone_hints} if persona.tone_hints else {}
    return found | ({"draft": True} if persona.is_draft else {})
