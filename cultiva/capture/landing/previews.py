"""Links by which the host of landing pages shows a draft to those who write it."""

from datetime import datetime, timedelta

from cultiva.capture.models import PageDraft, PageVersion
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, sign_until, unsign_until

LIFE = timedelta(hours=12)
DRAFT, PUBLISHED = 1, 2


def make_preview(*, workspace_id: int, key: str, at: datetime) -> str:
    """Names the draft, or the newest version where nothing is being written."""
    draft = PageDraft.objects.filter(workspace_id=workspace_id, key=key).first()
    if draft:
        return sign_until("landing-preview", at + LIFE, workspace_id, DRAFT, draft.id)
    version = PageVersion.objects.filter(workspace_id=workspace_id, key=key).order_by("-version").first()
    return sign_until("landing-preview", at + LIFE, workspace_id, PUBLISHED, version.id if version else 0)


def read_preview(token: str, *, at: datetime) -> tuple[int, str]:
    """(workspace, key of the page). Raises BadLink, ExpiredLink."""
    workspace_id, sort, row_id = unsign_until("landing-preview", token, at)
    model: type[PageDraft] | type[PageVersion] = PageDraft if sort == DRAFT else PageVersion
    with workspace_scope(workspace_id):
        found = model.objects.filter(workspace_id=workspace_id, id=row_id).values_list("key", flat=True).first()
    if found is None:
        raise BadLink("landing-preview")
    return workspace_id, str(found)
