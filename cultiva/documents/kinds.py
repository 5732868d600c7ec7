"""What a kind of document is: one plug-in a kind, in the room that owns the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

from cultiva.accounts.models import Document
from cultiva.documents.normal import write_yaml
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.plugins import Plugin, plugins
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]
Name = tuple[str, str]  # (kind, key): ("model", "readiness")


@dataclass(frozen=True)
class Need:
    """A document that another one names, and where it does. Other kinds of names are nobody's document."""

    kind: str
    key: str
    place: str

    @property
    def name(self) -> Name:
        return self.kind, self.key


@dataclass(frozen=True)
class Present:
    """A document as a workspace has it now. `source`: what its author wrote, or what it says.

    `attachments`: {name: SHA-256}
    """

    source: str | Json
    version: int
    attachments: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.source if isinstance(self.source, str) else write_yaml(self.source)

    @property
    def body(self) -> Json:
        """For reading alone: it is shared."""
        return read_once(self.source) if isinstance(self.source, str) else self.source


@lru_cache(maxsize=512)
def read_once(text: str) -> Json:
    """A plan reads the same text in the file and in the workspace."""
    return read_document(text)


class CannotDelete(Refusal):
    """A document has to stay; the message says why and the way out."""


class DocumentKind(Plugin):
    """One kind of document: where its files lie, what is there now, and how a file takes effect.

    A document's first key is its kind, with the document's key for a value, and its file is `FOLDER/KEY.yaml`.
    Everything is called within the workspace's transaction. A plan publishes, too, and takes everything back: `publish`
    must leave nothing outside of the database.

    A complete one, `notes/KEY.yaml` with `{note: KEY, text: ..}`:

        class NoteFile(DocumentKind):
            kind, folder, label = "note", "notes", _("Note")

            def present(self, workspace_id: int) -> dict[str, Present]:
                notes = Note.objects.filter(workspace_id=workspace_id).order_by("key")
                return {note.key: Present({"note": note.key, "text": note.text}, 1) for note in notes}

            def publish(self, *, workspace_id, text, attachments, by, at) -> list[str]:
                found = check_keys(read_document(text), allowed=("note", "text"), required=("text",), place="note")
                save_note(workspace_id=workspace_id, key=found["note"], text=found["text"], by=by, at=at)
                return []

            def delete(self, *, workspace_id, key, by, at) -> None:
                Note.objects.filter(workspace_id=workspace_id, key=key).delete()
    """

    folder: ClassVar[str]
    has_attachments: ClassVar[bool] = False  # files in FOLDER/KEY/ that belong to the document

    def present(self, workspace_id: int) -> dict[str, Present]:
        """{key: document} of all that the workspace has."""
        raise NotImplementedError

    def find(self, workspace_id: int, key: str) -> Present | None:
        """One of them; to be given where that is cheaper than all."""
        return self.present(workspace_id).get(key)

    def needs(self, body: Json) -> Sequence[Need]:
        """What a document names, as far as it can be read. Bodies that are no good are refused by `publish`."""
        return ()

    def lock(self, workspace_id: int) -> None:
        """Take at once what `publish` locks in the workspace, so that all who publish take it in the same order."""

    def conflicts(self, bodies: Mapping[str, Json]) -> dict[str, DocumentError]:
        """{key: what is wrong} where documents of this kind contradict each other."""
        return {}

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        """Put a document in force; the same again changes nothing. Returns what whoever applies it should know.

        Raises DocumentError, of all that is wrong, or another Refusal.
        """
        raise NotImplementedError

    def rehearse(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        """What a plan calls: the same as `publish`, but for what takes long and nobody would see."""
        return self.publish(workspace_id=workspace_id, text=text, attachments=attachments, by=by, at=at)

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        """Take a document out that no other needs. Raises CannotDelete."""
        raise NotImplementedError

    def attachment(self, workspace_id: int, sha256: str) -> bytes:
        """The content of an attachment that `present` names."""
        raise NotImplementedError


class VersionedKind(DocumentKind):
    """A kind whose documents are `accounts.models.Document`: `model` is its class."""

    model: ClassVar[type[Document]]

    def present(self, workspace_id: int) -> dict[str, Present]:
        return {each.key: self.present_of(each) for each in self.model.currents(workspace_id)}

    def find(self, workspace_id: int, key: str) -> Present | None:
        version = self.model.current(workspace_id, key)
        return self.present_of(version) if version else None

    def present_of(self, version: Document) -> Present:
        return Present(version.source_text or version.body, version.version)

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        version = self.model.current(workspace_id, key)
        if version:
            version.end(by=by, at=at)


def kinds() -> dict[str, DocumentKind]:
    """{kind: plug-in}, in the order in which they are listed: what refers to others comes after them."""
    return {kind: plugin() for kind, plugin in plugins("documents").items()}
