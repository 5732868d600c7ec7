from datetime import datetime

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds import MagnetField, MagnetKind, Page
from cultiva.magnets.models import Grant
from cultiva.magnets.referrals import referral_figures, referral_path


class ReferralSettings(forms.Form):
    form = forms.SlugField(label=_("Form that friends see"), max_length=80, help_text=_("Its key."))
    reward = MagnetField(
        label=_("Reward"), max_length=80, required=False,
        help_text=_("The magnet that who brought somebody gets, once the new lead is valid."),
    )  # fmt: skip


class Referral(MagnetKind):
    kind = "referral"
    label = _("Referral")
    icon = "heart-handshake"
    what_it_is = _("A link of their own to pass on; who brings somebody gets a reward.")
    Settings = ReferralSettings

    def deliver(self, grant: Grant, at: datetime) -> Page:
        values = {
            "address": settings.PUBLIC_URL + referral_path(grant),
            "figures": referral_figures(grant),
            "has_reward": bool(self.settings.get("reward")),
        }
        return Page("public/magnet_referral.html", values)
