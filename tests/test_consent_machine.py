"""Give, withdraw, import, merge and erase, in any order: nobody is contacted after they withdrew or were erased, but by
their own newer tick and proof."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cultiva.consent.actions import (
    can_contact,
    confirm,
    confirmation_token,
    publish_policy,
    publish_purpose,
    record_consents,
    request_confirmation,
    withdraw,
)
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import Confirmation, PolicyVersion, PurposeVersion
from cultiva.consent.preferences import Wishes
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.consent.tests.test_histories import bring_in
from cultiva.consent.verifying import verify_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.merging import merge_leads, undo_merge
from cultiva.leads.models import Lead, Merge
from cultiva.leads.tests.undone import Undone
from cultiva.lib.signing import ExpiredLink
from cultiva.privacy.centre import open_centre, save_choices, stop_everything
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.requests import receive_request

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = st.integers(0, 2)
NO, TICK, PROOF = "no", "tick", "proof"
_number = count(1)


class Consents(RuleBasedStateMachine):
    """Three addresses and what was said by each; what one record says while two are merged, both have said."""

    workspace: ClassVar[Any]
    policy: ClassVar[PolicyVersion]
    marketing: ClassVar[PurposeVersion]

    def __init__(self) -> None:
        super().__init__()
        self.undone = Undone()
        self.undone.__enter__()
        self.now = START
        self.addresses = [f"m{next(_number)}@example.com" for _ in range(3)]
        self.said: list[list[tuple[datetime, str]]] = [[], [], []]
        self.leads: list[int | None] = [self.send(who) for who in range(3)]
        self.merges: list[Merge] = []
        self.erased: list[int] = []

    def teardown(self) -> None:
        try:
            assert verify_workspace(workspace_id=self.workspace.id).is_whole
        finally:
            self.undone.__exit__(None, None, None)

    # What the rules are made of

    def send(self, who: int) -> int:
        lead, _ = save_lead(
            workspace_id=self.workspace.id, email=self.addresses[who], attributes={}, language="es",
            source_kind="form", at=self.now,
        )  # fmt: skip
        return lead.id

    def lead_of(self, who: int) -> int | None:
        found = self.leads[who]
        return current_lead_id(self.workspace.id, found) if found else None

    def together(self, lead_id: int) -> list[int]:
        return [who for who in range(3) if self.lead_of(who) == lead_id]

    def note(self, lead_id: int, what: str) -> None:
        for who in self.together(lead_id):
            self.said[who].append((self.now, what))

    def pass_time(self) -> None:
        self.now += HOUR

    # Rules

    @rule(who=PEOPLE)
    def tick(self, who: int) -> None:
        self.pass_time()
        self.leads[who] = self.leads[who] or self.send(who)
        lead_id = self.lead_of(who)
        assert lead_id
        record_consents(
            workspace_id=self.workspace.id, lead_id=lead_id, policy=self.policy, purposes=[self.marketing],
            language="es", circumstances=Circumstances(form="guia"), at=self.now,
        )  # fmt: skip
        self.note(lead_id, TICK)
        request_confirmation(workspace_id=self.workspace.id, lead_id=lead_id, at=self.now)

    @rule(who=PEOPLE)
    def tick_on_their_page(self, who: int) -> None:
        self.pass_time()
        if (lead_id := self.lead_of(who)) is None:
            return
        centre = open_centre(workspace_id=self.workspace.id, lead_id=lead_id, language="es", at=self.now)
        assert centre
        was_given = any(choice.is_given for choice in centre.choices)
        save_choices(
            workspace_id=self.workspace.id, lead_id=lead_id, ticked=["marketing"], wishes=Wishes(), language="es",
            shown_in="es", circumstances=Circumstances(), at=self.now,
        )  # fmt: skip
        if not was_given:
            self.note(lead_id, TICK)

    @rule(who=PEOPLE)
    def confirm(self, who: int) -> None:
        self.pass_time()
        if (lead_id := self.lead_of(who)) is None:
            return
        if asked := Confirmation.objects.filter(lead_id=lead_id, confirmed_at=None).order_by("-id").first():
            with suppress(ExpiredLink):
                confirm(token=confirmation_token(asked), at=self.now)
                self.note(lead_id, PROOF)

    @rule(who=PEOPLE, how=st.sampled_from(["withdraw", "stop", "object"]))
    def say_no(self, who: int, how: str) -> None:
        self.pass_time()
        if (lead_id := self.lead_of(who)) is None:
            return
        given: dict[str, Any] = {"workspace_id": self.workspace.id, "lead_id": lead_id, "at": self.now}
        if how == "withdraw":
            withdraw(purpose="marketing", channel="email", **given)
        elif how == "stop":
            stop_everything(circumstances=Circumstances(action="button"), **given)
        else:
            receive_request(kind="objection", way="phone", by="user:1", **given)
        self.note(lead_id, NO)

    @rule(who=PEOPLE)
    def bring_in_by_a_file(self, who: int) -> None:
        self.pass_time()
        found = Lead.objects.filter(id=self.lead_of(who) or 0).exclude(email_key=None).first()
        if found:
            bring_in(found, self.now)

    @rule(kept=PEOPLE, merged=PEOPLE)
    def merge(self, kept: int, merged: int) -> None:
        self.pass_time()
        ours, theirs = self.lead_of(kept), self.lead_of(merged)
        if ours and theirs and ours != theirs:
            self.merges.append(merge_leads(
                workspace_id=self.workspace.id, kept_id=ours, merged_id=theirs, at=self.now, by="user:1", force=True
            ))  # fmt: skip

    @rule()
    def part(self) -> None:
        self.pass_time()
        if self.merges:
            undo_merge(workspace_id=self.workspace.id, merge_id=self.merges.pop().id, at=self.now, by="user:1")

    @rule(who=PEOPLE)
    def erase(self, who: int) -> None:
        self.pass_time()
        if (lead_id := self.lead_of(who)) is None:
            return
        self.note(lead_id, NO)
        erase_person(workspace_id=self.workspace.id, lead_id=lead_id, at=self.now, by="user:1")
        for each in self.together(lead_id):
            self.leads[each] = None
        self.erased.append(lead_id)
        self.merges = [each for each in self.merges if current_lead_id(self.workspace.id, each.kept_id) != lead_id]

    # What always holds

    @invariant()
    def nobody_is_contacted_against_their_will(self) -> None:
        present = {lead_id for who in range(3) if (lead_id := self.lead_of(who))}
        decided = can_contact(
            workspace_id=self.workspace.id, lead_ids=[*present, *self.erased], purpose="marketing", channel="email",
            at=self.now,
        )  # fmt: skip
        for lead_id in present:
            said = sorted(act for who in self.together(lead_id) for act in self.said[who])
            assert not decided[lead_id].allowed or self.may_be(said), said
        for lead_id in self.erased:
            assert decided[lead_id].reason == "erased"

    @staticmethod
    def may_be(said: list[tuple[datetime, str]]) -> bool:
        """They never said no, or have ticked since, and proven their address after that."""
        last_no = max((at for at, what in said if what == NO), default=None)
        if last_no is None:
            return True
        ticks = [at for at, what in said if what == TICK and at > last_no]
        return bool(ticks) and any(what == PROOF and at >= min(ticks) for at, what in said)


def run(huerta: Any, at: datetime, *, examples: int, steps: int, derandomize: bool) -> None:
    Consents.workspace = huerta
    Consents.policy = publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    Consents.marketing = publish_purpose(workspace_id=huerta.id, text=MARKETING, at=at)
    run_state_machine_as_test(
        Consents,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, derandomize=derandomize, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_nobody_is_contacted_against_their_will_in_any_order(huerta: Any, at: datetime) -> None:
    run(huerta, at, examples=12, steps=12, derandomize=True)


@pytest.mark.slow
def test_nobody_is_contacted_against_their_will_in_many_orders(huerta: Any, at: datetime) -> None:
    run(huerta, at, examples=150, steps=25, derandomize=False)
