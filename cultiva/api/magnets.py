"""Lead magnets: looked at, given to leads, their codes redeemed. They are written as documents."""

from typing import Any

from ninja import Query

from cultiva.api import magnet_shapes as examples
from cultiva.api.door import Answer, ApiRequest, an_id, endpoint, make_cursor, paged, read_cursor
from cultiva.api.errors import ApiError, error_body, invalid, not_found
from cultiva.api.magnet_shapes import Grant, GrantIn, Magnet, Redeemed, RedeemIn
from cultiva.api.shapes import Key, Page, PageQuery
from cultiva.capture.actions import forms_by_magnet
from cultiva.insights.magnets import MagnetFigures, magnet_figures
from cultiva.leads.actions import BadAddress, find_lead
from cultiva.leads.models import Lead
from cultiva.magnets.actions import download_url, grant_magnet
from cultiva.magnets.codes import TooManyGuesses, redeem_code
from cultiva.magnets.models import Grant as GrantRow
from cultiva.magnets.models import MagnetVersion

Json = dict[str, Any]


@endpoint(
    "GET", "/magnets", scope="magnets:read", tag="Magnets", summary="List lead magnets by key",
    answers={200: Page[Magnet]}, example={"data": [examples.MAGNET], "next_cursor": None},
)  # fmt: skip
def list_magnets(request: ApiRequest) -> Answer:
    """All that are in force, with how they do."""
    found = list(MagnetVersion.currents(request.call.workspace_id))
    return 200, {"data": magnet_rows(request, found), "next_cursor": None}


@endpoint(
    "POST", "/magnets/redeem", scope="magnets:write", tag="Magnets", summary="Redeem a discount code",
    answers={200: Redeemed}, example=examples.REDEEMED, body_example=examples.REDEEM_IN,
)  # fmt: skip
def redeem(request: ApiRequest, body: RedeemIn) -> Answer:
    """Good once, whoever asks at the same time. 409: unknown, used or expired, which the answer does not tell apart;
    after five of those within a minute 429, and a wait that doubles."""
    call = request.call
    try:
        code = redeem_code(
            workspace_id=call.workspace_id, code=body.code, sender=call.caller.actor, by=call.caller.actor,
            purchase=body.purchase, at=call.at,
        )  # fmt: skip
    except TooManyGuesses as error:
        headers = {"Retry-After": str(error.seconds)}
        message = f"Too many codes that are no good. Come back in {error.seconds} s."
        raise ApiError(429, "too_many_requests", message, headers=headers) from error
    if code is None or code.grant is None:
        # Answered, not raised: what is raised takes the count of tries back.
        return 409, error_body("not_redeemable", "This code cannot be redeemed.", field="code")
    version = MagnetVersion.current(call.workspace_id, code.magnet)
    return 200, {
        "magnet": code.magnet,
        "lead_id": code.grant.lead_id,
        "redeemed_at": code.redeemed_at,
        "settings": version.body["settings"] if version else {},
    }


@endpoint(
    "GET", "/magnets/{key}", scope="magnets:read", tag="Magnets", summary="One lead magnet",
    answers={200: Magnet}, example=examples.MAGNET,
)  # fmt: skip
def get_magnet(request: ApiRequest, key: Key) -> Answer:
    """With its own funnel."""
    return 200, magnet_rows(request, [find(request, key)])[0]


@endpoint(
    "GET", "/magnets/{key}/grants", scope="magnets:read", tag="Magnets", summary="Who got a lead magnet",
    answers={200: Page[Grant]}, example={"data": [examples.GRANT], "next_cursor": None},
)  # fmt: skip
def list_grants(request: ApiRequest, key: Key, query: Query[PageQuery]) -> Answer:
    """The latest first, and from where."""
    find(request, key)
    before = (read_cursor(query.cursor, an_id) or [2**63 - 1])[0]
    grants = GrantRow.objects.filter(workspace_id=request.call.workspace_id, magnet=key, id__lt=before)
    rows = [grant_row(request, each) for each in grants.order_by("-id")[: query.limit + 1]]
    return 200, paged(rows, query.limit, lambda row: make_cursor(row["id"]))


@endpoint(
    "POST", "/magnets/{key}/grants", scope="magnets:write", tag="Magnets", summary="Give a lead magnet to a lead",
    answers={200: Grant}, example=examples.GRANT, body_example=examples.GRANT_IN,
)  # fmt: skip
def give_magnet(request: ApiRequest, key: Key, body: GrantIn) -> Answer:
    """Once, however often it is asked for; its mail goes out as after a form."""
    find(request, key)
    lead = find_receiver(request, body)
    grant = grant_magnet(
        workspace_id=lead.workspace_id, lead_id=lead.id, magnet=key, via="api", at=request.call.at
    )  # fmt: skip
    return 200, grant_row(request, grant)


def find(request: ApiRequest, key: str) -> MagnetVersion:
    found = MagnetVersion.current(request.call.workspace_id, key)
    if found is None:
        raise not_found(f"magnet {key}")
    return found


def find_receiver(request: ApiRequest, body: GrantIn) -> Lead:
    if (body.lead_id is None) == (body.email is None):
        raise invalid("lead_id", body.lead_id, "give the lead by `lead_id` or by `email`, one of them.")
    if body.lead_id is not None:
        leads = Lead.objects.filter(workspace_id=request.call.workspace_id, merged_into=None)
        lead = leads.filter(id=body.lead_id).first()
    else:
        try:
            lead = find_lead(workspace_id=request.call.workspace_id, email=body.email or "")
        except BadAddress as error:
            raise invalid("email", body.email, "it is no e-mail address.") from error
    if lead is None:
        raise not_found(f"lead {body.lead_id or body.email}")
    return lead


def magnet_rows(request: ApiRequest, found: list[MagnetVersion]) -> list[Json]:
    figures = magnet_figures(workspace_id=request.call.workspace_id)
    forms = forms_by_magnet(workspace_id=request.call.workspace_id)
    return [
        {
            "key": each.key,
            "version": each.version,
            "kind": each.body["kind"],
            "objective": each.body["objective"],
            "title": each.body["title"],
            "intro": each.body.get("intro", {}),
            "persona": each.body.get("persona"),
            "stage": each.body.get("stage"),
            "library": bool(each.body.get("library")),
            "settings": each.body["settings"],
            "form": forms.get(each.key),
            "funnel": _funnel(figures.get(each.key, MagnetFigures())),
            "published_at": each.published_at,
        }
        for each in found
    ]


def _funnel(figures: MagnetFigures) -> Json:
    return dict(figures.steps) | {"cost": None if figures.cost is None else float(figures.cost)}


def grant_row(request: ApiRequest, grant: GrantRow) -> Json:
    plain = ("id", "lead_id", "magnet", "granted_at", "via", "origin", "opened_at")
    return {name: getattr(grant, name) for name in plain} | {"link": download_url(grant, request.call.at)}
