"""What tests of imports begin with: Huerta with its policy and purposes, and a file taken through every step."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role, User
from cultiva.capture.imports.mapping import Column
from cultiva.capture.imports.running import (
    create_import,
    go_on,
    prepare,
    rehearse,
    set_document,
    start,
    suggest_plan,
)
from cultiva.capture.models import Import
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.tests.committed import committed_workspace
from cultiva.consent.tests.documents import MARKETING, PHONE, POLICY
from cultiva.lib.database import workspace_scope


@pytest.fixture
def lawful(huerta: Any, at: datetime) -> Any:
    """Huerta with its policy and two purposes."""
    publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    for text in (MARKETING, PHONE):
        publish_purpose(workspace_id=huerta.id, text=text, at=at)
    return huerta


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Any]:
    """A workspace that other connections see: lanes have their own."""
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        with workspace_scope(workspace.id):
            publish_policy(workspace_id=workspace.id, text=POLICY, at=at)
            publish_purpose(workspace_id=workspace.id, text=MARKETING, at=at)
        yield workspace


@pytest.fixture
def olga(huerta: Any, at: datetime) -> User:
    user = create_user(email="olga@huerta.example", full_name="Olga Ruiz", language="en", at=at)
    grant_role(workspace_id=huerta.id, user=user, role=Role.OWNER, at=at)
    return user


Ready = Callable[..., Import]


@pytest.fixture
def ready(lawful: Any, olga: User, at: datetime) -> Ready:
    """ready(content, basis=…): a file uploaded and mapped."""

    def ready(
        content: bytes | str, *, basis: str = "none", kind: str = "leads", name: str = "people.csv",
        columns: dict[str, Column] | None = None, when: datetime | None = None, **more: Any,
    ) -> Import:  # fmt: skip
        raw = content.encode() if isinstance(content, str) else content
        run = create_import(
            workspace_id=lawful.id, kind=kind, name=name, file=io.BytesIO(raw), at=when or at, created_by=olga
        )
        plan = suggest_plan(run=run, language="es", time_zone="Europe/Madrid")
        plan = replace(plan, columns=plan.columns | (columns or {}), **more)
        if basis == "declared":
            set_document(run=run, name="declaration.pdf", file=io.BytesIO(b"%PDF signed"))
        return prepare(
            run=run, plan=plan, basis=basis if kind == "leads" else "",
            declared_by=olga if basis == "declared" else None,
        )  # fmt: skip

    return ready


@pytest.fixture
def bring_in(ready: Ready, at: datetime) -> Ready:
    """bring_in(content, basis=…): … and rehearsed and run; what the rehearsal said is in `rehearsal`."""

    def bring_in(content: bytes | str, *, when: datetime | None = None, **more: Any) -> Import:
        run = ready(content, when=when, **more)
        rehearse(run=run, at=when or at)
        run = start(run=run, at=when or at, actor="test")
        return go_on(run=run, now=lambda: when or at)

    return bring_in
