"""Models to begin with, each explained. They are drafts: whoever publishes one makes it say what the company knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cultiva.documents.normal import write_yaml
from cultiva.lib.documents import read_document

Json = dict[str, Any]

FOLDER = Path(__file__).parent
STARTERS = ("first-steps", "complete", "expansion")  # from the plainest on


@dataclass(frozen=True)
class Starter:
    """`text` is the model as YAML, its rules named in both languages; the name and the explanation are in one."""

    key: str
    name: str
    explanation: str
    text: str


def starters(language: str, *, personas: Sequence[str] = ()) -> list[Starter]:
    """In `es` or `en`, the plainest first.

    `personas`: keys of those that the workspace has. Where a starter asks how close somebody is to a persona, it asks
    for these; without any it asks for the job, the sector and the size of the company.
    """
    return [_starter(key, language, personas) for key in STARTERS]


def _starter(key: str, language: str, personas: Sequence[str]) -> Starter:
    found = read_document((FOLDER / f"{key}.yaml").read_text(encoding="utf-8"))
    name, model = found["name"][language], found["model"]
    rules = [each for rule in model["rules"] for each in _fitted(rule, personas)]
    body = {"model": key, "name": name} | model | {"rules": rules}
    return Starter(key, name, found["explanation"][language], write_yaml(body))


def _fitted(rule: Json, personas: Sequence[str]) -> list[Json]:
    """`without_persona` marks rules that stand in for closeness; `near_persona` those that the personas fill in."""
    if rule.get("without_persona"):
        return [] if personas else [{name: value for name, value in rule.items() if name != "without_persona"}]
    if "near_persona" not in rule:
        return [rule]
    near = {name: value for name, value in rule.items() if name != "near_persona"}
    close = [{"persona": key, "gte": rule["near_persona"]} for key in personas]
    return [near | {"when": {"any": close}}] if close else []
