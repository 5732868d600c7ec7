"""Values of leads and events as SQL: what is compared, and how each engine comes by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self


class Element(NamedTuple):
    """SQL of one value that is no list."""

    stored: str  # its text
    compared: str  # folded (lib.folding); a number as ECMAScript prints it
    plain: str  # unfolded; a number likewise


# SQL boolean; not true for an empty stored text
Test = Callable[[Element], str]


class Value(Protocol):
    """SQL of what stands under one name."""

    def some(self, test: Test) -> str:
        """Whether one element of the value passes; missing ones never do. Never NULL."""
        ...

    @property
    def identity(self) -> str:
        """A text that is equal for the same number, boolean or folded text; NULL for all else."""
        ...

    @property
    def number(self) -> str:
        """The float64 that it is or writes; NULL for all else, and for lists."""
        ...


class Binder(Protocol):
    def bind(self, value: Any) -> str: ...


@dataclass(frozen=True)
class JsonValue:
    """A value inside a jsonb object of PostgreSQL, and the compared text kept beside it."""

    object: str
    folded: str
    key: str
    number_in: Callable[[str], str]
    looks_into_lists: bool = True  # else a test of a list is NULL: not known

    @classmethod
    def at_path(
        cls, object_: str, folded: str, path: Sequence[str], binder: Binder, number_in: Callable[[str], str]
    ) -> Self:
        """The value at a path of keys. `->` with a text takes keys of objects alone: lists are not entered."""
        *parents, key = [f"{binder.bind(each)}::text" for each in path]
        inside = "".join(f" -> {parent}" for parent in parents)
        return cls(f"({object_}{inside})", f"({folded}{inside})", key, number_in)

    @property
    def json(self) -> str:
        return f"({self.object} -> {self.key})"

    @property
    def stored(self) -> str:
        return f"({self.object} ->> {self.key})"

    @property
    def compared(self) -> str:
        return f"coalesce({self.folded} ->> {self.key}, {self.object} ->> {self.key})"

    @property
    def identity(self) -> str:
        return (
            f"CASE WHEN jsonb_typeof({self.json}) IN ('string', 'number', 'boolean') AND {self.stored} <> ''"
            f" THEN jsonb_typeof({self.json}) || ' ' || {self.compared} END"
        )

    @property
    def number(self) -> str:
        return f"CASE WHEN jsonb_typeof({self.json}) IN ('string', 'number') THEN {self.number_in(self.stored)} END"

    def some(self, test: Test) -> str:
        """Only the texts of lists and objects, and few others, begin with [ or {: most values are tested at once."""
        stored, compared = (
            "(i.v #>> '{}')",
            f"coalesce({self.folded} -> {self.key} ->> (i.n - 1)::int, i.v #>> '{{}}')",
        )
        inner = Element(stored, compared, f"(CASE jsonb_typeof(i.v) WHEN 'number' THEN {compared} ELSE {stored} END)")
        plain = f"(CASE jsonb_typeof({self.json}) WHEN 'number' THEN {self.compared} ELSE {self.stored} END)"
        single = f"ascii({self.stored}) NOT IN (91, 123) OR jsonb_typeof({self.json}) = 'string'"
        if not self.looks_into_lists:
            return (
                f"CASE WHEN {single} THEN coalesce({test(Element(self.stored, self.compared, plain))}, false)"
                f" WHEN jsonb_typeof({self.json}) = 'array' THEN NULL ELSE false END"
            )
        elements = f"CASE jsonb_typeof({self.json}) WHEN 'array' THEN {self.json} ELSE '[]' END"
        return (
            f"coalesce(CASE WHEN ascii({self.stored}) IN (91, 123) AND jsonb_typeof({self.json}) <> 'string'"
            f" THEN EXISTS (SELECT FROM jsonb_array_elements({elements}) WITH ORDINALITY AS i(v, n)"
            f" WHERE jsonb_typeof(i.v) IN ('string', 'number', 'boolean') AND {test(inner)})"
            f" ELSE {test(Element(self.stored, self.compared, plain))} END, false)"
        )
