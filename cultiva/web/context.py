"""What the frame around every staff screen shows."""

from typing import Any

from django.http import HttpRequest

from cultiva.demo.live import is_live
from cultiva.privacy.models import PrivacyRequest
from cultiva.sales.models import HandOver
from cultiva.web.staff import Staff, is_demo


def staff_page(request: HttpRequest) -> dict[str, Any]:
    staff: Staff | None = getattr(request, "staff", None)
    if staff is None:
        return {}
    return {
        "staff": staff,
        "user": staff.user,
        "workspace": staff.workspace,
        "workspaces": staff.workspaces,
        "product_now": staff.at,
        "demo": is_demo(),
        "live_source_on": is_demo() and is_live(staff.workspace.id),
        "nav_counts": {
            "hand_overs": HandOver.objects.open().filter(workspace_id=staff.workspace.id).count(),
            "privacy_requests": PrivacyRequest.objects.filter(workspace_id=staff.workspace.id, closed_at=None).count(),
        },
    }
