"""Who was erased and comes back by a form: a new person, contacted only by what they agree to from then on."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.consent.actions import can_contact
from cultiva.consent.deciding import address_hash
from cultiva.consent.models import Suppression
from cultiva.consent.tests.conftest import prove
from cultiva.leads.models import Lead
from cultiva.privacy.erasing import erase_person
from cultiva.public.tests.conftest import ANSWERS, Visitor

EMAIL = ANSWERS["email"]
MINUTE = timedelta(minutes=1)


def reason(lead: Lead, at: datetime) -> str:
    asked = can_contact(
        workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
    )  # fmt: skip
    return asked[lead.id].reason


def test_who_was_erased_and_sends_a_form_is_a_new_person_whose_own_consent_counts(
    visitor: Visitor, huerta: Any
) -> None:
    visitor.send(purpose__marketing="on")
    old = Lead.objects.get(workspace_id=huerta.id)
    prove(old, visitor.watch.now)
    erase_person(workspace_id=huerta.id, lead_id=old.id, at=visitor.watch.now, by="user:1")
    visitor.watch.pass_time(days=1)
    visitor.send()
    new = Lead.objects.get(workspace_id=huerta.id, email=EMAIL)
    assert new.id != old.id
    assert (reason(old, visitor.watch.now), reason(new, visitor.watch.now)) == ("erased", "erased")
    visitor.watch.pass_time(minutes=20)
    visitor.send(purpose__marketing="on")
    assert Lead.objects.filter(workspace_id=huerta.id, email=EMAIL).get() == new
    assert reason(new, visitor.watch.now) == "unconfirmed"
    prove(new, visitor.watch.now + MINUTE)
    assert reason(new, visitor.watch.now + 2 * MINUTE) == ""
    assert reason(old, visitor.watch.now + 2 * MINUTE) == "erased"


@pytest.mark.parametrize("before", ["known", "suppressed", "erased"])
def test_a_form_answers_whoever_we_know_suppress_or_erased_as_it_answers_a_stranger(
    visitor: Visitor, huerta: Any, before: str
) -> None:
    shown = []
    for turn in range(2):
        answer = visitor.send()
        page = visitor.client.get(answer["Location"])
        headers = {name: value for name, value in page.items() if name != "Content-Security-Policy"}
        body = re.sub(r"/d/[\w.-]+", "", page.content.decode())
        shown.append((answer.status_code, answer["Location"].rpartition("/")[0], page.status_code, headers, body))
        if turn == 0 and before == "suppressed":
            Suppression.objects.create(
                workspace_id=huerta.id, address_hash=address_hash(EMAIL), reason="complaint",
                created_at=visitor.watch.now,
            )  # fmt: skip
        if turn == 0 and before == "erased":
            lead = Lead.objects.get(workspace_id=huerta.id)
            erase_person(workspace_id=huerta.id, lead_id=lead.id, at=visitor.watch.now, by="user:1")
        visitor.watch.pass_time(minutes=20)
    assert shown[0] == shown[1]
