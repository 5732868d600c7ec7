"""Criteria as a person wrote them: read, with every problem and its place; counted; and the field of a form."""

import io
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cultiva.accounts.models import Workspace
from cultiva.criteria import language
from cultiva.criteria.checking import check
from cultiva.criteria.personas import AnyPersona
from cultiva.leads.audience import Predicate
from cultiva.lib.documents import DocumentError, read_document
from cultiva.segments.standing import personas_of

PLACE = "criteria"
MOST_CHARACTERS = 200_000  # below DATA_UPLOAD_MAX_MEMORY_SIZE, as a form sends them
MOST_PROBLEMS = 20
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


@dataclass(frozen=True)
class Problem:
    """`place` as in `criteria.all[1].between`; `line` from 1, 0 where unknown."""

    place: str
    message: str
    hint: str = ""
    line: int = 0


@dataclass(frozen=True)
class Reading:
    """`node` is there only where there is no problem, `document` wherever the text is YAML."""

    document: dict[str, Any] | None
    node: language.Node | None
    problems: tuple[Problem, ...]


def read_criteria(text: str, workspace: Workspace) -> Reading:
    """What a text of YAML or JSON says, or what is wrong with it."""
    if len(text) > MOST_CHARACTERS:
        message = _("The criteria are longer than %(n)d characters.") % {"n": MOST_CHARACTERS}
        return Reading(None, None, (Problem(PLACE, message, shorter()),))
    if not text.strip():
        return Reading(None, None, (Problem(PLACE, _("Nothing is asked yet."), _("Add a condition.")),))
    try:
        document = read_document(text, name=PLACE)
    except DocumentError as error:
        line = re.search(r", line (\d+)", error.place)
        return Reading(None, None, (Problem(error.place, error.problem, error.hint, int(line[1]) if line else 0),))
    if not _is_json(document, text):
        plain = Problem(PLACE, _("Only texts, numbers, true, false, lists and mappings can stand here."))
        return Reading(None, None, (plain,))
    found, node = list[DocumentError](), None
    try:
        node = language.parse(document, place=PLACE)
        # Refuses what only workflows offer: `since`.
        language.compile_predicate(node, language.Context(personas=AnyPersona()))
    except DocumentError as error:
        found, node = error.errors[:MOST_PROBLEMS], None
    lines = _Lines(text) if found else None
    problems = tuple(
        Problem(each.place, each.problem, each.hint, lines.of(each.place) if lines else 0) for each in found
    )
    return Reading(document, node, problems)


def shorter() -> str:
    return _("Give these people a tag by an import and ask for it.")


def _is_json(document: Any, text: str) -> bool:
    """No references of YAML (a few lines of them unfold to gigabytes), no infinity, no key that is a list."""
    if "*" in text and any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text)):
        return False
    try:
        json.dumps(document, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


class _Lines:
    """Where in the text a place of the document begins."""

    def __init__(self, text: str) -> None:
        try:
            self.root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except YAMLError:
            self.root = None

    def of(self, place: str) -> int:
        node, line = self.root, 1
        for key, number in STEP.findall(place):
            found = _step(node, key, number)
            if found is None:
                break
            node = found
            line = int(node.start_mark.line) + 1
        return line if self.root else 0


def _step(node: Node | None, key: str, number: str) -> Node | None:
    found: Node | None = None
    if isinstance(node, MappingNode) and key:
        found = next((v for k, v in node.value if isinstance(k, ScalarNode) and k.value == key), None)
    if isinstance(node, SequenceNode) and number and int(number) < len(node.value):
        found = node.value[int(number)]
    return found


def write_criteria(document: Any) -> str:
    """A saved document for the text area; the component writes it anew in its own form at the first change."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # groups in lines, a condition in one
    yaml.allow_unicode = True
    yaml.width = 110
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(document, stream)
    return stream.getvalue()


def readable(text: str) -> str:
    """JSON as lines of YAML; what is none stays as it is."""
    try:
        return write_criteria(json.loads(text))
    except (ValueError, RecursionError):
        return text


def predicate_of(node: language.Node, *, workspace: Workspace, at: datetime) -> Predicate:
    context = language.Context(timezone=workspace.time_zone, personas=personas_of(workspace.id))
    sql = language.compile_predicate(node, context)
    return Predicate(sql, {**context.parameters, "at": at})


class CriteriaField(forms.CharField):
    """A text area of YAML, cleaned to the document; in templates `{% criteria_builder form.criteria %}`.

    The form sets `workspace` before it validates:

        class RuleForm(forms.Form):
            criteria = CriteriaField()

            def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.fields["criteria"].workspace = workspace
    """

    widget = forms.Textarea({"rows": 8, "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"})
    workspace: Workspace

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": gettext_lazy("Who"), "strip": False, **options})

    def clean(self, value: Any) -> dict[str, Any] | None:
        text = super().clean(value)
        if not text.strip() and not self.required:
            return None
        reading = read_criteria(text, self.workspace)
        problems = reading.problems or self._unknown(reading, text)
        if problems:
            raise ValidationError([said(problem) for problem in problems])
        return reading.document

    def _unknown(self, reading: Reading, text: str) -> list[Problem]:
        """Names that the workspace does not know: what is kept would mean nobody, and say nothing of it."""
        assert reading.node is not None
        found = check(reading.node, workspace_id=self.workspace.id, place=PLACE)[:MOST_PROBLEMS]
        lines = _Lines(text)
        return [Problem(each.place, each.problem, each.hint, lines.of(each.place)) for each in found]


def said(problem: Problem) -> str:
    """`Line 3, all[1].between: …`"""
    place = problem.place.removeprefix(PLACE).lstrip(".,")
    where = [_("line %(n)d") % {"n": problem.line} if problem.line else "", place if "line" not in place else ""]
    begun = ", ".join(filter(None, where))
    return f"{begun}: {problem.message}" + (f" ({problem.hint})" if problem.hint else "") if begun else problem.message
