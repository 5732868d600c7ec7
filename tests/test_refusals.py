"""What is refused is refused in the reader's language: no message goes past gettext."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import ROOT

PACKAGE = ROOT / "cultiva"


def refusals() -> set[str]:
    """The classes that stem from Refusal."""
    classes = [
        each for path in modules() for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.ClassDef)
    ]
    found, before = {"Refusal"}, set[str]()
    while found != before:
        before = found
        found = found | {each.name for each in classes if {ast.unparse(base) for base in each.bases} & found}
    return found


def bare_messages(code: str, names: set[str]) -> list[str]:
    """The messages of refusals that are literals, or variables that hold one; examples in YAML need no translation."""
    found = []
    for function in (each for each in ast.walk(ast.parse(code)) if isinstance(each, ast.FunctionDef)):
        messages = [each for call in calls(function, names) for each in said(call)]
        variables = {each.id for each in messages if isinstance(each, ast.Name)}
        messages += [
            each.value
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id in variables for t in each.targets)
        ]
        found += [ast.unparse(part) for each in messages for part in literals(each)]
    return found


def calls(function: ast.FunctionDef, names: set[str]) -> Iterator[ast.Call]:
    for each in ast.walk(function):
        if isinstance(each, ast.Call):
            name = each.func.id if isinstance(each.func, ast.Name) else getattr(each.func, "attr", "")
            if name in names:
                yield each


def said(call: ast.Call) -> list[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    begin = 1 if name in ("DocumentError", "Problem") else 0  # after the place
    return [*call.args[begin:], *(each.value for each in call.keywords if each.arg in ("problem", "hint"))]


def literals(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from literals(node.left)
        yield from literals(node.right)
    elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        values = node.values if isinstance(node, ast.JoinedStr) else [node]
        first = values[0].value if values and isinstance(values[0], ast.Constant) else ""
        texts = "".join(str(each.value) for each in values if isinstance(each, ast.Constant))
        if " " in texts.strip() and not str(first).startswith(("{", "[", "(")):
            yield node


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not {"tests", "migrations", "cli"} & set(path.parts)]


def test_no_refusal_is_in_one_language_alone() -> None:
    names = {*refusals(), "Problem", "refused"}
    assert {"DocumentError", "CannotDelete", "SegmentRefused", "PersonaRefused", "UnreadableFiles"} <= names
    found = {str(path.relative_to(PACKAGE)): bare_messages(path.read_text(), names) for path in modules()}
    assert not {path: messages for path, messages in found.items() if messages}


@pytest.mark.parametrize(
    ("code", "is_bare"),
    [
        ('raise DocumentError("rules", f"there are {n} rules")', True),
        ('raise DocumentError("rules", gettext("there are rules"), "leave some out")', True),
        ('problem = "too many" if n else gettext("none")\n    raise DocumentError("rules", problem)', True),
        ('raise SegmentRefused("It is too late.")', True),
        ('raise DocumentError(f"rules of {n}", gettext("there are %(n)s") % {"n": n}, "{any: [1, 2]}")', False),
        ('raise DocumentError("rules", gettext("unknown"), nearest(n, known))', False),
    ],
)
def test_it_finds_messages_that_go_past_gettext(code: str, is_bare: bool) -> None:
    assert bool(bare_messages(f"def read(n):\n    {code}\n", {"DocumentError", "SegmentRefused"})) == is_bare
