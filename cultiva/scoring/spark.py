"""`cultiva score run --engine spark`: scores on a cluster, by the very statements that score files on one machine.

A score depends on one lead's rows alone. So the cluster's part is to bring each lead's rows together: leads and events
are parted by a hash of lead_id, and each part is scored in the worker by the embedded engine. Rows keep their order
(by file, then by place), which says which of two events at one instant is the later one.

Spark is an extra (`pip install "cultiva[spark]"`) and is imported here alone.
"""

import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from cultiva.criteria.context import ANY
from cultiva.criteria.files import EVENT_KEYS, LEAD_KEYS, UnreadableFile, check_keys, engine
from cultiva.criteria.offline import Wanted
from cultiva.criteria.personas import Persona
from cultiva.lib.documents import DocumentError, nearest
from cultiva.lib.refusals import Refusal
from cultiva.scoring.bulk import BulkModel
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.offline import compiled_for_files, score_rows

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession

LEADS_A_PART = 20_000  # with a hundred events each, a part takes some hundred MB of a worker
PLACE = ("cultiva_file", "cultiva_row")  # where a row stood
PART = "cultiva_part"
MEMORY = "1GB"  # of one worker's engine; beyond it tables go through files


@dataclass(frozen=True)
class SparkRun:
    """What a run did."""

    scored: int
    rejected: int  # rows that could not be taken, of those that some rule reads


def score_on_spark(
    model: ScoringModel,
    *,
    leads: str,
    events: str,
    out: str,
    at: datetime,
    master: str,
    multi: Iterable[str] = (),
    timezone: str = "",
    personas: Mapping[str, Persona] | None = None,
    settings: Mapping[str, str] | None = None,
) -> SparkRun:
    """Write the scores to folder `out` as Parquet: the columns of `score_files`, in no order.

    `leads`, `events`: Parquet files or folders of them, by a path or address that every worker reaches. `settings`:
    of Spark. Raises DocumentError, UnreadableFile, or Refusal where Spark is missing, out of reach or `out` is there.
    """
    compiled, wanted = compiled_for_files(model, timezone, personas)
    session = _session(master, settings or {})
    try:
        lead_rows, event_rows = _read(session, leads), _read(session, events)
        _check(lead_rows, leads, LEAD_KEYS, wanted)
        _check(event_rows, events, EVENT_KEYS, None)
        parts = max(1, -(-lead_rows.count() // LEADS_A_PART), 2 * session.sparkContext.defaultParallelism)
        answered = (
            _parted(_lead_columns(lead_rows, wanted), parts)
            .cogroup(_parted(_event_columns(event_rows, wanted), parts))
            .applyInArrow(_worker(compiled, wanted, at, list(multi)), _schema(model))
            .persist(_on_disk())
        )
        try:
            answered.where("reason IS NULL").drop("reason").write.parquet(out)
        except Exception as error:
            if type(error).__name__ != "AnalysisException":  # of the driver, before any work; Spark is not imported yet
                raise
            problem = gettext("%(path)s cannot be written: %(reason)s") % {"path": out, "reason": _first_line(error)}
            raise Refusal(problem, gettext("give a folder that is not there yet")) from error
        rejected = answered.where("reason IS NOT NULL").count()
        return SparkRun(answered.count() - rejected, rejected)
    finally:
        session.stop()


def _session(master: str, settings: Mapping[str, str]) -> "SparkSession":
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        hint = gettext("install it: %(command)s") % {"command": 'pip install "cultiva[spark]"'}
        raise Refusal(gettext("Spark is not installed"), hint) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers, who need what is installed here
    builder = SparkSession.builder.appName("cultiva score run").master(master)
    values = {
        "spark.sql.session.timeZone": "UTC", "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR", **settings,
    }  # fmt: skip
    for name, value in values.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:  # of the Java side, each release another
        problem = gettext("Spark does not start at %(master)s: %(reason)s")
        hint = gettext("Java 17 or later is needed, and a master that answers, for example spark://host:7077")
        raise Refusal(problem % {"master": master, "reason": _first_line(error)}, hint) from error


def _read(session: "SparkSession", path: str) -> "DataFrame":
    """Every row with its place."""
    from pyspark.sql.functions import col

    try:
        rows = session.read.option("recursiveFileLookup", "true").option("mergeSchema", "true").parquet(path)
    except Exception as error:  # no such path, or no Parquet: a Java error of one kind or another
        problem = gettext("%(path)s cannot be read: %(reason)s") % {"path": path, "reason": _first_line(error)}
        hint = gettext("a Parquet file, or a folder of them, by a path that every worker reaches")
        raise UnreadableFile(problem, hint) from error
    return rows.select("*", col("_metadata.file_path").alias(PLACE[0]), col("_metadata.row_index").alias(PLACE[1]))


def _check(rows: "DataFrame", path: str, keys: Iterable[str], wanted: Wanted | None) -> None:
    names = [name for name in rows.columns if name not in PLACE]
    check_keys(path, names, list(keys))
    for name in wanted.attributes if wanted else ():
        if name not in names:
            problem = gettext("no column `%(name)s` in %(path)s") % {"name": name, "path": path}
            raise DocumentError(wanted.places.get(name, name) if wanted else name, problem, nearest(name, names))


def _lead_columns(rows: "DataFrame", wanted: Wanted) -> "DataFrame":
    return rows.select([_quoted(name) for name in rows.columns if name in {*LEAD_KEYS, *wanted.attributes, *PLACE}])


def _event_columns(rows: "DataFrame", wanted: Wanted) -> "DataFrame":
    """Columns and rows that some rule reads, and rows of which that cannot be told."""
    from pyspark.sql.functions import col

    roots = {path[0] for path in wanted.properties}
    kept = [
        name
        for name in rows.columns
        if name in {*EVENT_KEYS, "actor", *PLACE}
        or name.split(".")[0] in roots
        or (name == "properties" and wanted.properties)
    ]
    chosen = rows.select([_quoted(name) for name in kept])
    if ANY in wanted.events:
        return chosen
    no_name = col("name").isNull() | (col("name") == "")
    return chosen.where(no_name | col("name").isin(sorted(wanted.events)))


def _parted(rows: "DataFrame", parts: int) -> Any:
    from pyspark.sql.functions import coalesce, col, lit, pmod, xxhash64

    lead_id = coalesce(col("lead_id").cast("string"), lit(""))
    return rows.withColumn(PART, pmod(xxhash64(lead_id), lit(parts))).groupBy(PART)


def _worker(compiled: BulkModel, wanted: Wanted, at: datetime, multi: list[str]) -> Callable[..., Any]:
    """What a worker does with one part: only what needs no set-up is sent, the face of `cultiva.scoring` does that."""
    packed = pickle.dumps((compiled, wanted, at, multi))

    def work(leads: Any, events: Any) -> Any:
        from cultiva.scoring import score_part

        return score_part(packed, leads, events)

    return work


def score_part(packed: bytes, leads: "pyarrow.Table", events: "pyarrow.Table") -> "pyarrow.Table":
    """In a worker: the scores of one part, and a row with a `reason` of each row that could not be taken."""
    compiled, wanted, at, multi = pickle.loads(packed)  # noqa: S301 (made by `_worker`, in the same run)
    with engine() as connection:
        connection.execute(f"SET threads = 1; SET memory_limit = '{MEMORY}'")
        scored = score_rows(connection, compiled, wanted, _in_order(leads), _in_order(events), at=at, multi=multi)
        return connection.sql(
            f"SELECT *, NULL::VARCHAR AS reason FROM ({scored}) UNION ALL BY NAME SELECT reason FROM reject"
        ).to_arrow_table()


def _in_order(rows: "pyarrow.Table") -> "pyarrow.Table":
    return rows.sort_by([(name, "ascending") for name in PLACE]).drop_columns([*PLACE, PART])


def _schema(model: ScoringModel) -> Any:
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    figures = [*(dimension.name for dimension in model.dimensions), "total"]
    fields = [StructField("lead_id", StringType()), *(StructField(name, DoubleType()) for name in figures)]
    return StructType([*fields, *(StructField(name, StringType()) for name in ("temperature", "grade", "reason"))])


def _quoted(name: str) -> str:
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def _on_disk() -> Any:
    from pyspark import StorageLevel

    return StorageLevel.DISK_ONLY


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
