"""Magnets being written: a draft beside the version in force."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import EndedDocument
from cultiva.consent.notices import KEY
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.folding import fold
from cultiva.magnets.actions import publish_magnet
from cultiva.magnets.as_files import files_of
from cultiva.magnets.models import MagnetDraft, MagnetFile, MagnetVersion

Json = dict[str, Any]


def free_key(workspace_id: int, name: str) -> str:
    """A key made of a name, that no magnet has or had."""
    stem = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:70] or "magnet"
    taken = set(MagnetVersion.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    taken |= set(MagnetDraft.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    number = 1
    while (key := stem if number == 1 else f"{stem}-{number}") in taken or not KEY.fullmatch(key):
        number += 1
    return key


def save_draft(
    *, workspace_id: int, key: str, document: Mapping[str, Any], files: Mapping[str, str], by: str, at: datetime
) -> MagnetDraft:
    """What is written so far. `files`: {name in the document: SHA-256}, stored already."""
    with workspace_scope(workspace_id):
        draft, _ = MagnetDraft.objects.update_or_create(
            workspace_id=workspace_id, key=key,
            defaults={
                "source_text": json.dumps(document, ensure_ascii=False), "files": dict(files), "changed_at": at,
                "by": by,
            },
        )  # fmt: skip
        return draft


def draft_document(workspace_id: int, key: str) -> tuple[Json, dict[str, str]] | None:
    """The draft with its files, else what is in force or was last; None where there is no such magnet."""
    draft = MagnetDraft.objects.filter(workspace_id=workspace_id, key=key).first()
    if draft:
        return read_document(draft.source_text), dict(draft.files)
    version = MagnetVersion.objects.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
    return (read_document(version.source_text), files_of(version)) if version else None


def publish_draft(*, workspace_id: int, key: str, at: datetime) -> MagnetVersion:
    """Raises DocumentError."""
    with workspace_scope(workspace_id):
        found = draft_document(workspace_id, key)
        if found is None:
            raise DocumentError(key, gettext("there is no such magnet"))
        document, files = found
        stored = MagnetFile.objects.filter(workspace_id=workspace_id, sha256__in=files.values())
        contents = {file.sha256: bytes(file.content) for file in stored}
        version = publish_magnet(
            workspace_id=workspace_id, text=json.dumps(document, ensure_ascii=False),
            files={name: contents[digest] for name, digest in files.items() if digest in contents}, at=at,
        )  # fmt: skip
        MagnetDraft.objects.filter(workspace_id=workspace_id, key=key).delete()
        return version


def discard_draft(*, workspace_id: int, key: str) -> None:
    with workspace_scope(workspace_id):
        MagnetDraft.objects.filter(workspace_id=workspace_id, key=key).delete()


def archived_magnets(workspace_id: int) -> list[MagnetVersion]:
    """The last version of each magnet that was taken out of use."""
    ended = EndedDocument.objects.filter(workspace_id=workspace_id, document="magnet_version").values_list(
        "key", flat=True
    )
    in_force = MagnetVersion.currents(workspace_id).values_list("key", flat=True)
    found = MagnetVersion.objects.filter(workspace_id=workspace_id, key__in=set(ended) - set(in_force))
    return list(found.order_by("key", "-version").distinct("key"))
