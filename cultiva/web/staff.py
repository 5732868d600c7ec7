"""What every staff screen needs first: who asks, in which workspace, with what role."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from cultiva.accounts.actions import workspaces_of
from cultiva.accounts.models import Role, User, Workspace
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope

ALL_ROLES = frozenset(Role.values)
EVERYDAY = frozenset({Role.OWNER, Role.MARKETING, Role.SALES})
MAY_ANSWER = frozenset({Role.OWNER, Role.PRIVACY})  # to people who exercise their rights


@dataclass(frozen=True)
class Staff:
    """The person at the screen and the workspace they look at; `at` is the product's present."""

    user: User
    workspace: Workspace
    role: str
    workspaces: list[dict[str, Any]]  # [{id, slug, name, role}]
    at: datetime

    @property
    def sees_personal_data(self) -> bool:
        return self.role != Role.ANALYST

    @property
    def actor(self) -> str:
        return f"user:{self.user.id}"


class StaffRequest(HttpRequest):
    """A request that `staff_screen` let through."""

    staff: Staff


Screen = Callable[..., HttpResponse]


def staff_screen(*, posts: Collection[str] = ()) -> Callable[[Screen], Screen]:
    """A screen of signed-in staff, inside its workspace's transaction. `posts`: the roles that may change things."""

    def decorate(view: Screen) -> Screen:
        @wraps(view)
        def screen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            places = workspaces_of(request.user)
            if not places:
                return no_workspace(request)
            place = next((p for p in places if p["id"] == request.session.get("workspace")), places[0])
            if request.method not in ("GET", "HEAD") and place["role"] not in posts:
                return not_your_role(request)
            with workspace_scope(place["id"]):
                staff_request = cast(StaffRequest, request)
                staff_request.staff = Staff(
                    user=request.user,
                    workspace=Workspace.objects.get(id=place["id"]),
                    role=place["role"],
                    workspaces=places,
                    at=clock.now(),
                )
                response = view(staff_request, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return screen

    return decorate


def no_workspace(request: HttpRequest) -> HttpResponse:
    context = {
        "title": _("You belong to no workspace yet"),
        "text": _("Ask an owner to add %(email)s to theirs.") % {"email": request.user},
    }
    return render(request, "web/message_page.html", context, status=403)


def not_your_role(request: HttpRequest) -> HttpResponse:
    context = {
        "title": _("Your role only looks here"),
        "text": _("Ask an owner of the workspace for a role that may change this."),
        "link_url": request.path,
        "link_label": _("Back"),
    }
    return render(request, "web/message_page.html", context, status=403)


def is_demo() -> bool:
    return bool(settings.IS_DEMO)
