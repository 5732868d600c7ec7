"""An import from the upload to its end: kept, rehearsed, run chunk by chunk, resumed where it stopped.

A chunk is one transaction, or one a lane (imports.lanes), that commits its rows together with its place in the file, so
whoever is killed loses at most the chunk in hand, and whoever goes on neither skips nor repeats a row.
"""

import hashlib
import itertools
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext, gettext_lazy

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import User
from cultiva.capture.imports import happenings
from cultiva.capture.imports.given_out import REJECT_COLUMNS, guarded
from cultiva.capture.imports.lanes import LANES, LEASE, Lanes, parts_people, write_chunk
from cultiva.capture.imports.mapping import Plan, check_plan
from cultiva.capture.imports.reading import detect, open_table, sample
from cultiva.capture.imports.refusals import BadRow
from cultiva.capture.imports.rows import happening_reader, person_reader
from cultiva.capture.imports.suggesting import suggest
from cultiva.capture.imports.tables import ENCODINGS, Bad, Dialect, Table, UnreadableFile
from cultiva.capture.imports.writing import Chunk, Memory
from cultiva.capture.models import Import, ImportPart, ImportReject
from cultiva.consent.imported import BASES
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.languages import reader_language
from cultiva.lib.refusals import Refusal

log = logging.getLogger(__name__)

Json = dict[str, Any]
Now = Callable[[], datetime]

CHUNK_ROWS = 5000  # about half a second; no transaction of ours may last five
EVENT_CHUNK_ROWS = 10_000
PART_BYTES = 1024 * 1024
ALL_BASES = (*BASES, "none")
GOING = ("checking", "running", "undoing")


STATES = {
    "uploaded": gettext_lazy("uploaded"),
    "checking": gettext_lazy("being counted"),
    "checked": gettext_lazy("ready to start"),
    "running": gettext_lazy("running"),
    "done": gettext_lazy("done"),
    "stopped": gettext_lazy("stopped"),
    "failed": gettext_lazy("failed"),
    "undoing": gettext_lazy("being undone"),
    "undone": gettext_lazy("undone"),
}


class ImportRefused(Refusal):
    """The import cannot do this now; the message says why and what to do."""


def create_import(
    *, workspace_id: int, kind: str, name: str, file: IO[bytes], at: datetime, created_by: User | None = None
) -> Import:
    """Keep a file and find out how it is written. Who reads now is told of its rows in this language, by workers too.
    Raises UnreadableFile."""
    with tempfile.NamedTemporaryFile(prefix="cultiva-import-") as copy:
        digest, size = hashlib.sha256(), 0
        while block := file.read(PART_BYTES):
            copy.write(block)
            digest.update(block)
            size += len(block)
        copy.flush()
        dialect = detect(Path(copy.name), name=name)
        sample(Path(copy.name), dialect, rows=1)
        with workspace_scope(workspace_id):
            run = Import.objects.create(
                workspace_id=workspace_id, kind=kind, name=name[:200], sha256=digest.hexdigest(), size_bytes=size,
                dialect=dialect.to_json(), language=reader_language(), created_by=created_by, created_at=at,
            )  # fmt: skip
            copy.seek(0)
            _keep(run, "rows", copy)
    return run


def set_document(*, run: Import, name: str, file: IO[bytes]) -> None:
    """The document of a declaration, kept with it for good."""
    content = file.read()
    with workspace_scope(run.workspace_id):
        ImportPart.objects.filter(workspace_id=run.workspace_id, run=run, what="document").delete()
        for ordinal, start in enumerate(range(0, len(content), PART_BYTES)):
            ImportPart.objects.create(
                workspace_id=run.workspace_id, run=run, what="document", ordinal=ordinal,
                content=content[start : start + PART_BYTES],
            )  # fmt: skip
        run.document_name, run.document_sha256 = name[:200], hashlib.sha256(content).hexdigest()
        run.save(update_fields=["document_name", "document_sha256"])


def set_dialect(*, run: Import, **parts: Any) -> None:
    """Where the detection was wrong. Raises UnreadableFile or ImportRefused for what cannot be."""
    if run.state not in ("uploaded", "checked"):
        raise ImportRefused(gettext("This import is %(state)s.") % {"state": STATES[run.state]})
    dialect = replace(Dialect(**run.dialect), **parts)
    try:
        "".encode(dialect.encoding)
    except LookupError as error:
        raise ImportRefused(
            gettext("No encoding %(encoding)r.") % {"encoding": dialect.encoding},
            gettext("one of %(known)s") % {"known": ", ".join(ENCODINGS)},
        ) from error
    if len(dialect.delimiter) != 1 or dialect.delimiter in '\r\n"':
        raise ImportRefused(
            gettext("%(delimiter)r cannot part columns.") % {"delimiter": dialect.delimiter},
            gettext("one character, such as ; or ,"),
        )
    with local_copy(run) as path:
        sample(path, dialect, rows=1)
    with workspace_scope(run.workspace_id):
        run.dialect, run.state, run.plan = dialect.to_json(), "uploaded", {}
        run.save(update_fields=["dialect", "state", "plan"])


def ask_rehearsal(*, run: Import) -> None:
    """Let a worker count."""
    with workspace_scope(run.workspace_id):
        Import.objects.filter(workspace_id=run.workspace_id, id=run.id, state="uploaded").update(
            state="checking", leased_until=None
        )


def look_at(*, run: Import, rows: int = 8) -> tuple[list[str], list[list[Any]]]:
    """The columns of an uploaded file and its first rows."""
    with local_copy(run) as path:
        return sample(path, Dialect(**run.dialect), rows=rows)


def suggest_plan(*, run: Import, language: str, time_zone: str, preset: str = "") -> Plan:
    with local_copy(run) as path:
        columns, rows = sample(path, Dialect(**run.dialect))
    return suggest(kind=run.kind, columns=columns, rows=rows, language=language, time_zone=time_zone, preset=preset)


def prepare(*, run: Import, plan: Plan, basis: str, declared_by: User | None = None) -> Import:
    """Say how the file is to be taken over, before it is rehearsed. Raises BadPlan or ImportRefused."""
    if run.state not in ("uploaded", "checked", "failed") or run.position:
        raise ImportRefused(
            gettext("This import is %(state)s; its mapping stands.") % {"state": STATES[run.state]},
            gettext("undo it, and upload the file anew"),
        )
    if run.kind == "leads":
        if basis not in ALL_BASES:
            raise ImportRefused(
                gettext("No basis %(basis)r.") % {"basis": basis},
                gettext("one of %(known)s") % {"known": ", ".join(ALL_BASES)},
            )
        if basis == "declared" and not (declared_by and run.document_sha256):
            raise ImportRefused(
                gettext("A declaration needs who declares it and a document."),
                gettext("name a user of the workspace, add the file"),
            )
    check_plan(plan, kind=run.kind, basis=basis)
    with workspace_scope(run.workspace_id):
        run.plan, run.basis = plan.to_json(), basis if run.kind == "leads" else ""
        run.declared_by = declared_by if basis == "declared" else None
        run.state, run.rehearsal, run.problem = "uploaded", {}, ""
        run.save(update_fields=["plan", "basis", "declared_by", "state", "rehearsal", "problem"])
    return run


def rehearse(*, run: Import, at: datetime, progress: Callable[[int], None] | None = None) -> Json:
    """Count what the import would do, by the code that does it; writes nothing but the counts."""
    counts: Counter[str] = Counter()
    rejects: list[Bad] = []
    plan = Plan.from_json(run.plan)
    with local_copy(run) as path, open_chunks(path, run, plan, at) as chunks, workspace_scope(run.workspace_id):
        if run.kind == "events":
            with happenings.Memory() as seen:
                for chunk in chunks:
                    counts.update(happenings.count(run, plan, chunk, at, seen, rejects))
        else:
            with Memory() as memory:
                for people in chunks:
                    each = Chunk(run, plan, people, at, memory)
                    each.settle()
                    counts.update(each.counts)
                    rejects += each.rejects[: 20 - len(rejects)] if len(rejects) < 20 else []
                    if progress:
                        progress(counts["rows"])
    found = dict(counts) | {"examples": [[bad.line, bad.reason] for bad in rejects[:20]]}
    with workspace_scope(run.workspace_id):
        run.rehearsal, run.total, run.state = found, counts["rows"], "checked"
        run.save(update_fields=["rehearsal", "total", "state"])
    return found


def start(*, run: Import, at: datetime, actor: str) -> Import:
    """Let it run: from now on a worker, or whoever calls `go_on`, takes its chunks."""
    with workspace_scope(run.workspace_id):
        run = Import.objects.select_for_update().get(workspace_id=run.workspace_id, id=run.id)
        if run.state not in ("uploaded", "checked", "stopped", "failed"):
            raise ImportRefused(gettext("This import is %(state)s already.") % {"state": STATES[run.state]})
        if not run.plan:
            raise ImportRefused(gettext("It is not said yet what the columns mean."))
        run.state, run.started_at, run.problem = "running", run.started_at or at, ""
        run.save(update_fields=["state", "started_at", "problem"])
        record_audit(
            workspace_id=run.workspace_id, actor=actor, action="import.started", target=f"import:{run.id}", at=at,
            detail={"file": run.name, "sha256": run.sha256, "basis": run.basis},
        )  # fmt: skip
    return run


def stop(*, run: Import) -> None:
    """After the chunk in hand; what came in stays, and can be undone or gone on with."""
    with workspace_scope(run.workspace_id):
        Import.objects.filter(workspace_id=run.workspace_id, id=run.id, state="running").update(state="stopped")


def go_on(
    *, run: Import, now: Now, must_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Import], None] | None = None,
) -> Import:  # fmt: skip
    """Take chunks until the file's end. The caller holds the lease (`take_lease`), or is alone."""
    plan = Plan.from_json(run.plan)
    read_at = run.started_at or now()  # whoever goes on reads each row as it was read first
    try:
        with (
            local_copy(run) as path,
            open_chunks(path, run, plan, read_at, skip=run.position) as chunks,
            Lanes(run, plan, now) if parts_people(run, plan) else nullcontext() as lanes,
        ):
            for chunk in read_ahead(chunks):
                if must_stop():
                    return run
                if not (lanes.write(chunk) if lanes else write_chunk(run, plan, chunk, now)):
                    return run
                if progress:
                    progress(run)
                log.debug("event=import.chunk import=%d position=%d rows=%d", run.id, run.position, len(chunk))
            if lanes and not lanes.settle():
                return run
    except UnreadableFile as error:
        _end(run, now(), state="failed", problem=str(error))
        return run
    _end(run, now(), state="done")
    return run


def take_lease(*, workspace_id: int, import_id: int | None = None) -> Import | None:
    """An import of the workspace, or this one, that waits for somebody to go on with it, or whose worker died."""
    real_now = datetime.now(UTC)
    with workspace_scope(workspace_id):
        rows = fetch_all(
            load_sql("capture", "lease_import"),
            {
                "workspace": workspace_id,
                "now": real_now,
                "until": real_now + LEASE,
                "states": list(GOING),
                "import": import_id,
            },
        )
        return Import.objects.get(workspace_id=workspace_id, id=rows[0]["id"]) if rows else None


def release(run: Import) -> None:
    with workspace_scope(run.workspace_id):
        Import.objects.filter(workspace_id=run.workspace_id, id=run.id).update(leased_until=None)


def discard(*, run: Import) -> None:
    """Throw away a file of which nothing came in."""
    with workspace_scope(run.workspace_id):
        found = Import.objects.select_for_update().get(workspace_id=run.workspace_id, id=run.id)
        if found.state not in ("uploaded", "checking", "checked", "failed") or found.position:
            raise ImportRefused(
                gettext("This import is %(state)s: its rows came in.") % {"state": STATES[found.state]},
                gettext("undo it"),
            )
        for rows in (ImportPart, ImportReject):
            rows.objects.filter(workspace_id=run.workspace_id, run=run).delete()
        found.delete()


def rejected_rows(*, run: Import, page: int = 2000) -> Iterator[list[Any]]:
    """The rows that could not be taken, as they stood in the file, before each its line, the reason and the file
    within an archive; the first row names the columns. Each page is read in a transaction of its own."""
    columns = [name for name, _ in run.plan.get("columns", [])]
    yield [*REJECT_COLUMNS, "import_file", *columns]
    last = 0
    while True:
        with workspace_scope(run.workspace_id):
            rows = list(
                ImportReject.objects.filter(workspace_id=run.workspace_id, run=run, id__gt=last).order_by("id")[:page]
            )
        for row in rows:
            yield [row.line, row.reason, row.part, *(guarded(cell) for cell in row.cells)]
        if not rows:
            return
        last = rows[-1].id


def list_imports(*, workspace_id: int, limit: int = 50) -> list[Import]:
    """Newest first."""
    found = Import.objects.select_related("created_by").filter(workspace_id=workspace_id).order_by("-id")
    return list(found[:limit])


def find_import(*, workspace_id: int, import_id: int) -> Import | None:
    return Import.objects.select_related("declared_by", "created_by").filter(
        workspace_id=workspace_id, id=import_id
    ).first()  # fmt: skip


def fail(run: Import, at: datetime, problem: str) -> None:
    """What came in stays; it can be undone, or gone on with."""
    _end(run, at, state="failed", problem=problem)


def _end(run: Import, at: datetime, *, state: str, problem: str = "") -> None:
    """Its rows are in, so the file goes: it holds people's data, and its fingerprint is enough."""
    with workspace_scope(run.workspace_id):
        run.state, run.finished_at, run.problem, run.leased_until = state, at, problem, None
        run.save(update_fields=["state", "finished_at", "problem", "leased_until"])
        if state == "done":
            ImportPart.objects.filter(workspace_id=run.workspace_id, run=run, what="rows").delete()


def _keep(run: Import, what: str, file: IO[bytes]) -> None:
    for ordinal in itertools.count():
        content = file.read(PART_BYTES)
        if not content:
            return
        # Bound on the server: as text of a statement every byte would be two characters to parse.
        sql = load_sql("capture", "keep_part")
        psycopg.Cursor(connection.connection).execute(sql, (run.workspace_id, run.id, what, ordinal, content))


@contextmanager
def local_copy(run: Import) -> Iterator[Path]:
    """The uploaded file on this machine's disk, for as long as it is read."""
    with tempfile.NamedTemporaryFile(prefix="cultiva-import-") as copy:
        for ordinal in itertools.count():
            with workspace_scope(run.workspace_id):
                part = ImportPart.objects.filter(
                    workspace_id=run.workspace_id, run=run, what="rows", ordinal=ordinal
                ).first()
            if part is None:
                break
            copy.write(part.content)
        copy.flush()
        if not copy.tell():
            raise ImportRefused(
                gettext("The file of this import is gone."), gettext("its rows are in; upload it anew to repeat it")
            )
        yield Path(copy.name)


@contextmanager
def open_chunks(path: Path, run: Import, plan: Plan, at: datetime, skip: int = 0) -> Iterator[Iterator[list[Any]]]:
    """The file's rows, read by the plan, so many at a time; unreadable ones among them as Bad. A rehearsal takes as
    many as the run."""
    table = open_table(path, Dialect(**run.dialect))
    size = EVENT_CHUNK_ROWS if run.kind == "events" else CHUNK_ROWS
    if parts_people(run, plan):
        size *= LANES
    try:
        yield _chunks(table, run, plan, at, skip, size)
    finally:
        table.close()


def read_ahead(chunks: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """The next chunk is read while the database writes the one before."""
    with ThreadPoolExecutor(
        1, thread_name_prefix="import-reader", initializer=translation.activate, initargs=(reader_language(),)
    ) as reader:
        following = reader.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = reader.submit(next, chunks, None)
            yield chunk


def _chunks(table: Table, run: Import, plan: Plan, at: datetime, skip: int, size: int) -> Iterator[list[Any]]:
    read: Callable[[Any], Any]
    if run.kind == "events":
        read = happening_reader(plan, table.columns, at=at)
    else:
        read = person_reader(plan, table.columns, basis=run.basis, at=at)
    records = itertools.islice(table.records, skip, None)
    while True:
        chunk: list[Any] = []
        for record in itertools.islice(records, size):
            if isinstance(record, Bad):
                chunk.append(record)
                continue
            try:
                chunk.append(read(record))
            except BadRow as error:
                chunk.append(Bad(record.line, str(error), record.cells, record.part))
        if not chunk:
            return
        yield chunk
