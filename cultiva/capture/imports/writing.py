"""Writing a chunk of a file's people, as a set: found or made, told in the ledger, with what they consented to.

The rehearsal runs the same code up to the writing, on what it remembers of the rows before in temporary tables.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.imports.mapping import Plan
from cultiva.capture.imports.rows import SEVERITY, Person, stricter
from cultiva.capture.imports.tables import Bad
from cultiva.capture.imports.types import Types
from cultiva.capture.models import Import
from cultiva.consent.imported import BASES, ImportedPerson, record_imported_acts, suppressions
from cultiva.events.actions import visitor_of
from cultiva.events.staged import StagedEvent, record_staged, to_json
from cultiva.leads.projecting import NAMES_SEARCHED, phone_key_of
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import fold, folded_where_different
from cultiva.lib.staging import next_ids, staged

Json = dict[str, Any]

KEYS = "row int, email_key text, external_id text, phone_key text"
LEADS = """
  id bigint, is_new boolean, is_changed boolean, email text, email_key text, phone_key text, external_id text,
  attributes jsonb, folded jsonb, language text, search_text text, created_at timestamptz, before jsonb
"""
# What counts a row once; `suppressed`, `opted_out` and `without_basis` are said besides.
OUTCOMES = ("created", "updated", "unchanged", "duplicate", "invalid")


@dataclass(slots=True)
class Target:
    """A lead that rows of this chunk are about."""

    id: int  # below zero while it is not made
    is_new: bool
    email: str = ""
    email_key: str | None = None
    phone_key: str | None = None
    external_id: str | None = None
    language: str = ""
    attributes: Json = field(default_factory=dict)
    before: Json = field(default_factory=dict)  # of the keys that are set
    is_touched: bool = False  # by an earlier chunk
    has_new_keys: bool = False
    created_at: datetime | None = None
    rows: list[Person] = field(default_factory=list)
    told: list[tuple[Person, Json]] = field(default_factory=list)  # what each row adds
    newer: frozenset[str] = frozenset()  # keys said anew since the row's own time


class Chunk:
    """Some thousand rows of one file. `counts` and `rejects` tell how it went."""

    def __init__(
        self, run: Import, plan: Plan, people: Sequence[Person | Bad], at: datetime, memory: "Memory | None" = None
    ) -> None:
        self.run, self.plan, self.at, self.memory = run, plan, at, memory
        self.workspace_id = run.workspace_id
        self.counts: Counter[str] = Counter({"rows": len(people), **dict.fromkeys(OUTCOMES, 0)})
        self.rejects: list[Bad] = []
        self.targets: list[Target] = []
        self.suppressed: Mapping[str, tuple[str, datetime]] = {}
        self.people: list[Person] = []
        for each in people:
            if isinstance(each, Bad):
                self.reject(each)
            else:
                self.people.append(each)

    def reject(self, bad: Bad) -> None:
        self.counts["invalid"] += 1
        self.rejects.append(bad)

    def settle(self) -> None:
        """Find whom the rows are about and count. Locks the leads that exist, unless it is a rehearsal."""
        keys = list(dict.fromkeys(p.email_key for p in self.people if p.email_key))
        self.suppressed = suppressions(workspace_id=self.workspace_id, email_keys=keys)
        self._refuse_erased()
        finder = Finder(self)
        for person in self.people:
            finder.place(person)
        self._merge()
        self._count()
        if self.memory:
            self.memory.remember(self.targets)

    def write(self) -> None:
        """Everything of the chunk, in the caller's transaction."""
        made = [target for target in self.targets if target.is_new]
        for target, lead_id in zip(made, next_ids("lead_id_seq", len(made)), strict=True):
            target.id = lead_id
        if self.targets:
            with staged("staged_lead", LEADS, self._lead_rows(self.targets)):
                parameters = {"workspace": self.workspace_id, "run": self.run.id, "at": self.at}
                if made:
                    execute(load_sql("capture", "add_imported_leads"), parameters)
                if len(self.targets) > len(made):
                    execute(load_sql("capture", "change_imported_leads"), parameters)
                execute(load_sql("capture", "note_changes"), parameters)
        self._link_users()
        events = record_imported_acts(
            workspace_id=self.workspace_id, people=[*self._consenting()], purposes=self.plan.purposes,
            suppressed=self.suppressed, at=self.at,
        )  # fmt: skip
        # The references are checked here and not at the commit: what comes now counts in rows that others wait for.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        record_staged(workspace_id=self.workspace_id, events=[*self._identified(), *events], at=self.at)

    # Counting

    def _refuse_erased(self) -> None:
        """Who asked to be erased comes back only by a consent given since."""
        erased = {key: since for key, (reason, since) in self.suppressed.items() if reason == "erasure"}
        if not erased:
            return
        kept = []
        for person in self.people:
            since = erased.get(person.email_key or "")
            if since is None or (person.proof and person.proof.at > since):
                kept.append(person)
                continue
            self.counts["suppressed"] += 1
            self.reject(Bad(person.line, gettext("this person asked to be erased"), person.cells, person.part))
        self.people = kept

    def _merge(self) -> None:
        """What each target's rows add, oldest first. Blank never overwrites, nor what was said since."""
        said_of_all = (
            person.known | ({"tags": person.tags} if person.tags else {})
            for target in self.targets
            for person in target.rows
        )
        types = Types.read(workspace_id=self.workspace_id, said=said_of_all, at=self.at, may_learn=self.memory is None)
        for target in self.targets:
            for person in sorted(target.rows, key=lambda p: p.at or self.at) if len(target.rows) > 1 else target.rows:
                said = person.known
                if person.tags:
                    union = list(dict.fromkeys([*_as_list(target.attributes.get("tags")), *person.tags]))
                    said = said | {"tags": union}
                target.told.append((person, said))
                for key, value in types.fit(said).items():
                    if key in target.newer:
                        continue
                    if key not in target.attributes or target.attributes[key] != value:
                        if not target.is_new:
                            target.before.setdefault(key, target.attributes.get(key))
                        target.attributes[key] = value
                if person.language and person.language != target.language:
                    target.has_new_keys = target.has_new_keys or not target.is_new
                    target.language = person.language

    def _count(self) -> None:
        for target in self.targets:
            first = "created" if target.is_new else "updated" if target.before or target.has_new_keys else "unchanged"
            if target.is_touched:
                first = "duplicate"
            self.counts[first] += 1
            self.counts["duplicate"] += len(target.rows) - 1
            if target.email_key in self.suppressed and not target.is_touched:
                self.counts["suppressed"] += 1
            opted_out = sum(1 for person in target.rows if person.opt_out)
            self.counts["opted_out"] += opted_out
            if self.run.basis not in BASES:
                continue
            self.counts["without_basis"] += sum(1 for p in target.rows if not p.has_basis and not p.opt_out)

    # Writing

    def _lead_rows(self, targets: Sequence[Target]) -> Iterator[tuple[Any, ...]]:
        for t in targets:
            folded = folded_where_different(t.attributes)
            yield (
                t.id, t.is_new, bool(t.before) or t.has_new_keys, t.email, t.email_key, self._phone_key(t),
                t.external_id, to_json(t.attributes),
                to_json(folded) if folded else None, t.language or self.plan.language, _search_text(t.attributes),
                t.created_at or self.at, None if t.is_new else to_json(t.before),
            )  # fmt: skip

    def _phone_key(self, target: Target) -> str | None:
        """Who is known by nothing else keeps it; for others it is the telephone they have now."""
        if target.email_key or target.external_id:
            return phone_key_of(target.attributes)
        return target.phone_key

    def _identified(self) -> Iterator[StagedEvent]:
        """One event a row, told once because the import's place moves with it. Only the first of a lead is for
        `flow`."""
        for target in self.targets:
            is_first = True
            for person, said in target.told:
                yield StagedEvent(
                    kind="identify",
                    occurred_at=person.at or self.at,
                    lead_id=target.id,
                    properties=said | {"email": target.email} if target.email else said,
                    context=self._context(target, person),
                    is_queued=is_first,
                )
                is_first = False

    def _context(self, target: Target, person: Person) -> Json:
        said: Json = {"import": self.run.id, "row": person.line}
        if target.external_id:
            said["user_id"] = target.external_id
        if person.language:
            said["locale"] = person.language
        return said

    def _link_users(self) -> None:
        """Events that bear the external id as their user id are the lead's, those of the past too."""
        named = [t for t in self.targets if t.external_id and (t.is_new or t.has_new_keys)]
        if named:
            parameters = {
                "workspace": self.workspace_id,
                "visitors": [visitor_of(workspace_id=self.workspace_id, source_id=0, user_id=t.external_id or "")
                             for t in named],
                "leads": [t.id for t in named],
                "at": self.at,
            }  # fmt: skip
            execute(load_sql("capture", "link_users"), parameters)

    def _consenting(self) -> Iterator[ImportedPerson]:
        constant = self._payload()
        for target in self.targets:
            opt_out = ""
            for person in target.rows:
                opt_out = stricter(opt_out, person.opt_out)
            if opt_out:
                row = max(target.rows, key=lambda p: SEVERITY[p.opt_out])
                payload = {**constant, "import_row": row.line, "opt_out": opt_out}
                payload.pop("proof_level", None)
                yield ImportedPerson(target.id, target.is_new, target.email_key, opt_out=opt_out, payload=payload)
                continue
            rows = [p for p in target.rows if p.has_basis and (self.run.basis != "proof" or p.proof)]
            if self.run.basis in BASES and rows:
                yield self._with_basis(target, rows[-1], constant)

    def _with_basis(self, target: Target, row: Person, constant: Json) -> ImportedPerson:
        payload = {**constant, "import_row": row.line}
        if row.part:
            payload["import_part"] = row.part
        person = ImportedPerson(target.id, target.is_new, target.email_key, self.run.basis, payload=payload)
        if row.proof:
            proof = row.proof
            person.basis_at, person.confirmed_at = proof.at, proof.confirmed_at
            payload |= {"ip": proof.ip, "consent_given_at": proof.at.isoformat()}
            if proof.text:
                payload |= {"consent_text": proof.text, "consent_text_sha256": _sha256(proof.text)}
            if proof.version:
                payload["consent_version"] = proof.version
            if proof.confirmed_at:
                person.confirmed_payload = {
                    **constant, "import_row": row.line, "doi_ip": proof.confirmed_ip,
                    "doi_confirmed_at": proof.confirmed_at.isoformat(),
                }  # fmt: skip
        elif self.run.basis == "declared" and self.plan.covers_confirmation:
            person.confirmed_at = self.at
            person.confirmed_payload = {**payload, "confirmation": "declared"}
        return person

    def _payload(self) -> Json:
        """What the evidence of every row says of the import."""
        run = self.run
        said: Json = {"import": run.id, "import_file": run.name, "import_file_sha256": run.sha256}
        if run.created_by_id:
            said["imported_by"] = run.created_by_id
        if run.basis in BASES:
            said["proof_level"] = BASES[run.basis]
        if run.declared_by_id and run.declared_by:
            said |= {"declared_by": run.declared_by_id, "declared_by_name": run.declared_by.full_name}
        if run.document_sha256:
            said |= {"document": run.document_name, "document_sha256": run.document_sha256}
        return said


class Finder:
    """Whom a row is about: by address, by external id, and, where the row has neither, by telephone."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.targets: dict[int, Target] = {}
        self.by: dict[str, dict[str, int]] = {"email_key": {}, "external_id": {}, "phone_key": {}}
        self._match(chunk.people)

    def place(self, person: Person) -> None:
        by_email = self.by["email_key"].get(person.email_key or "")
        by_external = self.by["external_id"].get(person.external_id or "")
        if by_email and by_external and by_email != by_external:
            reason = gettext(
                "its e-mail belongs to one lead and its external id to another; merge them first, or leave one out"
            )
            self.chunk.reject(Bad(person.line, reason, person.cells, person.part))
            return
        found = by_email or by_external
        if not found and not person.email_key and not person.external_id:
            found = self.by["phone_key"].get(person.phone_key or "")
        target = self._known(found) if found else self._new(person)
        if not target.rows:
            self.chunk.targets.append(target)
        target.rows.append(person)
        self._take_keys(target, person)

    def _known(self, lead_id: int) -> Target:
        return self.targets[lead_id]

    def _new(self, person: Person) -> Target:
        memory = self.chunk.memory
        number = memory.next_id() if memory else -1 - len(self.targets)
        target = Target(number, is_new=True, created_at=person.at)
        self.targets[number] = target
        return target

    def _take_keys(self, target: Target, person: Person) -> None:
        """A key once known stays; another one is kept as what it is: a second."""
        if person.email_key and not target.email_key:
            target.email, target.email_key = person.email, person.email_key
            target.has_new_keys = target.has_new_keys or not target.is_new
            if "email" not in target.attributes:
                target.attributes["email"] = person.email
        elif person.email_key and person.email_key != target.email_key:
            person.known["other_email"] = person.email
        if person.external_id and not target.external_id:
            target.external_id = person.external_id
            target.has_new_keys = target.has_new_keys or not target.is_new
        elif person.external_id and person.external_id != target.external_id:
            person.known["other_external_id"] = person.external_id
        if person.phone_key and not target.phone_key:
            target.phone_key = person.phone_key
            target.has_new_keys = target.has_new_keys or not target.is_new
        for name in self.by:
            if key := getattr(target, name):
                is_bare = not (target.email_key or target.external_id)
                if name != "phone_key" or is_bare:
                    self.by[name].setdefault(key, target.id)

    def _match(self, people: Sequence[Person]) -> None:
        rows = [(n, p.email_key, p.external_id, p.phone_key) for n, p in enumerate(people)]
        memory = self.chunk.memory
        parameters = {"workspace": self.chunk.workspace_id, "run": self.chunk.run.id}
        with staged("staged_key", KEYS, rows):
            lock = "" if memory else " FOR NO KEY UPDATE OF l"
            found = fetch_all(load_sql("capture", "match_leads") + lock, parameters)
            remembered = memory.match(parameters) if memory else []
        known = {row["id"]: row for row in found}
        for row in remembered:
            known[row["id"]] = known.get(row["id"], {}) | {k: v for k, v in row.items() if v is not None}
        for lead_id, row in known.items():
            target = Target(
                lead_id, is_new=False, email=row.get("email") or "", email_key=row.get("email_key"),
                phone_key=row.get("phone_key"), external_id=row.get("external_id"),
                language=row.get("language") or "", attributes=row.get("attributes") or {},
                is_touched=bool(row.get("is_touched")),
            )  # fmt: skip
            self.targets[lead_id] = target
            for name in ("email_key", "external_id"):
                if key := getattr(target, name):
                    self.by[name][key] = lead_id
            if target.phone_key and not target.email_key and not target.external_id:
                self.by["phone_key"][target.phone_key] = lead_id
        self._note_newer(people)

    def _note_newer(self, people: Sequence[Person]) -> None:
        """Of rows with a time of their own: what was said of their leads since then."""
        dated = [
            (self.by["email_key"].get(p.email_key or "") or self.by["external_id"].get(p.external_id or ""), p.at)
            for p in people
            if p.at
        ]
        wanted = [(lead_id, at) for lead_id, at in dated if lead_id and lead_id > 0]
        if wanted:
            rows = fetch_all(
                load_sql("capture", "said_since"),
                {
                    "workspace": self.chunk.workspace_id,
                    "leads": [lead_id for lead_id, _ in wanted],
                    "since": [at for _, at in wanted],
                    "earliest": min(at for _, at in wanted if at) - timedelta(minutes=1),
                },
            )
            for row in rows:
                self.targets[row["lead_id"]].newer = frozenset(row["keys"])


class Memory:
    """What a rehearsal remembers of the rows before: whom they would have made, and touched."""

    def __init__(self) -> None:
        self.last = 0

    def __enter__(self) -> "Memory":
        execute(load_sql("capture", "make_memory"))
        return self

    def __exit__(self, *_: object) -> None:
        execute("DROP TABLE IF EXISTS rehearsed_lead")

    def next_id(self) -> int:
        self.last -= 1
        return self.last

    def match(self, parameters: Json) -> list[Json]:
        return fetch_all(load_sql("capture", "match_rehearsed"), parameters)

    def remember(self, targets: Sequence[Target]) -> None:
        rows = [(t.id, t.email_key, t.external_id, t.phone_key) for t in targets]
        with staged("staged_lead", "id bigint, email_key text, external_id text, phone_key text", rows):
            execute("INSERT INTO rehearsed_lead SELECT * FROM staged_lead ON CONFLICT (id) DO UPDATE SET"
                    " email_key = excluded.email_key, external_id = excluded.external_id,"
                    " phone_key = excluded.phone_key")  # fmt: skip


def _search_text(attributes: Json) -> str:
    return " ".join(fold(str(attributes[key])) for key in NAMES_SEARCHED if attributes.get(key))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value not in (None, "") else []


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
