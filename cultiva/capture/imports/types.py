"""The types of attributes, as far as a file needs them: its values are kept as their attributes keep them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cultiva.leads.attributes import definitions, learn_definitions, workspace_of
from cultiva.leads.values import MAX_TEXT, WrongType, coerce, guess_type

Json = dict[str, Any]
SAMPLE = 200  # values by which the type of a new key is guessed


class Types:
    """What each key's values become. A value that is not of its type is no error: it stands in the ledger, and the
    step of `flow` that reads it keeps it aside."""

    def __init__(self, kinds: Mapping[str, tuple[str, Sequence[str]]], time_zone: str, country: str) -> None:
        self.kinds, self.time_zone, self.country = kinds, time_zone, country
        self.known: dict[tuple[str, type, Any], Any] = {}

    @classmethod
    def read(cls, *, workspace_id: int, said: Iterable[Json], at: datetime, may_learn: bool) -> "Types":
        """New keys are defined by what is said of them here; a rehearsal only guesses as much."""
        workspace = workspace_of(workspace_id)
        seen: dict[str, list[Any]] = {}
        for values in said:
            for key, value in values.items():
                of_key = seen.setdefault(key, [])
                if len(of_key) < SAMPLE:
                    of_key.append(value)
        if may_learn:
            known = learn_definitions(
                workspace_id=workspace_id, subject="lead", seen=seen, at=at, country=workspace.country
            )
        else:
            known = definitions(workspace_id, "lead")
        kinds = {key: (each.type, each.choices) for key, each in known.items()}
        for key, sample in seen.items():
            if key not in kinds:
                kinds[key] = guess_type(key, sample, country=workspace.country), ()
        return cls(kinds, workspace.time_zone, workspace.country)

    def fit(self, said: Json) -> Json:
        """The values that are of their keys' types, as they are kept."""
        fitting = {}
        for key, value in said.items():
            kept = self._fit_one(key, value)
            if kept is not None:
                fitting[key] = kept
        return fitting

    def _fit_one(self, key: str, value: Any) -> Any:
        if type(value) is str and self.kinds[key][0] == "text" and value.isprintable():
            return " ".join(value.split())[:MAX_TEXT] or None  # as `coerce`; most values are such
        if isinstance(value, list):
            return self._coerced(key, value)
        place = key, type(value), value
        if place not in self.known:
            self.known[place] = self._coerced(key, value)
        return self.known[place]

    def _coerced(self, key: str, value: Any) -> Any:
        kind, choices = self.kinds[key]
        try:
            return coerce(kind, value, choices=choices, time_zone=self.time_zone, country=self.country)
        except WrongType:
            return None
