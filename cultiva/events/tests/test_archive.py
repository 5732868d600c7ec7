"""Closed months as files: the same rows, whole or not at all, and back."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cultiva.events import archive
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.archive import ArchiveError, archive_closed, archived_months, folder_of, ledger, restore
from cultiva.lib.database import fetch_all

JANUARY = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NASTY = ['"quoted"', "\\N", "", "a,b", "line\nbreak\r\n", "ñandú 🌱", "\\", "NULL", "'", "\u2028", "tab\t", "{}", "%s"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))
    return tmp_path


def fill(workspace: Any, *, months: int = 3, each: int = 20) -> None:
    """`each` events a month from December on, with values that hurt; the last month is the one of `at`."""
    for number in range(months * each):
        received = datetime(2025 + (11 + number // each) // 12, (11 + number // each) % 12 + 1, 1, tzinfo=UTC)
        received += timedelta(hours=7 * (number % each), microseconds=number)
        text = NASTY[number % len(NASTY)]
        event = NewEvent(
            kind="track", name=text or "track", message_id=f"m{number}",
            occurred_at=received - timedelta(seconds=number),
            visitor=uuid.uuid4() if number % 3 else None, lead_id=None if number % 3 else number, source_id=number % 2,
            properties={"text": text, text or "-": [1, 1.5, None, True, {"deep": text}]}, context={"locale": text},
        )  # fmt: skip
        record_events(workspace_id=workspace.id, events=[event], received_at=received)


def database_rows(workspace: Any) -> list[tuple[Any, ...]]:
    names = ", ".join(
        f"{name}::text" if name in ("properties", "folded", "context") else name for name in archive.COLUMNS
    )
    rows = fetch_all(f"SELECT {names} FROM event WHERE workspace_id = %s ORDER BY id", [workspace.id])
    return [tuple(row.values()) for row in rows]


def ledger_rows(workspace: Any, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    with ledger(workspace_id=workspace.id, since=since, until=until) as engine:
        return engine.sql(f"SELECT {', '.join(map(archive._name, archive.COLUMNS))} FROM ledger ORDER BY id").fetchall()


LONG_AGO, LONG_AHEAD = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def test_archive_and_database_are_one_ledger_row_for_row(huerta: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=4)
    expected = database_rows(huerta)
    assert ledger_rows(huerta, LONG_AGO, LONG_AHEAD) == expected  # nothing is archived yet
    written = archive_closed(workspace_id=huerta.id, at=at)
    assert [(m.month, m.rows) for m in written] == [("2025-12", 20), ("2026-01", 20), ("2026-02", 20)]
    assert ledger_rows(huerta, LONG_AGO, LONG_AHEAD) == expected
    received = list(archive.COLUMNS).index("received_at")
    for since, until in ((expected[5][received], expected[47][received]), (JANUARY, LONG_AHEAD)):
        part = [row for row in expected if since <= row[received] < until]
        assert part
        assert ledger_rows(huerta, since, until) == part


def test_a_month_is_closed_an_hour_after_its_end(huerta: Any, data: Path) -> None:
    fill(huerta, months=1)
    end = datetime(2026, 1, 1, tzinfo=UTC)
    assert archive_closed(workspace_id=huerta.id, at=end + timedelta(minutes=59)) == []
    assert len(archive_closed(workspace_id=huerta.id, at=end + timedelta(hours=1))) == 1


def test_only_what_is_new_is_written(huerta: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=2)
    archive_closed(workspace_id=huerta.id, at=at)
    assert archive_closed(workspace_id=huerta.id, at=at) == []
    late = NewEvent(kind="page", message_id="late", occurred_at=JANUARY)
    record_events(workspace_id=huerta.id, events=[late], received_at=JANUARY)
    assert len(ledger_rows(huerta, LONG_AGO, LONG_AHEAD)) == 41  # filled in after the archive was made
    assert [m.month for m in archive_closed(workspace_id=huerta.id, at=at)] == ["2026-01"]
    assert ledger_rows(huerta, LONG_AGO, LONG_AHEAD) == database_rows(huerta)
    assert len(list(folder_of(huerta.id, "2026-01").glob("events-*"))) == 1


def test_the_archive_holds_one_workspace_a_folder(huerta: Any, other_co: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=1)
    archive_closed(workspace_id=huerta.id, at=at)
    assert archive_closed(workspace_id=other_co.id, at=at) == []
    assert ledger_rows(other_co, LONG_AGO, LONG_AHEAD) == []
    assert archive.archived_workspaces() == sorted([huerta.id, other_co.id])


def test_a_crash_leaves_the_month_as_it_was(
    huerta: Any, data: Path, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(huerta, months=2)
    put = archive._put

    def crash(path: Path, place: Path) -> None:
        if path.name == "manifest.json":
            raise OSError("the disk is full")
        put(path, place)

    monkeypatch.setattr(archive, "_put", crash)
    with pytest.raises(OSError, match="full"):
        archive_closed(workspace_id=huerta.id, at=at)
    assert archived_months(huerta.id) == []
    monkeypatch.setattr(archive, "_put", put)
    assert len(archive_closed(workspace_id=huerta.id, at=at)) == 2
    assert ledger_rows(huerta, LONG_AGO, LONG_AHEAD) == database_rows(huerta)
    assert not list((data / "archive").glob("tmp-*"))


def test_a_file_that_was_changed_is_not_restored(huerta: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=1)
    month = archive_closed(workspace_id=huerta.id, at=at)[0]
    month.path.write_bytes(month.path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArchiveError, match="was changed since"):
        restore(workspace_id=huerta.id, at=at)
    month.path.unlink()
    with pytest.raises(ArchiveError, match="cannot be read"):
        restore(workspace_id=huerta.id, at=at)


def test_restoring_what_is_there_changes_nothing(huerta: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=2)
    archive_closed(workspace_id=huerta.id, at=at)
    before = database_rows(huerta)
    assert [m.month for m in restore(workspace_id=huerta.id, at=at, months=["2026-01"])] == ["2026-01"]
    assert database_rows(huerta) == before


@pytest.mark.parametrize(
    ("again", "says"),
    [("2026-13", "is no month"), ("2024-01", "Nothing of 2024-01"), ("2026-03", "Nothing of 2026-03")],
)
def test_a_month_that_cannot_be_archived_says_why(huerta: Any, data: Path, at: datetime, again: str, says: str) -> None:
    fill(huerta, months=4)
    with pytest.raises(ArchiveError, match=says):
        archive_closed(workspace_id=huerta.id, at=at, again=[again])


def test_a_broken_manifest_is_named(huerta: Any, data: Path, at: datetime) -> None:
    fill(huerta, months=1)
    archive_closed(workspace_id=huerta.id, at=at)
    path = folder_of(huerta.id, "2025-12") / "manifest.json"
    path.write_text(json.dumps({"workspace_id": 1}))
    with pytest.raises(ArchiveError, match="cannot be read"):
        archived_months(huerta.id)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\"\\\n,ñ", max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=st.lists(
        st.tuples(NAME, st.dictionaries(st.text("abñ\n", max_size=4), JSON, max_size=3)), min_size=1, max_size=6
    )
)
def test_any_event_survives_the_files(huerta: Any, data: Path, at: datetime, facts: list[Any]) -> None:
    moment = datetime(2025, 12, 5, tzinfo=UTC)
    events = [
        NewEvent(kind="track", name=name, message_id=str(uuid.uuid4()), occurred_at=moment, properties=properties)
        for name, properties in facts
    ]
    record_events(workspace_id=huerta.id, events=events, received_at=moment)
    archive_closed(workspace_id=huerta.id, at=at)
    assert ledger_rows(huerta, LONG_AGO, LONG_AHEAD) == database_rows(huerta)
