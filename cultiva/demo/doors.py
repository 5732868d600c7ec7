"""People of the demo at the product's own doors: the form, the links in mails, the site."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cultiva.capture.actions import Outcome, RequestFacts, submit_form
from cultiva.capture.forms import POLICY, TRAP, purpose_name, show_form
from cultiva.consent.actions import confirm, confirmation_token
from cultiva.consent.models import Confirmation
from cultiva.demo.consents import BROWSER, CALLS, MAIL
from cultiva.demo.past import FORM, SITE, form_answers
from cultiva.demo.people import Person
from cultiva.magnets.actions import download_link, take_download
from cultiva.magnets.models import Grant

FILLING_IN = timedelta(seconds=48)


def fill_in_form(
    *,
    workspace_id: int,
    person: Person,
    wants: Mapping[str, bool],
    page_url: str,
    campaign: Mapping[str, str],
    ip: str,
    at: datetime,
) -> Outcome:
    """Somebody asks for the guide. `wants`: {purpose: whether its box is ticked}."""
    shown = show_form(workspace_id=workspace_id, key=FORM, languages=[person.language], at=at - FILLING_IN)
    assert shown is not None
    boxes = {purpose_name(purpose): wants.get(purpose.key, False) for purpose in shown.purposes}
    return submit_form(
        workspace_id=workspace_id,
        form=shown,
        cleaned={**form_answers(person), POLICY: True, TRAP: "", **boxes},
        request_facts=RequestFacts(
            page_url=page_url, referrer=f"{SITE}/guia", ip=ip, user_agent=BROWSER, campaign=campaign
        ),
        token=shown.token,
        at=at,
    )


def ticks(*, mail: bool, calls: bool) -> dict[str, bool]:
    return {MAIL: mail, CALLS: calls}


def follow_confirmation(*, workspace_id: int, lead_id: int, ip: str, at: datetime) -> None:
    """They press the button in the newest confirmation mail that is still good."""
    asked = Confirmation.objects.filter(
        workspace_id=workspace_id, lead_id=lead_id, confirmed_at=None, expires_at__gte=at
    )
    if newest := asked.order_by("-id").first():
        confirm(token=confirmation_token(newest), at=at, ip=ip, user_agent=BROWSER)


def download_guide(*, workspace_id: int, lead_id: int, at: datetime) -> None:
    grant = Grant.objects.filter(workspace_id=workspace_id, lead_id=lead_id).order_by("id").first()
    if grant:
        take_download(token=download_link(grant, at).rpartition("/")[2], at=at, actor="human")
