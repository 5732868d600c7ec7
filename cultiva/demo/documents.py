"""Publishing a folder of documents: what `cultiva workspace create --documents DIR` and the demo begin with."""

import difflib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from cultiva.accounts.models import Document
from cultiva.capture.actions import publish_form
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.magnets.actions import publish_magnet
from cultiva.mailing.actions import publish_template
from cultiva.nurture.actions import publish_workflow
from cultiva.scoring.actions import publish_model
from cultiva.segments.persona_models import PersonaVersion
from cultiva.segments.personas.actions import publish_persona

DEMO_FOLDER = Path(__file__).parent / "documents"

# A document says in its first key what it is; what refers to others comes after them.
PUBLISHERS: dict[str, Callable[..., Document | PersonaVersion]] = {
    "policy": publish_policy,
    "purpose": publish_purpose,
    "magnet": publish_magnet,
    "template": publish_template,
    "form": publish_form,
    "model": publish_model,
    "lifecycle": publish_lifecycle,
    "workflow": publish_workflow,
    "persona": publish_persona,
}


def publish_folder(*, workspace_id: int, folder: Path, at: datetime) -> list[Document | PersonaVersion]:
    """Publish every `*.yaml` of a folder, all of them or none; a second time changes nothing. Raises DocumentError."""
    found = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    if not found:
        raise DocumentError(str(folder), "there is no document in it", "a document is a file that ends in .yaml")
    found.sort(key=lambda each: list(PUBLISHERS).index(each[0]))
    with workspace_scope(workspace_id):
        return [_publish(workspace_id, kind, path, body, at) for kind, path, body in found]


def _read(path: Path) -> tuple[str, Path, dict[str, Any]]:
    body = read_document(path.read_text(encoding="utf-8"), name=path.name)
    kind = str(next(iter(body), ""))
    if kind not in PUBLISHERS:
        nearest = difflib.get_close_matches(kind, PUBLISHERS, n=1)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(PUBLISHERS)}"
        raise DocumentError(path.name, f"its first key `{kind}` names no sort of document", hint)
    return kind, path, body


def _publish(workspace_id: int, kind: str, path: Path, body: dict[str, Any], at: datetime) -> Document | PersonaVersion:
    more = {"files": _files_beside(path, body)} if kind == "magnet" else {}
    try:
        return PUBLISHERS[kind](workspace_id=workspace_id, text=path.read_text(encoding="utf-8"), at=at, **more)
    except DocumentError as error:
        raise DocumentError(f"{path.name}, {error.place}", error.problem, error.hint) from error


def _files_beside(path: Path, body: dict[str, Any]) -> dict[str, bytes]:
    """{name as in the document: content} of the files that a magnet's settings name, from the document's folder."""
    named = [value for value in (body.get("settings") or {}).values() if isinstance(value, str)]
    return {name: (path.parent / name).read_bytes() for name in named if (path.parent / name).is_file()}
