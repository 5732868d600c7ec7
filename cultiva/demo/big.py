"""A big demo, for benchmarks: up to millions of leads with some ten events each, written by set-wise statements.

The same company and the same kinds of facts as the small demo, with invented people of its own. It is written by the
owner of the tables in one transaction: foreign keys and secondary indexes are set aside while the rows come in and made
anew at the end, all of it or nothing. Nobody else can work meanwhile. There are no mails, submissions or workflows.
"""

# ruff: noqa: S608 (names of tables, indexes and constraints come from the catalogue)

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connections, transaction

from cultiva.accounts.models import User
from cultiva.consent.acts import act_of_accepting, act_of_giving
from cultiva.consent.evidence import Act, Circumstances, canonical_json, payload_of
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.demo import people
from cultiva.demo.consents import BROWSER, CALLS, MAIL
from cultiva.demo.past import FORM, MAGNET, SITE, Stage, title_of
from cultiva.leads.commerce import recount
from cultiva.lib.database import load_sql, workspace_scope
from cultiva.lib.folding import fold, folded_where_different
from cultiva.lifecycle.models import LifecycleVersion
from cultiva.scoring.actions import primary_model
from cultiva.scoring.compile import CompiledModel, compile_model
from cultiva.scoring.model import ScoringModel

Json = dict[str, Any]
Progress = Callable[[str], None]

SPAN = timedelta(days=450)  # about fifteen months
BIG_BEYOND = 5_000  # leads; up to here every mail and every decision is lived through
TABLES = (
    "lead", "visitor_link", "magnet_grant", "consent_evidence", "consent_evidence_payload", "consent_mark",
    "consent_state", "score", "stage_change", "lead_state", "event",
)  # fmt: skip
# JSON is left out: its statistics serve no query, and cost more than all others.
LEDGER_COLUMNS = "workspace_id, source_id, lead_id, visitor, kind, name, occurred_at, received_at, actor"
ANALYZED = (
    "lead (workspace_id, id, email, email_key, source_kind, created_at, company_id, merged_into_id)", "visitor_link",
    "magnet_grant", "consent_evidence", "consent_evidence_payload (evidence_id, workspace_id)", "consent_mark",
    "consent_state", "score (workspace_id, lead_id, model_id, total, temperature, grade, at, next_change_at)",
    "stage_change (workspace_id, lead_id, ordinal, to_stage, at)", "lead_state",
)  # fmt: skip
# {path: how often out of 50 a manager, a technician, an owner of dry land and a student look at it}
PAGES = {
    "/": (10, 4, 18, 5), "/precios": (12, 2, 4, 0), "/precios/calculadora": (5, 0, 5, 0),
    "/productos/programador-p8": (3, 11, 2, 1), "/productos/sonda-s2": (1, 8, 0, 2),
    "/productos/valvula-v4": (1, 6, 1, 1),
    "/casos": (8, 1, 2, 1), "/casos/invernadero": (5, 1, 0, 0), "/guia": (2, 5, 11, 18), "/contacto": (2, 1, 5, 0),
    "/soporte": (1, 2, 1, 0), "/empleo": (0, 0, 1, 4), "/blog/uniformidad-de-goteo": (0, 6, 0, 10),
    "/blog/tarifa-3-0td": (0, 3, 0, 8),
}  # fmt: skip


@dataclass(frozen=True)
class Saying:
    """What an act says as an event. `needs`: what of the act goes into it (evidence, amount, order, lead), if any."""

    kind: str
    name: str
    properties: Json
    source_id: int = 0
    by: str = "lead"
    actor: str = "unknown"
    needs: str = ""


def fill_big(stage: Stage, *, at: datetime, seed: int, leads: int, progress: Progress) -> None:
    """Fill an empty workspace whose documents are published. Safe to repeat after a failure: it is all or nothing."""
    Filling(stage, at, seed, leads, progress).run()


class Filling:
    """One filling of one workspace; `values` is what its statements need."""

    def __init__(self, stage: Stage, at: datetime, seed: int, leads: int, progress: Progress) -> None:
        self.stage, self.at, self.leads, self.progress = stage, at, leads, progress
        self.connection = connections["owner"]
        self.sayings = sayings_of(stage)
        with workspace_scope(stage.workspace_id):
            self.model = primary_model(stage.workspace_id)
            self.sellers = list(
                User.objects.filter(memberships__workspace_id=stage.workspace_id, memberships__role="sales")
                .order_by("id").values_list("id", flat=True)
            )  # fmt: skip
            self.lifecycle = LifecycleVersion.in_force(stage.workspace_id)
        assert self.model is not None
        self.scoring = ScoringModel.read(self.model.body)
        self.values: Json = {
            "workspace": stage.workspace_id, "at": at, "seed": seed, "leads": leads, "span": SPAN,
            "companies": max(1, leads // 3), "model": self.model.id, "magnet": MAGNET, "mail": MAIL,
            "sellers": self.sellers, "templates": evidence_templates(stage),
            "pages": [_spread(often) for often in zip(*PAGES.values(), strict=True)],
            "calls_channel": stage.texts.purposes[CALLS].body["channel"], "calls": CALLS,
            "head": json.dumps(self._head()), **words(), **self._numbers(), **self._bands(),
        }  # fmt: skip

    def run(self) -> None:
        try:
            with transaction.atomic(using="owner"):
                for setting in ("work_mem = '256MB'", "maintenance_work_mem = '512MB'", "jit = off"):
                    self._execute(f"SET LOCAL {setting}")
                self._execute(load_sql("demo", "big_chance"))
                self._make_partitions()
                with self._set_aside():
                    self._write()
                self._step("events tell of the stages", "big_stage_events")
                self._timed("statistics", lambda: self._execute(f"ANALYZE {', '.join(ANALYZED)}"))
                buyers = [row[0] for row in self._fetch(load_sql("demo", "big_buyers"))]
        finally:
            self.connection.close()
        self._timed("purchases", lambda: self._count_purchases(buyers))

    def _write(self) -> None:
        self.values["from_lead"] = self._reserve("lead", self.leads)
        self._step("people", "big_people")
        self._execute("ANALYZE big_person")
        self._step("leads", "big_leads")
        self._step("browsers", "big_links")
        self._step("guides", "big_grants")
        self.values["from_evidence"] = self._reserve("consent_evidence", 4 * self.leads)
        self._step("consents", "big_evidence")
        self._step("evidences", "big_evidence_rows")
        self._step("their personal part", "big_evidence_payloads")
        self._step("marks", "big_marks")
        self._step("wills", "big_states")
        self._execute("ANALYZE lead (workspace_id, id); ANALYZE visitor_link; ANALYZE consent_mark")
        self._step("acts", "big_acts")
        self._write_sayings()
        self._execute("ANALYZE big_act")
        for since, until in self._months():
            values = {"since": since, "until": until}
            self._step(f"events of {since:%Y-%m}", "big_events", values)
        self._step("last acts", "big_seen")
        self._execute("ANALYZE big_seen")
        self._timed("statistics of the ledger", lambda: self._execute(f"ANALYZE event ({LEDGER_COLUMNS})"))
        self._timed("scores", self._score)
        self._execute("ANALYZE score (workspace_id, lead_id, model_id, total)")
        self._step("stages", "big_changes")
        self._execute("ANALYZE stage_change (workspace_id, lead_id)")
        self._step("states", "big_lead_states")

    def _head(self) -> Json:
        assert self.lifecycle is not None
        assert self.model is not None
        return {
            "lifecycle": self.lifecycle.key, "version": self.lifecycle.version, "model": self.model.key,
            "model_version": self.model.version,
        }  # fmt: skip

    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.sayings)}

    def _bands(self) -> Json:
        temperature = self.scoring.temperature
        return {"warm": temperature and temperature.warm, "hot": temperature and temperature.hot}

    def _months(self) -> Iterator[tuple[datetime, datetime]]:
        since = (self.at - SPAN - timedelta(days=3)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while since <= self.at:
            until = (since + timedelta(days=32)).replace(day=1)
            yield since, until
            since = until

    def _make_partitions(self) -> None:
        for since, _ in self._months():
            self._execute("SELECT event_make_partition(%(month)s)", {"month": since.date()})

    def _write_sayings(self) -> None:
        self._execute(
            "CREATE TEMP TABLE big_saying (saying int PRIMARY KEY, kind text, name text, properties jsonb,"
            " folded jsonb, source_id bigint, by text, actor text, needs text) ON COMMIT DROP"
        )
        for number, each in enumerate(self.sayings.values()):
            self._execute(
                "INSERT INTO big_saying VALUES (%(n)s, %(kind)s, %(name)s, %(properties)s::jsonb, %(folded)s::jsonb,"
                " %(source)s, %(by)s, %(actor)s, %(needs)s)",
                {
                    "n": number, "kind": each.kind, "name": each.name, "properties": json.dumps(each.properties),
                    "folded": json.dumps(folded_where_different(each.properties) or None), "source": each.source_id,
                    "by": each.by, "actor": each.actor, "needs": each.needs,
                },
            )  # fmt: skip
        self._execute("UPDATE big_saying SET folded = NULL WHERE folded = 'null'; ANALYZE big_saying")

    def _score(self) -> int:
        """The product's own steps, but for the first two, which read the whole ledger at once, not lead by lead, and
        keep only events that some rule looks at.

        The model is in force since now: everybody's first score is of this instant, and no band stood before it.
        """
        assert self.model is not None
        self._execute(
            "UPDATE model_version SET published_at = %(at)s WHERE workspace_id = %(workspace)s AND id = %(model)s"
        )
        compiled = compile_model(self.scoring, timezone=self.stage.workspace.time_zone)
        touched, happened, rest = bulk_steps(compiled)
        values = {**compiled.parameters, "until": self.at}
        self._execute(f"CREATE TEMP TABLE big_touched ON COMMIT DROP AS {touched}", values)
        self._execute("ANALYZE big_touched")
        self._execute(f"CREATE TEMP TABLE big_happened ON COMMIT DROP AS {happened} LIMIT 0", values)
        found = self._fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'big_happened'::regclass AND atttypid = 'bool'::regtype"
        )
        tests = " OR ".join(row[0] for row in found)
        self._execute(f"INSERT INTO big_happened SELECT * FROM ({happened}) each WHERE {tests}", values)
        self._execute("ANALYZE big_happened")
        steps = f"WITH touched AS (TABLE big_touched), happened AS (TABLE big_happened), {rest}"
        # The statement inserts from `computed`; the steps stand before its SELECT.
        insert, select = load_sql("demo", "big_scores").split("SELECT", 1)
        return self._execute(f"{insert}{steps} SELECT{select}", values)

    def _count_purchases(self, lead_ids: Sequence[int]) -> int:
        for start in range(0, len(lead_ids), 5000):
            with workspace_scope(self.stage.workspace_id):
                recount(workspace_id=self.stage.workspace_id, lead_ids=lead_ids[start : start + 5000])
        return len(lead_ids)

    @contextmanager
    def _set_aside(self) -> Iterator[None]:
        """Without foreign keys and secondary indexes, unless others' rows make most of the tables."""
        if len(self._fetch(f"SELECT 1 FROM event LIMIT {self.leads}")) >= self.leads:
            yield
            return
        names = {"tables": list(TABLES)}
        keys = self._fetch(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid::regclass::text = ANY (%(tables)s) ORDER BY 1, 2",
            names,
        )
        indexes = self._fetch(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " WHERE i.indrelid::regclass::text = ANY (%(tables)s) AND NOT i.indisunique ORDER BY 1",
            names,
        )
        for table, name, _ in keys:
            self._execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in indexes:
            self._execute(f"DROP INDEX {name}")
        yield
        for name, definition in indexes:
            self._timed(f"index {name}", partial(self._execute, definition.replace(" ON ONLY ", " ON ")))
        for table, name, definition in keys:
            sql = f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
            self._timed(f"reference {name}", partial(self._execute, sql))

    def _reserve(self, table: str, count: int) -> int:
        """The first of so many ids in a row."""
        row = self._fetch(
            "SELECT setval(s, nextval(s) + %(count)s) - %(count)s FROM pg_get_serial_sequence(%(table)s, 'id') AS s",
            {"table": table, "count": count},
        )[0]
        return int(row[0])

    def _step(self, what: str, sql: str, values: Mapping[str, Any] | None = None) -> None:
        self._timed(what, lambda: self._execute(load_sql("demo", sql), values))

    def _timed(self, what: str, work: Callable[[], int]) -> None:
        began = time.monotonic()
        rows = work()
        took = time.monotonic() - began
        if took >= 0.5:
            rate = f", {rows / took:,.0f} a second" if rows > 0 else ""
            self.progress(f"  {what}: {f'{rows:,} in ' if rows > 0 else ''}{took:.1f} s{rate}")

    def _execute(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, self._given(sql, values))
            return int(cursor.rowcount)

    def _fetch(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, self._given(sql, values))
            return list(cursor.fetchall())

    def _given(self, sql: str, values: Mapping[str, Any] | None) -> Json | None:
        return {**self.values, **(values or {})} if "%(" in sql else None


def sayings_of(stage: Stage) -> dict[str, Saying]:
    """{name of the act: what it says}; the pages first, in the order of PAGES."""
    web, server = stage.sources.web, stage.sources.server
    policy = {"policy": stage.texts.policy.key, "policy_version": stage.texts.policy.version}
    calls = {"purpose": CALLS, "channel": stage.texts.purposes[CALLS].body["channel"]}
    click = {"template": "boletin", "url": f"{SITE}/precios", "path": "/precios", "link": 0}
    social = {"network": "linkedin", "action": "like", "url": "https://linkedin.example/riega"}
    return {
        **{
            path: Saying("page", "page", {"path": path, "title": title_of(path), "url": f"{SITE}{path}"}, web)
            for path in PAGES
        },
        "identify": Saying("identify", "identify", {}, needs="lead"),
        "form": Saying(
            "track", "form_submitted", {"form": FORM, "objective": "content", "magnet": MAGNET}, actor="human"
        ),
        "granted": Saying("track", "magnet_granted", {"magnet": MAGNET}, by="system", actor="machine"),
        "download": Saying("track", "download", {"magnet": MAGNET, "asset": MAGNET}, actor="human"),
        "clicked": Saying("track", "email_clicked", click, actor="human"),
        "social": Saying("track", "social", social, server),
        "quote": Saying("track", "quote_requested", {"product": "programador-p8"}, server),
        "service": Saying("track", "service_request", {"topic": "revisión"}, server),
        "purchase": Saying("track", "purchase", {"currency": "EUR"}, server, needs="amount"),
        "order": Saying("track", "Order Completed", {"currency": "EUR"}, server, needs="order"),
        "accepted": Saying("consent", "policy_accepted", policy, actor="human", needs="evidence"),
        "mail_given": Saying(
            "consent", "given", {"purpose": MAIL, "channel": "email"}, actor="human", needs="evidence"
        ),
        "calls_given": Saying("consent", "given", calls, actor="human", needs="evidence"),
        "confirmed": Saying("consent", "confirmed", {}, actor="human", needs="evidence"),
    }


def evidence_templates(stage: Stage) -> list[str]:
    """The payloads of accepting, of giving mail and calls, and of confirming, as canonical JSON with holes."""
    texts, language = stage.texts, "es"
    shown = Circumstances(
        form=texts.form.key, form_version=texts.form.version, page_url=texts.page_url, ip="@IP", user_agent=BROWSER,
        session_sha256="@SESSION",
    )  # fmt: skip
    proof = {
        "proof_level": "doi", "doi_token_sha256": "@SESSION", "doi_requested_at": "@BORN", "doi_ip": "@IP",
        "doi_user_agent": BROWSER,
    }  # fmt: skip
    policy: PolicyVersion = texts.policy
    purposes: Mapping[str, PurposeVersion] = texts.purposes
    acts = [
        act_of_accepting(policy, language),
        *(act_of_giving(purposes[key], policy, language) for key in (MAIL, CALLS)),
    ]
    payloads = [payload_of(act, shown, stage.workspace.created_at) for act in acts]
    button = Circumstances(action="button", ip="@IP", user_agent=BROWSER)
    payloads.append(payload_of(Act("confirmed", payload=proof), button, stage.workspace.created_at))
    return [canonical_json({**payload, "received_at": "@AT"}) for payload in payloads]


def words() -> Json:
    """The words that names are made of, folded and as addresses have them; sectors as often as they occur."""
    firsts, lasts = [*people.WOMEN, *people.MEN], people.SURNAMES
    sectors = [name for name, (weight, _, _) in people.SECTORS.items() for _ in range(round(weight))]
    # One name and one province of each sector are enough, turned round with every repetition.
    names = [
        people.SECTORS[s][1][n % len(people.SECTORS[s][1])].replace("{}", "").strip() for n, s in enumerate(sectors)
    ]
    provinces = [people.SECTORS[s][2][n % len(people.SECTORS[s][2])] for n, s in enumerate(sectors)]
    roles, branches = list(people.ROLES), list(people.BRANCHES)
    lists = {
        "firsts": firsts, "lasts": lasts, "places": list(people.PLACES), "names": names, "sectors": sectors,
        "provinces": provinces, "roles": roles,
    }  # fmt: skip
    folded = {f"{key}_folded": [fold(word) for word in given] for key, given in lists.items()}
    plain = {f"{key}_ascii": [people.ascii_word(word) for word in lists[key]] for key in ("firsts", "lasts", "places")}
    return {
        **lists, **folded, **plain, "sizes": list(people.SIZES),
        "branches": [branches.index(people.BRANCH_OF[sector]) + 1 for sector in sectors],
        "sizes_of": [_spread(each.sizes, 1) for each in people.BRANCHES.values()],
        "roles_of": [_spread(each.roles, 1) for each in people.BRANCHES.values()],
        "technicians": [roles.index(role) + 1 for role in people.TECHNICIANS],
        "study": branches.index("study") + 1, "dry": branches.index("dry") + 1,
    }  # fmt: skip


def _spread(weights: Sequence[int], first: int = 0) -> list[int]:
    """The number of each, counted from `first`, as often as it occurs."""
    return [n for n, often in enumerate(weights, first) for _ in range(often)]


def bulk_steps(compiled: CompiledModel) -> tuple[str, str, str]:
    """The SELECTs of the steps `touched` and `happened` for a whole workspace at once, and all later steps.

    What is taken out of them is what makes them read lead by lead; ValueError if scoring.compile words it otherwise.
    """
    head, rest = compiled.steps.split(",\ncounted AS MATERIALIZED", 1)
    touched, happened = re.split(r"\),\nhappened AS MATERIALIZED \(", head)
    touched = touched.removeprefix("touched AS MATERIALIZED (")
    happened = happened.rstrip().removesuffix(")")
    for text, instead in (
        (" AND l.id = ANY (%(leads)s::bigint[])", ""),
        (" AND m.lead_id = ANY (%(leads)s::bigint[])", ""),
    ):
        touched = _replaced(touched, text, instead)
    for text, instead in (
        ("FROM touched l CROSS JOIN LATERAL (", "FROM big_touched l JOIN ("),
        (" AND e.lead_id = l.id", ""),
        ("OFFSET 0) e", ") e ON e.lead_id = l.id"),
    ):
        happened = _replaced(happened, text, instead)
    return touched, happened, f"counted AS MATERIALIZED{rest}"


def _replaced(sql: str, text: str, instead: str) -> str:
    if sql.count(text) != 1:
        raise ValueError(f"scoring.compile no longer says {text!r}; demo.big must follow it")
    return sql.replace(text, instead)
