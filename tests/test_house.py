"""The house: floors, doors, and a clock that only doors and jobs read."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import URLResolver, get_resolver

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cultiva"
DOORS = {"web", "public", "api"}
READS_THE_CLOCK = {"web", "public", "api", "cli", "demo", "lib"}  # doors and jobs; demo/live is a job


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "tests" not in p.parts and "migrations" not in p.parts]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_rooms_import_only_the_floors_below() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_only_the_doors_answer_http() -> None:
    views = set()

    def walk(resolver: URLResolver) -> None:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern)
            else:
                views.add(pattern.callback.__module__)

    walk(get_resolver())
    assert len(views) > 5
    assert {module.split(".")[1] for module in views} <= DOORS
    for path in modules():
        room = path.relative_to(PACKAGE).parts[0]
        if room not in DOORS:
            answers = {n for n in imports(path) if n.startswith(("django.http", "django.shortcuts", "django.views"))}
            assert not answers or room == "accounts", f"{path} answers HTTP: {answers}"


def test_only_doors_and_jobs_read_the_clock() -> None:
    for path in modules():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in READS_THE_CLOCK:
            assert "cultiva.lib.clock" not in imports(path), path


def test_sql_never_reads_the_clock() -> None:
    words = ("now()", "current_timestamp", "clock_timestamp", "localtimestamp", "current_date")
    files = [p for p in PACKAGE.rglob("*.sql")]
    assert files
    for path in files:
        code = "\n".join(line.split("--")[0] for line in path.read_text().lower().splitlines())
        assert not any(word in code for word in words), path


def test_every_sql_file_opens_with_a_comment() -> None:
    for path in PACKAGE.rglob("*.sql"):
        assert path.read_text().startswith("--"), path


@pytest.mark.django_db(databases=["default", "owner"])
def test_migrations_are_those_of_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
