"""`cultiva consent check` needs neither a database nor settings."""

import json
from pathlib import Path

from click.testing import CliRunner

from cultiva.cli.consent import consent


def test_what_is_no_bundle_is_told_so_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "consent.zip"
    file.write_bytes(b"PK\x03\x04 not really")
    run = CliRunner().invoke(consent, ["check", str(file)])
    assert run.exit_code == 1
    assert "PROBLEM: not a bundle" in run.output
    run = CliRunner().invoke(consent, ["check", str(file), "--json"])
    assert json.loads(run.output)["is_genuine"] is False
