"""What staff set up by clicking, set up by command; and the doctor."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.browser import Browser
from tests.product import ROOT, Product
from tests.smtp_sink import Sink

Running = tuple[Product, Sink, Browser]
DOCUMENTS = ROOT / "cultiva" / "demo" / "documents"
COUNT = len(list(DOCUMENTS.rglob("*.yaml")))


def refused(product: Product, *words: str) -> str:
    """What a command that fails says; it never shows a traceback."""
    command = [sys.executable, "-m", "cultiva", *words]
    result = subprocess.run(command, cwd=ROOT, env=product.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_the_doctor_finds_the_running_product_well(running: Running) -> None:
    product = running[0]
    command = [sys.executable, "-m", "cultiva", "doctor", "--json"]
    result = subprocess.run(command, cwd=ROOT, env=product.environ, capture_output=True, text=True, check=False)
    findings = {each["what"]: each for each in json.loads(result.stdout)}
    # A mail server with a local address is what this test sets up, and what the doctor should mind.
    assert {what for what, each in findings.items() if not each["is_good"]} == {"public address"}
    assert "set PUBLIC_URL" in findings["public address"]["hint"]
    assert "cultiva_app" in findings["roles"]["seen"]
    assert set(findings) == {
        "versions", "database", "tables", "roles", "connections", "time", "mail", "public address", "disk", "flow",
        "steps", "set aside", "metrics",
    }  # fmt: skip


def test_a_workspace_of_ones_own_takes_leads_at_once(running: Running) -> None:
    product = running[0]
    made = json.loads(product.command("workspace", "create", "--name", "Mi Huerto", "--json"))
    assert made["slug"] == "mi-huerto"
    assert f"{COUNT} changes applied" in product.command("apply", str(DOCUMENTS), "--workspace", "mi-huerto", "--yes")
    person = json.loads(
        product.command(
            "user", "create", "--workspace", "mi-huerto", "--email", "luz@huerto.example", "--name", "Luz", "--json"
        )
    )
    assert person["role"] == "owner"
    assert product.get(person["sign_in_link"].removeprefix(product.url))[0] == 200
    assert "Riega" in product.get("/f/mi-huerto/guia-riego")[1]
    assert "There is already a workspace `mi-huerto`" in refused(product, "workspace", "create", "--name", "Mi Huerto")


def test_a_person_is_taken_out_and_erased_by_command(running: Running, tmp_path: Path) -> None:
    product = running[0]
    email = product.query("SELECT email FROM lead WHERE email <> '' AND merged_into_id IS NULL ORDER BY id LIMIT 1")[0][
        0
    ]
    out = tmp_path / "person.zip"
    assert "bytes" in product.command("privacy", "export", email, "--workspace", "riega", "--to", str(out))
    with zipfile.ZipFile(out) as taken:
        assert {"report.html", "person.json", "provided.json", "receipt.jsonld"} <= set(taken.namelist())
        assert email in taken.read("person.json").decode()
    preview = json.loads(product.command("privacy", "erase", email, "--workspace", "riega", "--json"))
    assert preview["is_erased"] is False
    assert {"lead", "event"} <= {part["table"] for part in preview["tables"]}
    assert product.query(f"SELECT count(*) FROM lead WHERE email = '{email}'") == [(1,)]
    product.command("privacy", "erase", email, "--workspace", "riega", "--yes")
    assert product.query(f"SELECT count(*) FROM lead WHERE email = '{email}'") == [(0,)]
    assert "There is no lead" in refused(product, "privacy", "erase", email, "--workspace", "riega", "--yes")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["workspace", "create", "--name", "X", "--language", "fr"], "No language 'fr'"),
        (["workspace", "create", "--name", "X", "--time-zone", "Madrid"], "No time zone 'Madrid'"),
        (["workspace", "create", "--name", "¿?"], "No address can be made"),
        (
            ["user", "create", "--workspace", "nix", "--email", "a@b.example", "--name", "A"],
            "There is no workspace 'nix'",
        ),
        (["user", "create", "--workspace", "riega", "--email", "a", "--name", "A"], "is not an e-mail address"),
        (["user", "link", "nobody@riega.example"], "There is no user"),
        (["clock", "advance", "3 days"], "is no span of time"),
        (["collector"], "has no port of its own"),
        (["apikey", "create", "--workspace", "riega", "--name", "X", "--scope", "leads:red"], "No scope 'leads:red'"),
        (
            ["apikey", "create", "--workspace", "riega", "--name", "X", "--scope", "*", "--expires", "soon"],
            "no instant",
        ),
        (["apikey", "revoke", "--workspace", "riega", "999999"], "no API key 999999"),
        (["source", "stop", "--workspace", "riega", "nix"], "There is no source 'nix'"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(running: Running, words: list[str], says: str) -> None:
    message = refused(running[0], *words)
    assert says in message
    assert "hint:" in message


def test_a_taken_port_is_told_with_the_way_out(running: Running) -> None:
    message = refused(running[0], "up")
    assert f"PORT is '{running[0].port}'" in message
    assert f"for example PORT={running[0].port + 10}" in message


def test_the_clock_moves_for_every_process_at_once(running: Running) -> None:
    product = running[0]
    before = datetime.fromisoformat(product.command("clock", "show").strip())
    product.command("clock", "advance", "30m")
    after = datetime.fromisoformat(product.command("clock", "show").strip())
    assert timedelta(minutes=30) <= after - before < timedelta(minutes=31)


def test_a_key_made_by_command_opens_the_api_until_it_is_revoked(running: Running) -> None:
    product = running[0]
    words = ["--workspace", "riega", "--json"]
    made = json.loads(product.command("apikey", "create", "--name", "CRM", "--scope", "leads:read", *words))

    def status() -> int:
        headers = {"Authorization": f"Bearer {made['api_key']}"}
        try:
            return int(urlopen(Request(f"{product.url}/api/v1/leads?limit=1", headers=headers)).status)
        except HTTPError as error:
            return error.code

    assert status() == 200
    listed = {each["id"]: each for each in json.loads(product.command("apikey", "list", *words))}
    assert listed[made["id"]]["ends_in"] == made["api_key"][-4:]
    assert made["api_key"] not in str(listed)
    product.command("apikey", "revoke", str(made["id"]), *words)
    assert status() == 401


def test_a_source_changes_its_key_and_stops_by_command(running: Running) -> None:
    product = running[0]
    words = ["--workspace", "riega", "--json"]
    made = json.loads(
        product.command("source", "create", "--key", "shop", "--name", "Shop", "--kind", "server", *words)
    )

    def status(write_key: str) -> int:
        body = json.dumps({"anonymousId": "a", "event": "x", "messageId": write_key}).encode()
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        try:
            return int(urlopen(Request(f"{product.url}/v1/track", data=body, headers=headers)).status)
        except HTTPError as error:
            return error.code

    second = json.loads(product.command("source", "key", "shop", *words))["write_key"]
    assert [status(made["write_key"]), status(second)] == [200, 200]
    product.command("source", "key", "shop", "--revoke", made["write_key"][-4:], *words)
    product.wait_for(lambda: status(made["write_key"]) == 401)  # the collector looks keys up anew within seconds
    assert status(second) == 200
    assert "No key of 'shop' ends in 'zzzz'" in refused(product, "source", "key", "shop", "--revoke", "zzzz", *words)
    third = json.loads(product.command("source", "key", "shop", "--revoke-others", *words))
    assert third["revoked"] == 1
    product.wait_for(lambda: [status(made["write_key"]), status(second)] == [401, 401])
    assert status(third["write_key"]) == 200
    product.command("source", "stop", "shop", *words)
    product.wait_for(lambda: status(third["write_key"]) == 401)
    assert {each["key"]: each for each in json.loads(product.command("source", "list", *words))}["shop"]["stopped_at"]


def test_metrics_are_reached_on_their_own_port_alone(running: Running) -> None:
    product = running[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{product.port + 1}/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert 'cultiva_flow_waiting{queue="arrivals",workspace="riega"}' in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        product.get("/metrics")


def test_failed_work_is_listed_retried_and_forgotten_by_command(running: Running) -> None:
    product = running[0]
    assert product.command("flow", "failures", "--workspace", "riega") == "Nothing failed.\n"
    lead_id = product.query("SELECT id FROM lead ORDER BY id LIMIT 1")[0][0]
    riega = product.query("SELECT id FROM workspace WHERE slug = 'riega'")[0][0]
    for lead in (lead_id, lead_id + 1):
        product.query(
            "INSERT INTO flow_failure (workspace_id, stage, subject_id, step, error, failed_at, set_aside_at)"
            f" VALUES ({riega}, 'leads', {lead}, 'scoring.score', 'KeyError', now(), now())"
            " RETURNING id"
        )
    found = json.loads(product.command("flow", "failures", "--workspace", "riega", "--json"))
    assert [each["subject_id"] for each in found] == [lead_id, lead_id + 1]
    assert "set aside" in product.command("flow", "failures", "--workspace", "riega")
    first, second = (str(each["id"]) for each in found)
    assert product.command("flow", "discard", "--workspace", "riega", second) == "1 forgotten\n"
    assert product.command("flow", "retry", "--workspace", "riega", first) == "1 went well, 0 failed again\n"
    assert product.command("flow", "failures", "--workspace", "riega") == "Nothing failed.\n"
