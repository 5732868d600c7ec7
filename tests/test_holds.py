"""Every table that names a lead says what a merge makes of it."""

from collections import Counter

import pytest
from django.conf import settings

from cultiva.lib.database import fetch_all
from cultiva.lib.holds import holds, move, recorded

# Foreign keys to `lead`, and columns that by their name hold a lead's or a visitor's id; partitions aside.
NAMING = """
SELECT c.conrelid::regclass::text AS name, a.attname::text AS column
  FROM pg_constraint c
  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
 WHERE c.contype = 'f' AND c.confrelid = 'lead'::regclass AND a.attname <> 'workspace_id'
 UNION
SELECT t.relname::text, a.attname::text
  FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped
 WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
   AND a.attname IN ('lead_id', 'visitor', 'visitor_id')
 ORDER BY 1, 2
"""


@pytest.mark.django_db
def test_every_column_that_names_a_lead_is_held_once() -> None:
    held = Counter((hold.table, hold.column) for hold in holds())
    assert [each for each, times in held.items() if times > 1] == []
    named = {(row["name"], row["column"]) for row in fetch_all(NAMING)}
    assert len(named) > 15
    assert named - held.keys() == set(), "say in the room's holds.py what a merge of two leads makes of these"


@pytest.mark.django_db
def test_every_hold_names_a_table_with_its_key() -> None:
    for hold in holds():
        fetch_all(f"SELECT {hold.column}, {hold.key}, workspace_id FROM {hold.table} WHERE workspace_id = 0")


def test_rooms_are_listed_from_the_lowest_floor_up() -> None:
    floors = [name.removeprefix("cultiva.").removesuffix(".holds") for name in settings.HOLDS]
    installed = [name.removeprefix("cultiva.") for name in settings.INSTALLED_APPS if name.startswith("cultiva.")]
    assert sorted(floors, key=installed.index) == floors


@pytest.mark.django_db
def test_what_a_merge_may_change_the_application_may_change() -> None:
    rights = "SELECT has_table_privilege('cultiva_app', %s, 'UPDATE') AS may"
    assert all(fetch_all(rights, [table])[0]["may"] for table in recorded())
    assert any(hold.merge is move for hold in holds())
