"""What a person sees and changes on their own page: purposes, how often, a pause, the language, and all at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from cultiva.consent.actions import withdraw
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import ConsentMark, ConsentState, PolicyVersion, PurposeVersion
from cultiva.consent.notices import PROFILING
from cultiva.consent.preferences import Wishes, choose_language, give_consents, save_wishes, wishes_of
from cultiva.leads.actions import find_lead, read_address
from cultiva.leads.addresses import BadAddress
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.mailing.actions import Addressee, put_in_outbox
from cultiva.mailing.templating import PREFERENCE_LINK
from cultiva.privacy.models import PrivacyRequest
from cultiva.privacy.requests import object_to_marketing
from cultiva.scoring.actions import explain, primary_model
from cultiva.scoring.reasons import Reasons, reasons_of


@dataclass(frozen=True)
class Choice:
    """A purpose as the page shows it."""

    key: str
    channel: str
    label: str
    is_given: bool
    since: datetime | None


@dataclass(frozen=True)
class Centre:
    """`policy` is None where the workspace has none yet: then nothing new can be ticked."""

    lead: Lead
    choices: list[Choice]
    wishes: Wishes
    policy: PolicyVersion | None
    is_stopped: bool
    requests: list[PrivacyRequest]


def open_centre(*, workspace_id: int, lead_id: int, language: str, at: datetime) -> Centre | None:
    """None where nobody is there, or no more."""
    with workspace_scope(workspace_id):
        current = current_lead_id(workspace_id, lead_id)
        lead = Lead.objects.filter(workspace_id=workspace_id, id=current).first()
        mark = ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=current).first()
        if lead is None or (mark and mark.blocked_at):
            return None
        asked = PrivacyRequest.objects.filter(workspace_id=workspace_id, lead_id=current).order_by("-id")
        return Centre(
            lead=lead,
            choices=_choices(workspace_id, current, language, mark),
            wishes=wishes_of(workspace_id=workspace_id, lead_id=current, at=at),
            policy=PolicyVersion.currents(workspace_id).first(),
            is_stopped=bool(mark and mark.stopped_at),
            requests=list(asked[:20]),
        )


def save_choices(
    *,
    workspace_id: int,
    lead_id: int,
    ticked: Collection[str],
    wishes: Wishes,
    language: str,
    shown_in: str,
    circumstances: Circumstances,
    at: datetime,
) -> bool:
    """What the page was sent with, all or nothing; True where a mail asks to confirm. Raises BadPreference."""
    with workspace_scope(workspace_id):
        centre = open_centre(workspace_id=workspace_id, lead_id=lead_id, language=shown_in, at=at)
        assert centre
        lead_id = centre.lead.id
        for choice in centre.choices:
            if choice.is_given and choice.key not in ticked:
                withdraw(
                    workspace_id=workspace_id, lead_id=lead_id, purpose=choice.key, channel=choice.channel, at=at,
                    circumstances=circumstances,
                )  # fmt: skip
        new = {choice.key for choice in centre.choices if not choice.is_given} & set(ticked)
        must_confirm = centre.policy is not None and give_consents(
            workspace_id=workspace_id, lead_id=lead_id, policy=centre.policy,
            language=_spoken(centre.policy, shown_in),
            purposes=[each for each in PurposeVersion.currents(workspace_id) if each.key in new],
            circumstances=circumstances, at=at,
        )  # fmt: skip
        save_wishes(workspace_id=workspace_id, lead_id=lead_id, wishes=wishes, at=at)
        choose_language(workspace_id=workspace_id, lead_id=lead_id, language=language, at=at)
    return must_confirm


def stop_everything(*, workspace_id: int, lead_id: int, circumstances: Circumstances, at: datetime) -> None:
    """One press: every purpose is withdrawn, no marketing, no profile, and what waits is not sent."""
    with workspace_scope(workspace_id):
        lead_id = current_lead_id(workspace_id, lead_id)
        given = ConsentState.objects.filter(workspace_id=workspace_id, lead_id=lead_id, state="given")
        for state in given.order_by("id"):
            withdraw(
                workspace_id=workspace_id, lead_id=lead_id, purpose=state.purpose, channel=state.channel, at=at,
                circumstances=circumstances,
            )  # fmt: skip
        object_to_marketing(workspace_id=workspace_id, lead_id=lead_id, at=at, circumstances=circumstances)


def ask_for_link(*, workspace_id: int, email: str, at: datetime) -> None:
    """Mail somebody the way to their own page, once an hour at most. Whether we know them, nobody is told."""
    with workspace_scope(workspace_id):
        try:
            read_address(email)
            lead = find_lead(workspace_id=workspace_id, email=email)
        except BadAddress:
            return
        if lead is None:
            return
        put_in_outbox(
            workspace_id=workspace_id, cause_kind=PREFERENCE_LINK, template=PREFERENCE_LINK, at=at,
            addressees=[Addressee(cause_id=f"{lead.id}:{at:%Y%m%d%H}", lead_id=lead.id)],
        )  # fmt: skip


def profile_of(*, workspace_id: int, lead_id: int, at: datetime) -> Reasons | None:
    """How the score of a person is made, for themselves (art. 15.1.h GDPR); None where they have none."""
    with workspace_scope(workspace_id):
        model = primary_model(workspace_id)
        found = explain(workspace_id=workspace_id, lead_id=lead_id, model=model, at=at) if model else None
        return reasons_of(found, {each.name: (0.0, 100.0) for each in found.dimensions}) if found else None


def object_to_profiling(*, workspace_id: int, lead_id: int, circumstances: Circumstances, at: datetime) -> None:
    """No score and no segment of their interests from now on (art. 21 GDPR); consents stay."""
    withdraw(
        workspace_id=workspace_id, lead_id=lead_id, purpose=PROFILING, channel="none", at=at,
        circumstances=circumstances,
    )  # fmt: skip


def _choices(workspace_id: int, lead_id: int, language: str, mark: ConsentMark | None) -> list[Choice]:
    states = {
        (each.purpose, each.channel): each
        for each in ConsentState.objects.filter(workspace_id=workspace_id, lead_id=lead_id).order_by("id")
    }
    choices = []
    for purpose in sorted(PurposeVersion.currents(workspace_id), key=lambda each: (each.body["position"], each.key)):
        labels, channel = purpose.body["languages"], purpose.body["channel"]
        label = labels.get(language, next(iter(labels.values())))["label"]
        state = states.get((purpose.key, channel))
        is_given = state is not None and state.state == "given" and not _is_over(state, mark)
        choices.append(Choice(purpose.key, channel, label, is_given, state.since if state else None))
    return choices


def _is_over(state: ConsentState, mark: ConsentMark | None) -> bool:
    """An objection since ended it, without a word on this purpose."""
    if mark is None:
        return False
    ended = mark.objected_at if state.purpose == PROFILING else mark.stopped_at
    return ended is not None and state.since <= ended


def _spoken(policy: PolicyVersion, language: str) -> str:
    """The language the policy is shown in."""
    return language if language in policy.body["languages"] else str(next(iter(policy.body["languages"])))
