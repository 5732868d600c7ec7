"""Pages of leads by the API, 100,000 leads, server time: p95 below 50 ms for 50 leads (LEADS=1000000 for more).

Its leads share their names, so that its search is a hard one: one of its words is in every row.
"""

import os
import time
from datetime import UTC, datetime
from typing import Any

from bench import Result

LIMIT_MS = 50
LEADS = int(os.environ.get("LEADS", "100000"))
ROUNDS = 60
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PAGES = [
    "limit=50", "limit=50&sort=score", "limit=50&sort=seen", "limit=50&search=perez+777", "limit=50&temperature=hot",
    "limit=50&email=777@x.example", "limit=50&created_since=2026-03-10T00:00:00Z",
]  # fmt: skip
FILL = [
    """INSERT INTO lead (workspace_id, email, email_key, external_id, attributes, language, source_kind, created_at,
                         search_text)
       SELECT %(workspace)s, n || '@x.example', n || '@x.example', n,
              jsonb_build_object('first_name', 'Ana', 'last_name', 'Pérez ' || n, 'employees', n %% 500),
              'es', 'import', %(at)s - n * interval '7 s', 'ana perez ' || n || ' ' || n || '@x.example'
         FROM generate_series(1, %(leads)s) n""",
    """INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle, score, temperature, last_seen_at)
       SELECT workspace_id, id, 'lead', created_at, 1, id %% 1000 / 10.0,
              CASE WHEN id %% 10 = 0 THEN 'hot' ELSE 'cold' END, created_at
         FROM lead WHERE workspace_id = %(workspace)s""",
    """INSERT INTO consent_mark (workspace_id, lead_id, valid_since, profiled_since)
       SELECT workspace_id, id, created_at, created_at FROM lead WHERE workspace_id = %(workspace)s""",
    """INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
       SELECT workspace_id, gen_random_uuid(), id, created_at FROM lead WHERE workspace_id = %(workspace)s""",
    "SELECT analyze_history()",
]


def measure() -> list[Result]:
    ask = prepare()
    results = []
    for page in PAGES:
        milliseconds = sorted(timed(ask, page) for _ in range(ROUNDS))
        half, most = milliseconds[ROUNDS // 2], milliseconds[ROUNDS * 95 // 100]
        shown = f"p50 {half:.1f} ms, p95 {most:.1f} ms"
        results.append(Result(f"GET /leads?{page}, {LEADS:,} leads", shown, f"p95 < {LIMIT_MS} ms", most < LIMIT_MS))
    return results


def timed(ask: Any, page: str) -> float:
    began = time.perf_counter()
    ask(page)
    return (time.perf_counter() - began) * 1000


def prepare() -> Any:
    from tests.database import use_own_database

    use_own_database()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from cultiva.accounts.actions import create_workspace
    from cultiva.accounts.api_keys import create_api_key
    from cultiva.lib.database import execute, workspace_scope

    call_command("migrate", database="owner", verbosity=0)
    workspace = create_workspace(name="Bench", at=AT)
    with workspace_scope(workspace.id):
        _key, secret = create_api_key(
            workspace_id=workspace.id, name="bench", scopes=["*"], by="bench", requests_per_minute=100_000, at=AT
        )
        for statement in FILL:
            execute(statement, {"workspace": workspace.id, "at": AT, "leads": LEADS})
    client = Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="127.0.0.1")
    cursors: dict[str, str | None] = {}

    def ask(page: str) -> None:
        """Page after page, each going on where the one before ended."""
        cursor = cursors.pop(page, None)
        answer = client.get(f"/api/v1/leads?{page}" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.content
        cursors[page] = answer.json()["next_cursor"]

    return ask
