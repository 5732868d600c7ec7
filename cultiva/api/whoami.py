"""Whose key this is: the first request that a program tries."""

from cultiva.accounts.models import Workspace as WorkspaceModel
from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, endpoint
from cultiva.api.shapes import Whoami


@endpoint(
    "GET", "/", scope="", tag="Keys", summary="The key's workspace and scopes",
    answers={200: Whoami}, example=examples.WHOAMI,
)  # fmt: skip
def whoami(request: ApiRequest) -> Answer:
    """Any key may ask; good for checking that a connection works."""
    caller = request.call.caller
    workspace = WorkspaceModel.objects.get(id=caller.workspace_id)
    names = ("id", "slug", "name", "language", "time_zone")
    return 200, {
        "workspace": {name: getattr(workspace, name) for name in names},
        "key": caller.name,
        "scopes": caller.scopes,
        "expires_at": caller.expires_at,
    }
