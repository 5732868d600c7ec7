"""The code in its usual form, and its types."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT

BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "cultiva", "tests", "bench", "conftest.py"]],
    ids=" ".join,
)
def test_style_and_types_hold(command: list[str]) -> None:
    result = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
