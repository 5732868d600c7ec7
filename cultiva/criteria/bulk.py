"""Criteria over files, on the columnar engine: the same tree, the same conditions, written for DuckDB.

What costs is done once a distinct value: each attribute or property that is asked for has a table of its distinct
values (`elements_a1`: the elements of each, folded by lib.folding), the tests run on that, and leads and events join
the answers.

    elements_a1  i  raw, stored, compared, plain, kind, is_single: made by the reader of the files (criteria.files)
    a1, p1          one row a distinct value of an attribute, or property: the answers to its tests
    happened     e  the events, with a column per test (criteria.one_pass)
    counted      t  one row a lead
"""

# ruff: noqa: S608 (the statement is built of our own fragments; every value is bound)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar

from django.utils.translation import gettext

from cultiva.criteria.context import ANY
from cultiva.criteria.dialects import DUCKDB, Dialect
from cultiva.criteria.language import Node, compile_predicate, placed_conditions
from cultiva.criteria.one_pass import OnePass
from cultiva.criteria.personas import Persona
from cultiva.criteria.values import Element, Test, Value
from cultiva.lib.documents import DocumentError


@dataclass
class Dictionary:
    """The distinct values under one name, and the tests that are asked of them."""

    alias: str
    dialect: Dialect
    tests: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)  # {name: SQL of its aggregate}

    def some(self, test: Test) -> str:
        passes = test(Element("i.stored", "i.compared", "i.plain"))
        self.tests.append(f"coalesce(bool_or({passes}), false) AS t{len(self.tests) + 1}")
        return f"coalesce({self.alias}.t{len(self.tests)}, false)"

    @property
    def identity(self) -> str:
        self.figures["identity"] = "max(CASE WHEN i.is_single THEN i.kind || ' ' || i.compared END)"
        return f"{self.alias}.identity"

    @property
    def number(self) -> str:
        number = self.dialect.number_in("i.stored")
        self.figures["number"] = f"max(CASE WHEN i.is_single AND i.kind IN ('string', 'number') THEN {number} END)"
        return f"{self.alias}.number"

    @property
    def step(self) -> str:
        figures = [f"{sql} AS {name}" for name, sql in self.figures.items()]
        columns = ", ".join(["i.raw", *figures, *self.tests])
        return f"{self.alias} AS MATERIALIZED (SELECT {columns} FROM elements_{self.alias} i GROUP BY i.raw)"


@dataclass
class BulkContext(OnePass):
    """Tables `lead` (lead_id, a1, ..) and `event` (lead_id, name, occurred_at, p1, ..) hold what was asked for.

    Where any event is asked for, `is_act` tells those that the person caused.
    """

    dialect: ClassVar[Dialect] = DUCKDB
    event_name: ClassVar[str] = "e.name"
    has_workspace: ClassVar[bool] = False
    at: str = "$at"
    personas: Mapping[str, Persona] = field(default_factory=dict)
    attributes: dict[str, Dictionary] = field(default_factory=dict)
    properties: dict[tuple[str, ...], Dictionary] = field(default_factory=dict)

    def attribute(self, name: str) -> Value:
        return self.attributes.setdefault(name, Dictionary(f"a{len(self.attributes) + 1}", self.dialect))

    def property(self, path: Sequence[str]) -> Value:
        return self.properties.setdefault(tuple(path), Dictionary(f"p{len(self.properties) + 1}", self.dialect))

    def event_is(self, name: str) -> str:
        self.events.add(name)
        if name == ANY:
            return "e.is_act"
        return f"e.name = {self.bind(name)}::text"

    def received_since(self, oldest: str) -> str:
        return ""

    def columns_of_lead(self) -> dict[str, str]:
        """{attribute: column of `lead`}, of what the fragments so far ask for."""
        return {name: each.alias for name, each in self.attributes.items()}

    def columns_of_event(self) -> dict[tuple[str, ...], str]:
        """{property path: column of `event`}"""
        return {path: each.alias for path, each in self.properties.items()}

    def dictionary_steps(self) -> list[str]:
        """The steps that answer the tests once a distinct value."""
        return [each.step for each in (*self.attributes.values(), *self.properties.values())]

    def joins_of_leads(self) -> str:
        """SQL after `lead l`: the answers of its attributes."""
        return "".join(f" LEFT JOIN {a.alias} ON {a.alias}.raw = l.{a.alias}" for a in self.attributes.values())

    def happened(self, *more: str) -> str:
        """The step `happened`: events up to `at` with a column a test, and `more` columns."""
        joins = "".join(f" LEFT JOIN {p.alias} ON {p.alias}.raw = e.{p.alias}" for p in self.properties.values())
        columns = ", ".join(["e.lead_id", *more, "e.occurred_at", *self.columns])
        return (
            f"happened AS (SELECT {columns} FROM event e{joins} WHERE e.occurred_at <= {self.at}{self.oldest_wanted()})"
        )


@dataclass(frozen=True)
class BulkSelection:
    """The leads that meet criteria: a statement with `$at` and `parameters`, and what its tables must hold."""

    sql: str
    parameters: Mapping[str, Any]
    attributes: Mapping[str, str]  # {name: column of `lead`}
    properties: Mapping[tuple[str, ...], str]  # {path: column of `event`}
    events: frozenset[str]  # names; `any` for all


def compile_bulk(node: Node, *, timezone: str = "UTC", personas: Mapping[str, Persona] | None = None) -> BulkSelection:
    """Raises DocumentError where a condition asks for what files do not tell."""
    context = BulkContext(timezone=timezone, personas=personas or {})
    check_reads_files([("criteria", node)], context.personas)
    predicate = compile_predicate(node, context)
    return BulkSelection(
        sql=_selection(predicate, context),
        parameters=context.parameters,
        attributes=context.columns_of_lead(),
        properties=context.columns_of_event(),
        events=frozenset(context.events),
    )


def check_reads_files(trees: Sequence[tuple[str, Node]], personas: Mapping[str, Persona]) -> None:
    """`trees`: [(place, node)]. Raises DocumentError for a condition that asks for what files do not tell."""
    more = [(f"persona {each.key}", when) for each in personas.values() for when, _weight in each.criteria]
    for place, condition in chain(*(placed_conditions(tree, where) for where, tree in [*trees, *more])):
        if not condition.reads_files:
            hint = gettext("files tell of attributes, events, tags and, with --personas, personas")
            raise DocumentError(
                place, gettext("`%(kind)s` cannot be answered from files") % {"kind": condition.kind}, hint
            )


def _selection(predicate: str, context: BulkContext) -> str:
    steps, leads = context.dictionary_steps(), context.joins_of_leads()
    if context.counts:
        steps += [context.happened(), f"counted AS (SELECT e.lead_id, {', '.join(context.counts)}"
                  " FROM happened e GROUP BY e.lead_id)"]  # fmt: skip
        leads += " LEFT JOIN counted t ON t.lead_id = l.lead_id"
    beginning = "WITH " + ",\n".join(steps) + "\n" if steps else ""
    # `at` is bound in every statement, asked for or not.
    return f"{beginning}SELECT l.lead_id FROM lead l{leads}\n WHERE {predicate} AND $at IS NOT NULL"
