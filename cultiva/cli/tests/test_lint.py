"""`cultiva score lint`: the faults of a model in a file."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cultiva.cli import scores
from cultiva.cli.scores import score
from cultiva.lib.documents import DocumentError

MODEL = "model: m\ndimensions: {all: {}}\nrules: [{key: r, when: {attribute: a, is: x}, points: 5}]\n"
BANDS = "temperature: {warm: 5, hot: 6}\n"


def lint(folder: Path, text: str, *more: str) -> Any:
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(score, ["lint", str(folder / "m.yaml"), *more])


def test_faults_are_printed_with_their_places_and_say_so_by_the_status(tmp_path: Path) -> None:
    assert (lint(tmp_path, MODEL).output, lint(tmp_path, MODEL).exit_code) == ("", 0)
    result = lint(tmp_path, MODEL + BANDS)
    assert result.exit_code == 1
    assert result.output == (
        "temperature.hot: nobody can reach 6: the total is 5 at most\n"
        "hint: lower the threshold, or raise points or limits\n"
    )
    assert "nadie puede llegar a 6" in lint(tmp_path, MODEL + BANDS, "--language", "es").output
    (fault,) = json.loads(lint(tmp_path, MODEL + BANDS, "--json").output)
    assert (fault["place"], fault["kind"]) == ("temperature.hot", "unreachable")
    assert isinstance(lint(tmp_path, "model: m").exception, DocumentError)


def test_a_workspace_adds_what_its_attributes_tell(
    tmp_path: Path, huerta: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "product", nullcontext)
    result = lint(tmp_path, MODEL, "--workspace", huerta.slug)
    assert result.exit_code == 1
    assert result.output.startswith("rules[0].when.attribute: no attribute `a` in this workspace")
