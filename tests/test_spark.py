"""A real cluster, of a master and two workers on this machine, scores as one machine does."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from bench.scoring import AT, make_files, model
from tests.product import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("java") or not find_spec("pyspark"), reason="there is no Java, or no Spark"),
]
LEADS = 100_000
STARTS_WITHIN = 90  # seconds


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a standalone cluster that nobody else reaches."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        address = started(stack, folder, "Master", "--host", "127.0.0.1", "--port", "0", tells=r"(spark://[\d.:]+)")
        for number in (1, 2):
            own = ["--host", "127.0.0.1", "--cores", "1", "--memory", "2g", "--work-dir", str(folder / str(number))]
            started(stack, folder, "Worker", *own, address, tells=r"(Successfully registered)", number=number)
        yield address


def started(stack: ExitStack, folder: Path, what: str, *words: str, tells: str, number: int = 0) -> str:
    """Start a daemon that ends with `stack`; returns what its log tells once it is ready."""
    log = folder / f"{what}-{number}.log"
    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    with log.open("w") as out:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("spark-class"), f"org.apache.spark.deploy.{what.lower()}.{what}",
             "--webui-port", "0", *words], stdout=out, stderr=out, env=environ,
        )  # fmt: skip
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(tells, log.read_text()):
            return found[1]
        time.sleep(0.2)
    raise AssertionError(f"{what} did not start:\n{log.read_text()[-2000:]}")


def cultiva(*words: str, status: int = 0) -> str:
    """What the command said, on either stream."""
    done = subprocess.run(
        [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    return done.stdout


def test_a_cluster_scores_as_one_machine_does(master: str, tmp_path: Path) -> None:
    """Every way to count, to age and to clamp, events at one instant, and rows that cannot be taken."""
    make_files(tmp_path, LEADS)
    (tmp_path / "events").mkdir()
    with duckdb.connect() as connection:
        for month, part in (("2026-01", 0), ("2026-02", 1)):
            own = "CASE WHEN hash(lead_id, path, asset) % 9999 = 0 THEN NULL ELSE lead_id END"
            connection.execute(
                f"COPY (SELECT * REPLACE ({own} AS lead_id, date_trunc('hour', occurred_at) AS occurred_at)"
                f" FROM '{tmp_path}/events.parquet' WHERE hash(occurred_at) % 2 = {part})"
                f" TO '{tmp_path}/events/{month}.parquet'"
            )
    (tmp_path / "model.yaml").write_text(json.dumps(model()))
    words = ["score", "run", str(tmp_path / "model.yaml"), "--leads", str(tmp_path / "leads.parquet"),
             "--events", str(tmp_path / "events"), "--at", AT.isoformat()]  # fmt: skip
    alone = cultiva(*words, "--out", str(tmp_path / "alone.parquet"))
    many = cultiva(*words, "--out", str(tmp_path / "many"), "--engine", "spark", "--master", master)
    for said in (alone, many):
        assert f"{LEADS} leads are scored" in said.splitlines()
    rejected = re.search(r"(\d+) rows were rejected", alone)
    assert rejected
    assert f"{rejected[1]} rows were rejected" in many
    with duckdb.connect() as connection:
        figures = ["fit", "interest", "engagement", "total"]
        apart = " OR ".join(
            [f"abs(a.{name} - m.{name}) > 1e-6" for name in figures]
            + [f"a.{name} IS DISTINCT FROM m.{name}" for name in ("temperature", "grade")]
        )
        rows = connection.execute(
            f"SELECT count(*), count(DISTINCT a.total), count(*) FILTER (WHERE {apart})"
            f" FROM '{tmp_path}/alone.parquet' a JOIN '{tmp_path}/many/*.parquet' m USING (lead_id)"
        ).fetchone()
    assert rows is not None
    assert rows[0] == LEADS
    assert rows[1] > 1000
    assert rows[2] == 0


def test_what_is_wrong_is_said(master: str, tmp_path: Path) -> None:
    make_files(tmp_path, 10)
    (tmp_path / "model.yaml").write_text(json.dumps(model()))
    words = ["score", "run", str(tmp_path / "model.yaml"), "--leads", str(tmp_path / "leads.parquet"),
             "--at", AT.isoformat(), "--out", str(tmp_path), "--engine", "spark", "--master", master]  # fmt: skip
    there = cultiva(*words, "--events", str(tmp_path / "events.parquet"), status=2)
    assert "cannot be written" in there
    assert "give a folder that is not there yet" in there
    assert "cannot be read" in cultiva(*words, "--events", str(tmp_path / "nothing"), status=2)
