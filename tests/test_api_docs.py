"""The examples of the API's page are run as they stand there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.product import ROOT, Product
from tests.smtp_sink import Sink

PAGE = ROOT / "docs" / "reference" / "api.md"


@pytest.mark.skipif(not shutil.which("curl"), reason="the examples call curl")
def test_the_examples_of_the_page_work(running: tuple[Product, Sink, Browser], tmp_path: Path) -> None:
    product = running[0]
    made = json.loads(
        product.command("apikey", "create", "--workspace", "riega", "--name", "Docs", "--scope", "*", "--json")
    )
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) > 5
    script = "set -e -o pipefail\n" + "\n".join(block.replace("\n\n", "\necho\n") + "\necho" for block in blocks)
    result = subprocess.run(
        ["bash", "-c", script], env={"CULTIVA": product.url, "KEY": made["api_key"], "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    answers = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert len(answers) > 12
    assert "openapi" in json.loads((tmp_path / "cultiva-openapi.json").read_text())
    assert '"external_id":"crm-815"' in result.stdout


def test_every_scope_and_operation_is_on_the_page() -> None:
    from cultiva.accounts.api_keys import SCOPES

    text = PAGE.read_text()
    assert not [scope for scope in SCOPES if f"`{scope}`" not in text]
