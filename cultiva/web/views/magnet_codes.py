"""The codes of a discount: how they stand, new ones from a list, and one redeemed by hand."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.magnets.actions import kind_of
from cultiva.magnets.codes import BadCodes, TooManyGuesses, fill_pool, pool_of, redeem_code
from cultiva.magnets.kinds.discount import POOL, Discount
from cultiva.magnets.models import DiscountCode, MagnetVersion
from cultiva.web.staff import EVERYDAY, StaffRequest, staff_screen
from cultiva.web.words import in_language

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
MOST_SHOWN = 100


@require_safe
@staff_screen()
def codes(request: StaffRequest, key: str) -> HttpResponse:
    staff, found = request.staff, _find(request, key)
    rows = DiscountCode.objects.filter(workspace_id=staff.workspace.id, magnet=key).select_related("grant__lead")
    context = {
        "page_title": _("Codes: %(name)s") % {"name": in_language(found.magnet.body["title"])},
        "key": key,
        "is_pool": found.settings["codes"] == POOL,
        "pool": pool_of(workspace_id=staff.workspace.id, magnet=key, at=staff.at),
        "rows": rows.exclude(grant=None).order_by("-given_at", "-id")[:MOST_SHOWN],
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
        "may_redeem": staff.role in EVERYDAY,
    }
    return render(request, "web/magnet_codes.html", context)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def add_codes(request: StaffRequest, key: str) -> HttpResponse:
    staff, found = request.staff, _find(request, key)
    try:
        new, known = fill_pool(
            workspace_id=staff.workspace.id, magnet=key, text=request.POST.get("codes", ""),
            expires_at=found.expires_at(staff.at), at=staff.at,
        )  # fmt: skip
    except BadCodes as error:
        messages.error(request, str(error))
    else:
        said = _("%(new)s codes were added; %(known)s were known already.")
        messages.success(request, said % {"new": new, "known": known})
    return redirect("web:magnet_codes", key=key)


@require_POST
@staff_screen(posts=EVERYDAY)
def redeem(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    _find(request, key)
    try:
        done = redeem_code(
            workspace_id=staff.workspace.id, code=request.POST.get("code", "")[:100], sender=staff.actor,
            by=staff.actor, purchase=request.POST.get("purchase", ""), at=staff.at,
        )  # fmt: skip
    except TooManyGuesses as error:
        messages.error(request, str(error))
    else:
        if done:
            messages.success(request, _("The code is good, and used from now on."))
        else:
            messages.error(request, _("This code cannot be redeemed: it is unknown, used or no longer good."))
    return redirect("web:magnet_codes", key=key)


def _find(request: StaffRequest, key: str) -> Discount:
    version = MagnetVersion.current(request.staff.workspace.id, key)
    kind = kind_of(version) if version else None
    if not isinstance(kind, Discount):
        raise Http404
    return kind
