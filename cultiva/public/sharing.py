"""The short path behind share buttons: it counts, and goes on to the network."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.capture.social import read_share, record_share
from cultiva.lib import clock
from cultiva.lib.signing import BadLink
from cultiva.public.clicks import bad_link
from cultiva.public.visits import MAX_URL, actor_of, one_line


@require_safe
def share(request: HttpRequest, workspace: str, network: str) -> HttpResponse:
    """Nothing but an event comes of it, and of a program's visit not even that."""
    given = {name: request.GET.get(name, "") for name in ("u", "t", "l", "k")}
    url = one_line(given["u"], MAX_URL)
    found = find_workspace(workspace)
    try:
        target, lead_id = read_share(
            slug=workspace, network=network, url=url, text=given["t"], lead=given["l"], key=given["k"]
        )
    except BadLink:
        return bad_link(request)
    if found is None:
        return bad_link(request)
    at = clock.now()
    actor = actor_of(request, at)
    if request.method == "GET" and actor != "machine":
        record_share(workspace_id=found.id, network=network, url=url, lead_id=lead_id, actor=actor, at=at)
    response = HttpResponseRedirect(target)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-store"
    return response
