"""Every setting, command, kind and event name has its line in the docs."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from django.conf import settings

from cultiva.cli import COMMANDS
from cultiva.lib.config import SETTINGS
from cultiva.lib.plugins import plugins
from cultiva.web.timeline import SENTENCES

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"


def reference(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def test_every_setting_is_documented() -> None:
    assert len(SETTINGS) == 19
    assert not [name for name in SETTINGS if f"`{name}`" not in reference("settings")]


def test_every_command_is_documented() -> None:
    assert not [name for name in COMMANDS if f"`{name}" not in reference("commands")]


def test_every_event_name_is_documented() -> None:
    assert not [name for name in SENTENCES if f"`{name}`" not in reference("events")]


def test_every_plugin_kind_is_documented() -> None:
    text = "\n".join(path.read_text() for path in REFERENCE.glob("*.md"))
    for group in settings.PLUGINS:
        assert not [kind for kind in plugins(group) if f"`{kind}" not in text], group


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "why" / "dependencies.md").read_text().lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    for each in required:
        name = re.split(r"[~=[;]", each)[0]
        assert name.lower() in reasons, name


def test_links_between_pages_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"
