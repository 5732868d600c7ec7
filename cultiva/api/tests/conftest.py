"""A program with a key, calling the API of Huerta; and one of Other Co."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

import cultiva.demo
from cultiva.accounts.api_keys import create_api_key
from cultiva.demo.documents import publish_folder
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
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        address = path if path.startswith("/api") else f"/api/v1{path}"
        self.last = self.client.generic(method, address, data, content_type=content_type, headers=named)
        return self.last.status_code, orjson.loads(self.last.content)

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
    publish_folder(workspace_id=huerta.id, folder=Path(cultiva.demo.__file__).parent / "documents", at=at)
    return huerta
