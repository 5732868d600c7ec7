from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds import CannotAct, MagnetKind, Page
from cultiva.magnets.kinds.files import LinkField
from cultiva.magnets.models import Grant, Registration, WebinarSession
from cultiva.magnets.webinars import CANCELLED, SEATED, SessionRefused, cancel, register


class WebinarSettings(forms.Form):
    time_zone = forms.CharField(label=_("Time zone"), max_length=60, initial="Europe/Madrid")
    minutes = forms.IntegerField(label=_("How many minutes"), min_value=5, max_value=1440, initial=60)
    speaker = forms.CharField(label=_("Who speaks"), max_length=160, required=False)
    replay = LinkField(label=_("Recording"), required=False, help_text=_("For dates that have none of their own."))

    def clean_time_zone(self) -> str:
        zone = str(self.cleaned_data["time_zone"])
        if zone not in available_timezones():
            raise forms.ValidationError(_("There is no such time zone: as in Europe/Madrid."))
        return zone


class Webinar(MagnetKind):
    kind = "webinar"
    label = _("Webinar")
    icon = "calendar"
    what_it_is = _("Live, on one date or several, with seats, a calendar file and a recording.")
    Settings = WebinarSettings

    def deliver(self, grant: Grant, at: datetime) -> Page:
        mine = {
            row.session_id: row
            for row in Registration.objects.filter(workspace_id=grant.workspace_id, grant=grant).exclude(
                state=CANCELLED
            )
        }
        sessions = WebinarSession.objects.filter(workspace_id=grant.workspace_id, magnet=grant.magnet)
        dates = [self._date(session, mine.get(session.id), at) for session in sessions.order_by("starts_at", "id")]
        shown = [each for each in dates if not each["is_over"] or each["state"] or each["replay"]]
        values = {"dates": shown, "settings": self.settings, "has_replay": bool(self.settings.get("replay"))}
        return Page("public/magnet_webinar.html", values)

    def _date(self, session: WebinarSession, mine: Registration | None, at: datetime) -> dict[str, object]:
        ends = session.starts_at + timedelta(minutes=session.minutes)
        seated = mine is not None and mine.state == SEATED
        return {
            "session": session,
            # Without its zone, or a template would show it in that of the process.
            "starts": session.starts_at.astimezone(ZoneInfo(session.time_zone)).replace(tzinfo=None),
            "is_over": ends <= at or session.cancelled_at is not None,
            "is_cancelled": session.cancelled_at is not None,
            "state": mine.state if mine else "",
            "join": session.join_url if seated and ends > at else "",
            "replay": session.replay_url or (self.settings.get("replay", "") if ends <= at else ""),
        }

    def act(self, grant: Grant, act: str, fields: Mapping[str, str], at: datetime) -> None:
        """register, cancel: {session: id}."""
        verb = {"register": register, "cancel": cancel}.get(act)
        session_id = int(fields.get("session", "")) if fields.get("session", "").isdecimal() else 0
        if verb is None or session_id > 2**63 - 1:
            raise CannotAct(gettext("there is nothing to do here"))
        try:
            verb(grant=grant, session_id=session_id, at=at)
        except SessionRefused as error:
            raise CannotAct(error.problem, error.hint) from error
