from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import Workspace
from cultiva.magnets.codes import codes_of, give_code, redeem_own
from cultiva.magnets.kinds import CannotAct, MagnetKind, Page
from cultiva.magnets.kinds.files import LinkField
from cultiva.magnets.models import Grant

MADE, POOL = "made", "pool"
A_MOMENT = timedelta(microseconds=1)


class DiscountSettings(forms.Form):
    percent = forms.DecimalField(
        label=_("Percent off"), min_value=1, max_value=100, decimal_places=2, max_digits=5, required=False
    )
    amount = forms.CharField(
        label=_("Or an amount"), max_length=40, required=False, help_text=_("As people read it: 20 €, free delivery.")
    )
    codes = forms.ChoiceField(
        label=_("Codes"), widget=forms.RadioSelect(),
        choices=[(MADE, _("Made here, one for each lead")), (POOL, _("From a list of my shop"))],
    )  # fmt: skip
    days = forms.IntegerField(label=_("Good for how many days"), min_value=1, max_value=3650, required=False)
    until = forms.DateField(
        label=_("Last day on which codes are good"), required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"],
    )  # fmt: skip
    link = LinkField(label=_("Where it is used"), required=False, help_text=_("Your shop, for example."))

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if bool(found.get("percent")) == bool(found.get("amount")) and not self.errors:
            self.add_error("percent", _("Give the percent or the amount, one of them."))
        if found.get("percent"):  # what a document keeps is JSON
            found["percent"] = float(found["percent"])
        return found


class Discount(MagnetKind):
    kind = "discount"
    label = _("Discount")
    icon = "tag"
    what_it_is = _("A code that is good once: made here, or from the list of your shop.")
    Settings = DiscountSettings

    def grant(self, grant: Grant, at: datetime, cause: str = "") -> None:
        is_made = self.settings["codes"] == MADE
        give_code(grant, is_made=is_made, expires_at=self.expires_at(at), cause=cause, at=at)

    def expires_at(self, at: datetime) -> datetime | None:
        """The earlier of so many days from now and the end of the last day, in the workspace's time zone."""
        ends = []
        if days := self.settings.get("days"):
            ends.append(at + timedelta(days=days))
        if until := self.settings.get("until"):
            ends.append(datetime.combine(date.fromisoformat(until) + timedelta(days=1), time.min, self.zone))
        return min(ends, default=None)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(Workspace.objects.get(id=self.magnet.workspace_id).time_zone)

    def deliver(self, grant: Grant, at: datetime) -> Page:
        zone = self.zone
        codes = [
            {
                "id": row.id, "code": code,
                "last_on": (row.expires_at - A_MOMENT).astimezone(zone).date() if row.expires_at else None,
                "redeemed_on": row.redeemed_at.astimezone(zone).date() if row.redeemed_at else None,
                "is_expired": bool(row.expires_at and row.expires_at <= at),
            }
            for row, code in codes_of(grant)
        ]  # fmt: skip
        return Page("public/magnet_discount.html", {"codes": codes, "settings": self.settings})

    def act(self, grant: Grant, act: str, fields: Mapping[str, str], at: datetime) -> None:
        """redeem: {code: id of the row}. The person used it where nobody asks us, as at a counter."""
        code_id = int(fields.get("code", "")) if fields.get("code", "").isdecimal() else 0
        if act != "redeem" or not redeem_own(grant=grant, code_id=code_id, at=at):
            raise CannotAct(gettext("this code is used or no longer good"))
