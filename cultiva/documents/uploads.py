"""A ZIP that a person brings, kept until it is applied or thrown away: any host can plan and apply it."""

import io
from datetime import datetime, timedelta
from typing import IO

from django.utils.translation import gettext

from cultiva.documents.models import UploadedFiles
from cultiva.documents.reading import Given, Problem, read_tree
from cultiva.documents.trees import MOST_BYTES, UnreadableFiles, read_zip

KEEP = timedelta(days=1)


def keep_upload(*, workspace_id: int, user_id: int, name: str, file: IO[bytes], at: datetime) -> UploadedFiles:
    """In the place of what this person brought before. Raises UnreadableFiles."""
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnreadableFiles(
            gettext("%(name)s holds more than %(most)s MB.") % {"name": name, "most": MOST_BYTES // 1024**2},
            gettext("take the documents in parts"),
        )
    if not read_zip(io.BytesIO(content)):
        raise UnreadableFiles(
            gettext("%(name)s is empty.") % {"name": name},
            gettext("a document is a file such as models/readiness.yaml"),
        )
    upload, _is_new = UploadedFiles.objects.update_or_create(
        workspace_id=workspace_id, user_id=user_id, defaults={"name": name[:200], "content": content, "at": at}
    )
    return upload


def find_upload(*, workspace_id: int, user_id: int) -> UploadedFiles | None:
    return UploadedFiles.objects.filter(workspace_id=workspace_id, user_id=user_id).first()


def documents_in(upload: UploadedFiles) -> tuple[list[Given], list[Problem]]:
    return read_tree(read_zip(io.BytesIO(bytes(upload.content))))


def forget_upload(*, workspace_id: int, user_id: int) -> None:
    UploadedFiles.objects.filter(workspace_id=workspace_id, user_id=user_id).delete()


def forget_old_uploads(*, workspace_id: int, at: datetime) -> int:
    """Those that nobody applied within a day."""
    return UploadedFiles.objects.filter(workspace_id=workspace_id, at__lt=at - KEEP).delete()[0]
