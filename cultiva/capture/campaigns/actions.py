"""Making and changing campaigns."""

from datetime import datetime
from typing import Any

from django.utils.text import slugify

from cultiva.accounts.actions import record_audit
from cultiva.capture.campaigns.documents import Cost, Link, Settings
from cultiva.capture.campaigns.models import Campaign, CampaignCost, CampaignLink, CampaignMember
from cultiva.lib.database import workspace_scope

Json = dict[str, Any]


def list_campaigns(workspace_id: int) -> list[Campaign]:
    """The one that began last comes first."""
    return list(Campaign.objects.filter(workspace_id=workspace_id).order_by("-starts_on", "-id"))


def find_campaign(workspace_id: int, key: str) -> Campaign | None:
    return Campaign.objects.filter(workspace_id=workspace_id, key=key).first()


def free_key(workspace_id: int, name: str) -> str:
    """A key for a new campaign of this name that no other has."""
    wanted = slugify(name)[:74] or "campaign"
    taken = set(
        Campaign.objects.filter(workspace_id=workspace_id, key__startswith=wanted).values_list("key", flat=True)
    )
    return next(key for n in range(1, len(taken) + 2) if (key := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def settings_of(campaign: Campaign) -> Settings:
    """The campaign as its document says it; costs by day, all else in the order in which it was written."""
    own = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    links = CampaignLink.objects.filter(**own).order_by("id")
    costs = CampaignCost.objects.filter(**own).order_by("day", "id")
    members = CampaignMember.objects.filter(**own).order_by("id").values_list("kind", "key")
    return Settings(
        key=campaign.key, name=campaign.name, objective=campaign.objective, starts_on=campaign.starts_on,
        ends_on=campaign.ends_on, budget=campaign.budget, currency=campaign.currency,
        links=tuple(Link(each.url, each.source, each.medium, each.content, each.term) for each in links),
        costs=tuple(Cost(each.day, each.amount, each.note) for each in costs),
        members=tuple(members),
    )  # fmt: skip


def save_campaign(*, workspace_id: int, settings: Settings, by: str, at: datetime) -> Campaign:
    """Make the campaign of a key or change it to these settings, whole; the same again changes nothing.

    What belonged to another campaign belongs to this one from now on.
    """
    with workspace_scope(workspace_id):
        campaign, is_new = Campaign.objects.select_for_update().get_or_create(
            workspace_id=workspace_id, key=settings.key,
            defaults=_columns(settings) | {"created_at": at, "changed_at": at},
        )  # fmt: skip
        if not is_new:
            if settings_of(campaign) == _as_kept(settings):
                return campaign
            for name, value in _columns(settings).items():
                setattr(campaign, name, value)
            campaign.revision += 1
            campaign.changed_at = at
            campaign.save()
        _write_parts(campaign, settings)
        action = "campaign.created" if is_new else "campaign.changed"
        target = f"campaign:{settings.key}"
        record_audit(workspace_id=workspace_id, actor=by, action=action, target=target, at=at)
        return campaign


def delete_campaign(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """The campaign and its costs go; visits and leads keep the campaign they came by."""
    with workspace_scope(workspace_id):
        campaign = find_campaign(workspace_id, key)
        if campaign:
            _forget_parts(campaign)
            campaign.delete()
            target = f"campaign:{key}"
            record_audit(workspace_id=workspace_id, actor=by, action="campaign.deleted", target=target, at=at)


def campaign_of(workspace_id: int, kind: str, key: str) -> Campaign | None:
    """The campaign that a form, page or the like belongs to."""
    return Campaign.objects.filter(workspace_id=workspace_id, members__kind=kind, members__key=key).first()


def _columns(settings: Settings) -> Json:
    names = ("name", "objective", "starts_on", "ends_on", "budget", "currency")
    return {name: getattr(settings, name) for name in names} | {"name": settings.name[:160]}


def _as_kept(settings: Settings) -> Settings:
    """As `settings_of` would give it back."""
    return Settings(
        **{
            **vars(settings),
            "name": settings.name[:160],
            "links": tuple(dict.fromkeys(settings.links)),
            "costs": tuple(sorted(settings.costs, key=lambda cost: cost.day)),
        }
    )


def _forget_parts(campaign: Campaign) -> None:
    own = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    CampaignLink.objects.filter(**own).delete()
    CampaignCost.objects.filter(**own).delete()
    CampaignMember.objects.filter(**own).delete()


def _write_parts(campaign: Campaign, settings: Settings) -> None:
    _forget_parts(campaign)
    own = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    CampaignLink.objects.bulk_create(
        CampaignLink(**own, **vars(link), address=link.address(campaign.key))
        for link in dict.fromkeys(settings.links)
    )  # fmt: skip
    CampaignCost.objects.bulk_create(
        CampaignCost(**own, **vars(cost)) for cost in sorted(settings.costs, key=lambda cost: cost.day)
    )
    CampaignMember.objects.bulk_create(
        [CampaignMember(**own, kind=kind, key=key) for kind, key in settings.members],
        update_conflicts=True, unique_fields=["workspace", "kind", "key"], update_fields=["campaign"],
    )  # fmt: skip
