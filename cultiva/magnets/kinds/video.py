from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.events.actions import NewEvent, record_events
from cultiva.magnets.kinds import CannotAct, MagnetKind, Page
from cultiva.magnets.kinds.files import LinkField
from cultiva.magnets.models import Grant

QUARTERS = ("25", "50", "75", "100")


class VideoSettings(forms.Form):
    link = LinkField(label=_("Address of the video"), help_text=_("A file that browsers play: MP4 or WebM."))
    gate_seconds = forms.IntegerField(
        label=_("Show the form at second"), min_value=0, max_value=86_400, required=False,
        help_text=_("Until then everybody may watch. Empty: the form comes first."),
    )  # fmt: skip


class Video(MagnetKind):
    kind = "video"
    label = _("Video")
    icon = "player-play"
    what_it_is = _("Plays on its own page and asks for the form when you say.")
    has_own_page = True
    Settings = VideoSettings

    @property
    def origin(self) -> str:
        found = urlsplit(str(self.settings["link"]))
        return f"{found.scheme}://{found.netloc}"

    def deliver(self, grant: Grant, at: datetime) -> Page:
        return Page("public/magnet_video.html", {"link": self.settings["link"], "gate": 0}, media=(self.origin,))

    def preview(self) -> Page:
        """What everybody may watch until the form comes."""
        values = {"link": self.settings["link"], "gate": self.settings.get("gate_seconds", 0)}
        return Page("public/magnet_watch.html", values, media=(self.origin,))

    def act(self, grant: Grant, act: str, fields: Mapping[str, str], at: datetime) -> None:
        """progress: {percent: 25, 50, 75 or 100}; each counts once."""
        percent = fields.get("percent", "")
        if act != "progress" or percent not in QUARTERS:
            raise CannotAct(gettext("there is nothing to do here"))
        watched = NewEvent(
            kind="track", name="video_progress", message_id=f"video:{grant.id}:{percent}", occurred_at=at,
            lead_id=grant.lead_id, actor="human", properties={"magnet": grant.magnet, "percent": int(percent)},
        )  # fmt: skip
        record_events(workspace_id=grant.workspace_id, events=[watched], received_at=at)
