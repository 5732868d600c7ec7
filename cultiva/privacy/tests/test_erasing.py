"""Erasing one person: nothing of them is left, and the proof still holds."""

from datetime import datetime, timedelta
from pathlib import Path

from cultiva.consent.sealing import seal_chains
from cultiva.consent.verifying import verify_workspace
from cultiva.events.models import Delivery
from cultiva.lib.database import fetch_all
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.tests.conftest import EMAIL, OLD_EMAIL, PHONE, Cast, settle

DAY = timedelta(days=1)
WORDS = (EMAIL.lower(), OLD_EMAIL, PHONE, "600111222", "600 111 222", "ana ruiz", "anita")

COLUMNS = """
SELECT c.table_name AS name, c.column_name AS column, c.udt_name AS type
  FROM information_schema.columns c
  JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace
 WHERE c.table_schema = 'public' AND k.relkind IN ('r', 'p') AND NOT k.relispartition
   AND c.udt_name IN ('text', 'varchar', 'json', 'jsonb', '_text', '_varchar', 'bytea')
   AND has_table_privilege(k.oid, 'SELECT')
 ORDER BY 1, 2
"""


def places_with(words: tuple[str, ...]) -> dict[str, int]:
    """{table.column: rows} of the whole database in which one of the words occurs."""
    found = {}
    for column in fetch_all(COLUMNS):
        name = column["column"]
        text = f"encode(\"{name}\", 'escape')" if column["type"] == "bytea" else f'"{name}"::text'
        condition = " OR ".join(f"lower({text}) LIKE %s" for _ in words)
        count = fetch_all(
            f"SELECT count(*) AS n FROM {column['name']} WHERE {condition}", [f"%{word}%" for word in words]
        )[0]["n"]
        if count:
            found[f"{column['name']}.{name}"] = count
    return found


def test_no_column_of_any_table_holds_the_person_any_more(cast: Cast, data: Path, at: datetime) -> None:
    now = at + DAY
    seal_chains(workspace_id=cast.workspace.id, at=at, real_now=at)
    before = places_with(WORDS)
    assert len(before) > 25, before
    others = places_with(("luis",))
    erase_person(workspace_id=cast.workspace.id, lead_id=cast.before.id, at=now, by="user:1")
    settle(cast.workspace, now)
    assert places_with(WORDS) == {}
    # of the shop's two deliveries, whose bodies are encrypted, the other's stays
    assert [each.delivery_id for each in Delivery.objects.all()] == ["2"]
    assert {name: rows for name, rows in others.items() if places_with(("luis",)).get(name) != rows} == {}
    report = verify_workspace(workspace_id=cast.workspace.id)
    assert report.is_whole, report.findings
    assert report.emptied > 5
