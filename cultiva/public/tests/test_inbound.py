"""The door of inbound connectors has limits."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from cultiva.capture.connectors.actions import create_inbound
from cultiva.capture.connectors.receiving import address_of
from cultiva.public import inbound


def test_it_limits_how_often_and_how_much_one_connector_is_told(
    huerta: Any, at: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound, "A_SECOND", 1)
    hooks = [
        create_inbound(workspace_id=huerta.id, kind="webhook", name=name, secret="s", by="user:1", at=at)
        for name in ("a", "b")
    ]
    paths = ["/" + address_of(hook).split("/", 3)[3] for hook in hooks]

    def post(path: str, body: str) -> Any:
        return client.post(path, body, content_type="application/json", headers={"X-Webhook-Secret": "s"})

    answers = [post(paths[0], "{}") for _ in range(5)]
    assert [each.status_code for each in answers[:2]] == [200, 200]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert post(paths[1], "{}").status_code == 200
    assert post(paths[1], '"' + "x" * 1024 * 1024 + '"').status_code == 413
