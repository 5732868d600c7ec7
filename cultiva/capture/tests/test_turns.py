"""What the worker makes of an import that stops in the middle."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError

from cultiva.capture.imports import turns
from cultiva.capture.imports.running import start
from cultiva.capture.models import Import
from cultiva.capture.tests.conftest import Ready


@pytest.mark.parametrize(("error", "state"), [(OperationalError("server closed"), "running"), (KeyError("x"), "failed"),
                                              (ZeroDivisionError(), "failed")])  # fmt: skip
def test_a_database_that_is_away_fails_no_import(
    lawful: Any, ready: Ready, at: datetime, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    run = start(run=ready("email\nana@x.example\n"), at=at, actor="test")

    def broken(**_: Any) -> None:
        raise error

    monkeypatch.setattr(turns, "go_on", broken)
    with suppress(type(error)):
        turns.take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False)
    assert Import.objects.get(id=run.id).state == state
    monkeypatch.undo()
    if state == "running":
        turns.take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False)
        assert Import.objects.get(id=run.id).state == "done"
