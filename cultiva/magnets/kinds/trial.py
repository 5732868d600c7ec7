from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.lib.signing import keyed_hash
from cultiva.magnets.kinds import MagnetKind, Redirect
from cultiva.magnets.kinds.files import LinkField
from cultiva.magnets.models import Grant
from cultiva.magnets.outside import sign_outside


class TrialSettings(forms.Form):
    link = LinkField(label=_("Address of the trial or tool"))
    days = forms.IntegerField(
        label=_("Days that it lasts"), min_value=1, max_value=3650, required=False,
        help_text=_("From the day it is granted; the link says until when."),
    )  # fmt: skip


class Trial(MagnetKind):
    kind = "trial"
    label = _("Trial or tool")
    icon = "tool"
    what_it_is = _("Something of yours elsewhere: each lead gets a signed link of their own.")
    Settings = TrialSettings

    def deliver(self, grant: Grant, at: datetime) -> Redirect:
        """The tool checks the signature by itself and asks nobody: docs/reference/magnets.md says how."""
        until = grant.granted_at + timedelta(days=self.settings["days"]) if self.settings.get("days") else None
        more = sign_outside(secret_of(grant.workspace_id, grant.magnet), grant.id, until)
        parts = urlsplit(str(self.settings["link"]))
        query = "&".join(part for part in (parts.query, urlencode(more)) if part)
        return Redirect(urlunsplit(parts._replace(query=query)))


def secret_of(workspace_id: int, magnet: str) -> str:
    """What the tool checks links with; of this magnet alone."""
    return keyed_hash("trial", f"{workspace_id}:{magnet}")
