"""Scores over files, on the columnar engine: the steps of scoring.compile, over the tables of criteria.bulk."""

# ruff: noqa: S608 (the statements are built of our own fragments; every value is bound)

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from cultiva.criteria.bulk import BulkContext, check_reads_files
from cultiva.criteria.files import quoted
from cultiva.criteria.personas import Persona
from cultiva.scoring.compile import ModelContext, compile_steps, graded
from cultiva.scoring.model import ScoringModel


@dataclass
class BulkModelContext(ModelContext, BulkContext):
    at: str = "$at"


class Tables:
    """`lead` and `event`; the place of a row says which of two events at one instant is the later one."""

    lead_id = "l.lead_id"
    most_listed: int | None = None

    def read(self, model: ScoringModel, context: ModelContext) -> Sequence[str]:
        assert isinstance(context, BulkModelContext)
        happened = context.happened("e.rowid AS id").replace("happened AS (", "happened AS MATERIALIZED (", 1)
        return [*context.dictionary_steps(), "touched AS (SELECT * FROM lead)", happened]

    def joins(self, context: ModelContext) -> str:
        assert isinstance(context, BulkModelContext)
        return context.joins_of_leads()


@dataclass(frozen=True)
class Statement:
    """A query as of `$at`, with the values that it names: the engine takes no others."""

    sql: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, sql: str, values: Mapping[str, Any]) -> Self:
        named = set(re.findall(r"\$(c[0-9]+)\b", sql))
        return cls(sql, {name: value for name, value in values.items() if name in named})

    def bound(self, at: datetime) -> dict[str, Any]:
        return {**self.values, "at": at}


@dataclass(frozen=True)
class BulkModel:
    """A model as statements, and what their tables must hold.

    `scores`: lead_id, a column a dimension by its name, total (as shown), temperature and grade (NULL where the
    model has none). `parts`: lead_id, raw_<n>, points_<n>, next_<n> of each rule, dimension_<n>, total: not rounded.
    `standing`: lead_id, total and dimensions as shown ({name: value}, JSON), grade, next_change_at.
    `of_parts`: the scores once more, of a table `totalled` that holds the rows of `parts`.
    `evidence`: rule (from 0), id (the place in table `event`), occurred_at, weight, count; None where no rule reads
    events.
    """

    scores: Statement
    parts: Statement
    standing: Statement
    of_parts: Statement
    evidence: Statement | None
    attributes: Mapping[str, str]  # {name: column of `lead`}
    properties: Mapping[tuple[str, ...], str]  # {path: column of `event`}
    events: frozenset[str]  # names; `any` for all


def compile_bulk_model(
    model: ScoringModel, *, timezone: str = "UTC", personas: Mapping[str, Persona] | None = None
) -> BulkModel:
    """`timezone` serves a model that names none. Raises DocumentError where a rule asks for what files do not tell."""
    context = BulkModelContext(timezone=model.timezone or timezone, personas=personas or {})
    check_reads_files([(f"rule {rule.key}", rule.when) for rule in model.rules], personas or {})
    steps, evidence = compile_steps(model, context, Tables())
    scores, bound = _scores(model, context), "$at IS NOT NULL"  # bound in every statement, asked for or not
    beginning, standing = "WITH " + ",\n".join(steps), _standing(model, context)
    values, listed = context.parameters, f"{beginning},\nevidence AS ({evidence})\nSELECT * FROM evidence WHERE {bound}"
    return BulkModel(
        scores=Statement.of(f"{beginning}\n{scores} WHERE {bound}", values),
        of_parts=Statement.of(f"{scores} WHERE {bound}", values),
        standing=Statement.of(f"{beginning}\n{standing} WHERE {bound}", values),
        parts=Statement.of(f"{beginning}\nSELECT * FROM totalled WHERE {bound}", values),
        evidence=Statement.of(listed, values) if evidence else None,
        attributes=context.columns_of_lead(),
        properties=context.columns_of_event(),
        events=frozenset(context.events),
    )


def _scores(model: ScoringModel, context: BulkModelContext) -> str:
    dimensions = [
        f"{context.dialect.shown(f'dimension_{n}')} AS {quoted(dimension.name)}"
        for n, dimension in enumerate(model.dimensions)
    ]
    total = context.dialect.shown("total")
    temperature = "NULL::VARCHAR"
    if model.temperature:
        hot, warm = (context.bind(limit) for limit in (model.temperature.hot, model.temperature.warm))
        temperature = f"CASE WHEN {total} >= {hot} THEN 'hot' WHEN {total} >= {warm} THEN 'warm' ELSE 'cold' END"
    listed = ", ".join(
        [
            "lead_id",
            *dimensions,
            f"{total} AS total",
            f"{temperature} AS temperature",
            f"{graded(model, context)} AS grade",
        ]
    )
    return f"SELECT {listed} FROM totalled"


def _standing(model: ScoringModel, context: BulkModelContext) -> str:
    shown = [
        f"{context.bind(dimension.name)}::VARCHAR, {context.dialect.shown(f'dimension_{n}')}"
        for n, dimension in enumerate(model.dimensions)
    ]
    edges = ["NULL::TIMESTAMPTZ", *(f"next_{number}" for number in range(len(model.rules)))]
    return (
        f"SELECT lead_id, {context.dialect.shown('total')} AS total, json_object({', '.join(shown)}) AS dimensions,"
        f" {graded(model, context)} AS grade, least({', '.join(edges)}) AS next_change_at FROM totalled"
    )
