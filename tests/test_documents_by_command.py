"""`cultiva plan`, `apply` and `pull`, as a person or a pipeline runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import pytest

from tests.product import ROOT, Product, open_folder

DOCUMENTS = ROOT / "cultiva" / "demo" / "documents"
COUNT = len(list(DOCUMENTS.rglob("*.yaml")))
TWO = ["--workspace", "uno", "--workspace", "dos"]
ONE = ["--workspace", "uno"]


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """An empty product with two workspaces."""
    with open_folder() as folder, Product(folder, CULTIVA_DEMO="0") as product:
        for name in ("Uno", "Dos"):
            product.command("workspace", "create", "--name", name)
        yield product


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DOCUMENTS, tmp_path / "docs"))


def run(product: Product, *words: str, typed: str = "") -> tuple[int, str, str]:
    """(exit status, output, errors)"""
    done = subprocess.run(
        [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=product.environ, capture_output=True, text=True,
        check=False, input=typed,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def versions(product: Product, table: str = "model_version") -> list[tuple[str, int]]:
    return product.query(
        f"SELECT w.slug, count(*) FROM {table} d JOIN workspace w ON w.id = d.workspace_id GROUP BY w.slug ORDER BY 1"
    )


def put(product: Product, kind: str, key: str, text: str) -> None:
    made = json.loads(
        product.command("apikey", "create", *ONE, "--name", "Other hand", "--scope", "documents:write", "--json")
    )
    headers = {"Authorization": f"Bearer {made['api_key']}", "Content-Type": "application/json"}
    address = f"{product.url}/api/v1/documents/{kind}/{key}"
    body = json.dumps({"text": text}).encode()
    assert urlopen(Request(address, data=body, headers=headers, method="PUT")).status == 200


def test_a_folder_goes_to_two_workspaces_and_back(product: Product, folder: Path, tmp_path: Path) -> None:
    status, said, _ = run(product, "plan", str(folder), *TWO)
    assert status == 2
    assert said.count(f"{COUNT} to create, 0 to change") == 2
    assert versions(product) == []

    status, _, errors = run(product, "apply", str(folder), *TWO, typed="n\n")
    assert (status, versions(product)) == (1, [])
    assert f"Apply {2 * COUNT} changes to uno, dos?" in errors
    assert "Nothing was changed." in errors

    status, said, _ = run(product, "apply", str(folder), *TWO, typed="y\n")
    assert status == 0
    assert f"uno: {COUNT} changes applied" in said
    assert f"dos: {COUNT} changes applied" in said
    assert versions(product) == [("dos", 1), ("uno", 1)]

    status, said, _ = run(product, "apply", str(folder), *TWO)  # nothing to ask
    assert status == 0
    assert "uno: nothing to do" in said

    pulled = tmp_path / "pulled"
    assert run(product, "pull", str(pulled), "--workspace", "dos")[0] == 0
    assert {path.relative_to(pulled) for path in pulled.rglob("*") if path.is_file()} == {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file()
    }
    assert run(product, "plan", str(pulled), *TWO)[0] == 0

    # One workspace differs, and its files go their own way.
    model = folder / "models" / "readiness.yaml"
    model.write_text(model.read_text().replace("points: 9", "points: 8", 1))
    assert run(product, "apply", str(folder), *ONE, "--yes")[0] == 0
    status, said, _ = run(product, "plan", str(folder), *TWO, "--json")
    plans = json.loads(said)["workspaces"]
    assert status == 2
    assert [(each["workspace"], each["changed"]) for each in plans] == [("uno", 0), ("dos", 1)]
    (change,) = [each for each in plans[1]["documents"] if each["status"] == "changed"]
    assert "-  points: 9\n+  points: 8" in change["diff"]

    # Another hand changes it in the product.
    put(product, "model", "readiness", model.read_text().replace("goal: purchase", "goal: demo"))
    model.write_text(model.read_text().replace("points: 8", "points: 7", 1))
    status, said, _ = run(product, "plan", str(folder), *ONE)
    assert status == 2
    assert "drift: changed in the product since it was applied on" in said
    status, _, errors = run(product, "apply", str(folder), *ONE, "--yes")
    assert status == 1
    assert "Changed in the product since the last apply: model `readiness`" in errors
    assert "--overwrite" in errors
    assert run(product, "apply", str(folder), *ONE, "--yes", "--overwrite")[0] == 0
    assert run(product, "plan", str(folder), *ONE)[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["plan", "DIR"], "Missing option '--workspace'"),
        (["plan", "DIR", "--workspace", "nix"], "There is no workspace 'nix'"),
        (["plan", "DIR/nix", "--workspace", "uno"], "is no folder"),
        (["plan", "DIR/forms", "--workspace", "uno"], "a document lies in the folder of its kind"),
        (["plan", "DIR", "--workspace", "uno", "--delete", "boletin"], "names no document"),
        (["apply", "DIR", "--workspace", "uno", "--delete", "form/nix", "--yes"], "there is no form `nix` to delete"),
        (["apply", "DIR", "--workspace", "uno", "--workspace", "nix", "--yes"], "There is no workspace 'nix'"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_says_why(
    product: Product, folder: Path, words: list[str], says: str
) -> None:
    status, _, errors = run(product, *(word.replace("DIR", str(folder)) for word in words))
    assert status == 1
    assert says in errors


def test_a_broken_file_keeps_every_workspace_as_it_is(product: Product, folder: Path) -> None:
    before = versions(product, "purpose_version")
    (folder / "purposes" / "sms.yaml").write_text("purpose: sms\nchannel: sms\nlanguages: {es: {label: SMS}}\n")
    (folder / "purposes" / "huge.yaml").write_bytes(b"x" * 10 * 1024**2)
    (folder / "purposes" / "old.yaml").write_bytes("purpose: old\n# Señal\n".encode("latin-1"))
    (folder / "purposes" / "twice.yaml").write_text("purpose: twice\nchannel: sms\nchannel: email\n")
    status, _, errors = run(product, "apply", str(folder), *TWO, "--yes")
    assert status == 1
    for says in ("huge.yaml: the file holds 10485760 bytes", "old.yaml, line 2: the bytes f1", "twice.yaml, line 3"):
        assert says in errors
    assert versions(product, "purpose_version") == before


def test_an_apply_killed_in_the_middle_leaves_nothing(product: Product, folder: Path) -> None:
    product.command("workspace", "create", "--name", "Tres")
    with psycopg.connect(product.owner_url) as holder:
        # The audit log is written last: holding its lock stops the command with all documents published.
        place = holder.execute("SELECT id FROM workspace WHERE slug = 'tres'").fetchone()
        assert place
        holder.execute("SELECT pg_advisory_xact_lock(hashtext('audit'), %s)", [place[0]])
        process = subprocess.Popen(
            [sys.executable, "-m", "cultiva", "apply", str(folder), "--workspace", "tres", "--yes"],
            cwd=ROOT, env=product.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        product.wait_for(lambda: product.query(waits), 60)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert ("tres", 1) not in versions(product)
    assert product.query(f"SELECT count(*) FROM applied_document WHERE workspace_id = {place[0]}") == [(0,)]
    assert run(product, "apply", str(folder), "--workspace", "tres", "--yes")[0] == 0
    assert ("tres", 1) in versions(product)


def test_two_who_publish_at_once_do_not_write_over_each_other(product: Product, folder: Path) -> None:
    product.command("workspace", "create", "--name", "Cuatro")
    words = ["apply", str(folder), "--workspace", "cuatro", "--yes"]
    assert run(product, *words)[0] == 0
    model = folder / "models" / "readiness.yaml"
    model.write_text(model.read_text().replace("points: 9", "points: 8", 1))
    with psycopg.connect(product.owner_url) as other:
        other.execute(
            "INSERT INTO model_version (workspace_id, key, version, name, body, source_text, published_at, is_primary)"
            " SELECT m.workspace_id, m.key, 2, m.name, m.body, m.source_text, now(), true FROM model_version m"
            " JOIN workspace w ON w.id = m.workspace_id WHERE w.slug = 'cuatro'"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=product.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        product.wait_for(lambda: product.query("SELECT 1 FROM pg_locks WHERE NOT granted"), 60)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Somebody else published one of these documents at this instant" in errors
    assert ("cuatro", 2) in versions(product)
    assert run(product, *words)[0] == 0
    assert ("cuatro", 3) in versions(product)


def test_what_was_pulled_has_not_drifted(product: Product, folder: Path) -> None:
    assert run(product, "apply", str(folder), *ONE, "--yes", "--overwrite")[0] == 0
    model = folder / "models" / "readiness.yaml"
    put(product, "model", "readiness", model.read_text().replace("goal: purchase", "goal: demo"))
    assert "1 drifted" in run(product, "plan", str(folder), *ONE)[1]

    status, said, _ = run(product, "pull", str(folder), *ONE)
    assert (status, said.splitlines()[0]) == (0, "wrote models/readiness.yaml")
    status, said, _ = run(product, "plan", str(folder), *ONE)
    assert status == 0
    assert f" 0 to change, 0 to delete, {COUNT} unchanged, 0 drifted, 0 problems" in said

    # A change of the file goes through without --overwrite: nobody changed anything in the product since the pull.
    model.write_text(model.read_text().replace("goal: demo", "goal: purchase"))
    status, said, _ = run(product, "plan", str(folder), *ONE)
    assert "0 drifted" in said
    assert run(product, "apply", str(folder), *ONE, "--yes")[0] == 0


def test_files_of_what_the_product_does_not_have_stay_and_are_named(product: Product, folder: Path) -> None:
    assert run(product, "apply", str(folder), *ONE, "--yes", "--overwrite")[0] == 0
    other = folder / "segments" / "other.yaml"
    other.write_text("segment: other\ncriteria: {tag: vip}\n")
    status, said, _ = run(product, "pull", str(folder), *ONE, "--json")
    assert (status, json.loads(said)["others"]) == (0, ["segments/other.yaml"])
    assert other.exists()
    status, said, _ = run(product, "plan", str(folder), *ONE)
    assert "+ segments/other.yaml is new" in said
    assert "0 drifted" in said


def test_all_mistakes_of_all_files_are_told_at_once(product: Product, folder: Path) -> None:
    (folder / "models" / "readiness.yaml").write_text(
        "model: readiness\ndimensions: {interest: {maxx: 60}}\nrules:\n"
        "  - {key: one, points: many, when: {attribute: country, iz: ES}}\n"
        "  - {key: two, points: 5, when: {any: [{event: page, times: {at_least: -1}}, {attribut: x, is: 1}]}}\n"
    )
    (folder / "segments" / "bad.yaml").write_text(
        "segment: bad\ncriteria:\n  all:\n    - {attribute: contry, is: ES}\n"
        "    - {event: pagee}\n    - {segment: non}\n"
    )
    status, _, errors = run(product, "plan", str(folder), *ONE)
    assert status == 1
    for said in (
        "models/readiness.yaml, line 2, dimensions.interest: unknown key `maxx`\nhint: did you mean `max`?",
        "models/readiness.yaml, line 4, rules[0].points: a number is needed, not 'many'",
        "models/readiness.yaml, line 4, rules[0].when: unknown key `iz`\nhint: known: after",
        "rules[1].when.any[0].times.at_least: a whole number from 0 is needed, not -1",
        "rules[1].when.any[1]: unknown key `attribut`\nhint: did you mean `attribute`?",
        "segments/bad.yaml, line 4, criteria.all[0].attribute: no attribute `contry` in this workspace",
        "segments/bad.yaml, line 6, criteria.all[2].segment: there is no segment `non`",
    ):
        assert said in errors
    assert errors.count("error: ") == 8
