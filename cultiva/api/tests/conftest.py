"""A program with a key, calling the API of Huerta; and one of Other Co."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from cultiva.accounts.api_keys import create_api_key
from cultiva.consent.actions import record_consents
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.sources import create_source
from cultiva.flow import process_workspace
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope


class Program:
    """A caller with a key. `ask` returns (status, body) and keeps the whole answer as `last`."""

    def __init__(self, workspace: Any, at: datetime, **more: Any) -> None:
        given: dict[str, Any] = {"name": "CRM", "scopes": ["*"], "by": "user:1", "requests_per_minute": 100_000} | more
        with workspace_scope(workspace.id):
            self.key, self.secret = create_api_key(workspace_id=workspace.id, at=at, **given)
        self.client = Client()
        self.last: Any = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """`body`: bytes as they are, anything else as JSON. Headers with _ for -."""
        named = {"Authorization": f"Bearer {self.secret}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        content_type = named.pop("Content-Type", "application/json")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        address = path if path.startswith("/api") else f"/api/v1{path}"
        self.last = self.client.generic(method, address, data, content_type=content_type, headers=named)
        return self.last.status_code, {} if self.last.streaming else orjson.loads(self.last.content)

    def take(self, path: str) -> Any:
        """A file, which must be there."""
        assert self.ask("GET", path) == (200, {})
        return self.last

    def get(self, path: str, **headers: str) -> Any:
        """The body of an answer that must be 200."""
        status, body = self.ask("GET", path, **headers)
        assert status == 200, body
        return body


@pytest.fixture
def program(huerta: Any, at: datetime) -> Program:
    return Program(huerta, at)


@pytest.fixture
def programs(at: datetime) -> Callable[..., Program]:
    return lambda workspace, **more: Program(workspace, at, **more)


@pytest.fixture
def furnished(huerta: Any, at: datetime) -> Any:
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    return huerta


@pytest.fixture
def ana(furnished: Any, at: datetime) -> Lead:
    """A valid, scored lead of Huerta with a browser of her own, a company and a source that her visits came by."""
    workspace_id = furnished.id
    lead, _ = save_lead(
        workspace_id=workspace_id, email="ana@huertos.example", phone="+34600111222", external_id="crm-1",
        language="es", source_kind="form", at=at,
        attributes={"first_name": "Ana", "last_name": "Peña", "employees": 120, "company": "Huertos SL"},
    )  # fmt: skip
    policy = PolicyVersion.currents(workspace_id).get()
    record_consents(
        workspace_id=workspace_id, lead_id=lead.id, policy=policy, purposes=list(PurposeVersion.currents(workspace_id)),
        language="es", circumstances=Circumstances(form="guia-riego"), at=at,
    )  # fmt: skip
    source, _ = create_source(workspace_id=workspace_id, key="web", name="Web", at=at)
    visitor = visitor_of(workspace_id=workspace_id, source_id=source.id, anonymous_id="a1")
    link_visitor(workspace_id=workspace_id, visitor=visitor, lead_id=lead.id, at=at)
    visits = [
        NewEvent(
            kind="page", message_id=f"p{n}", occurred_at=at - timedelta(hours=n), visitor=visitor, source_id=source.id,
            properties={"path": "/precios", "n": n},
        )
        for n in range(5)
    ]  # fmt: skip
    record_events(workspace_id=workspace_id, events=visits, received_at=at)
    process_workspace(workspace_id=workspace_id, at=at)
    save_lead(
        workspace_id=workspace_id, external_id="crm-1", attributes={"employees": "many"}, source_kind="form", at=at
    )
    process_workspace(workspace_id=workspace_id, at=at)
    return Lead.objects.get(id=lead.id)
