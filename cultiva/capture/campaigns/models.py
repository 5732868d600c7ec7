"""Campaigns with what they cost, their tagged links, and what belongs to them."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import WorkspaceRow


class Campaign(WorkspaceRow):
    """What is done for one objective for some time. Its key is what visits bring as `utm_campaign`."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    objective = models.CharField(max_length=20)
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    budget = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(
        max_length=3, default="EUR"
    )  # of the budget, the costs, and the sales they are set against
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "campaign"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_campaign_a_key")
        ]


class CampaignCost(WorkspaceRow):
    """Money spent on a day, in the campaign's currency."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, db_constraint=False, related_name="costs")
    day = models.DateField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "campaign_cost"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "campaign", "day"], name="campaign_cost_day")
        ]


class CampaignLink(WorkspaceRow):
    """An address with the campaign's tags; `address` is the whole of it."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, db_constraint=False, related_name="links")
    url = models.CharField(max_length=1000)
    source = models.CharField(max_length=100)
    medium = models.CharField(max_length=100)
    content = models.CharField(max_length=100, blank=True, default="")
    term = models.CharField(max_length=100, blank=True, default="")
    address = models.CharField(max_length=2000)

    class Meta:
        db_table = "campaign_link"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "campaign", "url", "source", "medium", "content", "term"],
                name="campaign_link_once",
            )
        ]


class CampaignMember(WorkspaceRow):
    """A form, magnet, template, workflow or page, by its kind and key; each belongs to one campaign at most."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, db_constraint=False, related_name="members")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=80)

    class Meta:
        db_table = "campaign_member"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "kind", "key"], name="one_campaign_a_thing")
        ]
