from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cultiva.consent.actions import (
    confirm,
    confirmation_token,
    publish_policy,
    publish_purpose,
    record_consents,
    request_confirmation,
)
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import Confirmation, PolicyVersion, PurposeVersion
from cultiva.consent.tests.documents import MARKETING, PHONE, POLICY, PROFILING
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead

FORM = Circumstances(
    form="guia",
    form_version=3,
    page_url="https://huerta.example/f/huerta/guia",
    referrer="https://search.example/",
    ip="203.0.113.9",
    user_agent="Mozilla/5.0",
    session_sha256="5" * 64,
    rendered_html_sha256="7" * 64,
)


@pytest.fixture
def policy(huerta: Any, at: datetime) -> PolicyVersion:
    return publish_policy(workspace_id=huerta.id, text=POLICY, at=at)


@pytest.fixture
def purposes(huerta: Any, at: datetime) -> dict[str, PurposeVersion]:
    published = [publish_purpose(workspace_id=huerta.id, text=text, at=at) for text in (MARKETING, PHONE, PROFILING)]
    return {purpose.key: purpose for purpose in published}


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@example.com", attributes={}, language="es", source_kind="form", at=at
    )
    return lead


@pytest.fixture
def accept(policy: PolicyVersion, purposes: dict[str, PurposeVersion]) -> Callable[..., Any]:
    """accept(lead, at, *ticked): the lead sends a form with these boxes ticked."""

    def accept(lead: Lead, at: datetime, *ticked: str, under: PolicyVersion = policy) -> Any:
        return record_consents(
            workspace_id=lead.workspace_id,
            lead_id=lead.id,
            policy=under,
            purposes=[purposes[key] for key in ticked],
            language="es",
            circumstances=FORM,
            at=at,
        )

    return accept


def ask(lead: Lead, at: datetime) -> Confirmation | None:
    return request_confirmation(workspace_id=lead.workspace_id, lead_id=lead.id, form="guia", at=at)


def prove(lead: Lead, at: datetime) -> Any:
    """The lead asks for a confirmation and follows it."""
    confirmation = ask(lead, at)
    assert confirmation
    return confirm(token=confirmation_token(confirmation), at=at, ip="203.0.113.9", user_agent="Mozilla/5.0")
