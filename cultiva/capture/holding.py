"""What was held back because a program seems to have sent it: looked at by a person, let in or refused."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.utils import translation
from django.utils.datastructures import MultiValueDict

from cultiva.accounts.models import Workspace
from cultiva.capture.actions import Outcome, RequestFacts, submit_form
from cultiva.capture.forms import CaptureForm, Shown, purpose_name, read_static_token, read_token
from cultiva.capture.guarding import KEEP_HELD, suspicion
from cultiva.capture.models import HeldSubmission
from cultiva.consent.models import ConsentState
from cultiva.leads.actions import BadAddress, find_lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink

log = logging.getLogger(__name__)

Json = dict[str, Any]

WAITING, LET_IN, REFUSED = "waiting", "let_in", "refused"


class CannotLetIn(ValueError):
    """What was held is not whole: an answer that the form does not take, or a file, which is not kept."""


def take_submission(
    *,
    workspace_id: int,
    form: Shown,
    cleaned: Mapping[str, Any],
    posted: Mapping[str, Sequence[str]],
    request_facts: RequestFacts,
    token: str,
    at: datetime,
) -> Outcome:
    """What a door does with a valid form: submit it, or hold it where a program seems to have sent it.

    `posted`: {name: values} as they came. `token`: the render token, or the static one.
    """
    said = {name: values[0] for name, values in posted.items() if values}
    if reason := suspicion(form, said, at):
        log.info("event=form.suspected workspace=%d form=%s reason=%s", workspace_id, form.form.key, reason)
        with workspace_scope(workspace_id):
            HeldSubmission.objects.create(
                workspace_id=workspace_id, form=form.form, reason=reason, token=token,
                posted={name: list(values) for name, values in posted.items()}, facts=asdict(request_facts),
                received_at=at,
            )  # fmt: skip
        return Outcome()
    return submit_form(
        workspace_id=workspace_id, form=form, cleaned=cleaned, request_facts=request_facts, token=form.token, at=at
    )


def let_in(*, workspace_id: int, held_id: int, at: datetime) -> Outcome:
    """It was a person after all: as if it had been believed, with what they were shown. What they withdrew since
    stays withdrawn. Raises CannotLetIn."""
    with workspace_scope(workspace_id):
        held = HeldSubmission.objects.select_for_update().get(workspace_id=workspace_id, id=held_id)
        if held.state != WAITING:
            return Outcome()
        shown = _shown(held)
        with translation.override(shown.language):
            form = CaptureForm(shown, MultiValueDict(held.posted))
            if not form.is_valid():
                raise CannotLetIn("; ".join(f"{name}: {errors[0]}" for name, errors in form.errors.items()))
        sent_at = held.received_at.astimezone(UTC).isoformat(timespec="milliseconds")
        outcome = submit_form(
            workspace_id=workspace_id,
            form=shown,
            cleaned=form.cleaned_data | _withdrawn_since(held, shown, form.cleaned_data),
            request_facts=RequestFacts(**(held.facts | {"sent_at": sent_at})),
            token=shown.token,
            at=at,
        )
        held.state = LET_IN
        held.save(update_fields=["state"])
        return outcome


def refuse_held(*, workspace_id: int, held_ids: Sequence[int]) -> int:
    """No person sent these: what they said is forgotten at once, that they came is kept for the figures."""
    with workspace_scope(workspace_id):
        found = HeldSubmission.objects.filter(workspace_id=workspace_id, id__in=held_ids, state=WAITING)
        return found.update(state=REFUSED, posted={}, facts={}, token="")


def forget_held(*, workspace_id: int, at: datetime) -> int:
    with workspace_scope(workspace_id):
        old = HeldSubmission.objects.filter(workspace_id=workspace_id, received_at__lt=at - KEEP_HELD)
        return old.delete()[0]


def _shown(held: HeldSubmission) -> Shown:
    """What they had before them, whenever that was. Raises CannotLetIn."""
    slug = Workspace.objects.get(id=held.workspace_id).slug
    try:
        return read_token(workspace=slug, key=held.form.key, token=held.token, at=held.received_at)
    except BadLink:
        try:
            return read_static_token(workspace=slug, key=held.form.key, token=held.token)
        except BadLink as error:
            raise CannotLetIn("What was shown cannot be told any more.") from error


def _withdrawn_since(held: HeldSubmission, shown: Shown, cleaned: Mapping[str, Any]) -> Json:
    """{box: False} of the purposes that the same person has withdrawn after they sent this."""
    try:
        lead = find_lead(
            workspace_id=held.workspace_id, email=cleaned.get("email") or "", phone=cleaned.get("phone") or ""
        )
    except (BadAddress, ValueError):
        lead = None
    if lead is None:
        return {}
    withdrawn = ConsentState.objects.filter(
        workspace_id=held.workspace_id, lead_id=lead.id, state="withdrawn", since__gte=held.received_at
    ).values_list("purpose", flat=True)
    return {purpose_name(purpose): False for purpose in shown.purposes if purpose.key in set(withdrawn)}
