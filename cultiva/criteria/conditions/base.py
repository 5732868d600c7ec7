"""What a condition is, and what it may lean on while it is turned into SQL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from cultiva.lib.plugins import Plugin


@dataclass
class Context:
    """One SQL statement under construction: who is asked about, as of when, and the values bound so far.

    `at` and the values of `since` are SQL expressions (timestamptz); `since` has the nodes a workflow offers.
    `lead` is the alias of table `lead`, or of any row with its id, workspace_id, attributes and folded.
    The caller runs the statement with `parameters` and its own (`at`, ...); ours are c1, c2, ...
    """

    timezone: str = "UTC"
    at: str = "%(at)s"
    since: Mapping[str, str] = field(default_factory=dict)
    lead: str = "l"
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """A placeholder for a value; every word of a user reaches SQL this way and no other."""
        name = f"c{len(self.parameters) + 1}"
        self.parameters[name] = value
        return f"%({name})s"

    def count_events(self, matches: str, *, after: str = "", window: str = "") -> str:
        """SQL: how many of the lead's events up to `at` match; never those of machines.

        `matches` is a test over alias `e` (a row of view `lead_event`); `after`, an instant, is excluded;
        `window`, an interval, ends at `at`.
        """
        bounds = self.time_bounds(after=after, window=window)
        return (
            f"(SELECT count(*) FROM lead_event e WHERE e.workspace_id = {self.lead}.workspace_id"  # noqa: S608
            f" AND e.lead_id = {self.lead}.id AND e.actor <> 'machine' AND {bounds} AND {matches})"
        )

    def time_bounds(self, *, after: str = "", window: str = "") -> str:
        bounds = [f"e.occurred_at <= {self.at}"]
        if after:
            bounds.append(f"e.occurred_at > {after}")
        if window:
            bounds.append(f"e.occurred_at > {self.at} - {window}")
        return " AND ".join(bounds)


class Condition(Plugin):
    """One condition of the language: a frozen dataclass that reads itself, says itself and becomes SQL.

    `kind` is the key it is known by in documents; `keys` are all the keys it knows, `kind` among them. Before
    `read` is called, unknown keys have been refused. `reads_history` says that it answers for a past `at` as
    well as for the present.

    A complete one, `{language: es}`:

        @dataclass(frozen=True)
        class LanguageIs(Condition):
            kind = "language"
            label = _("language of the lead")
            keys = frozenset({"language"})

            language: str

            @classmethod
            def read(cls, document: dict[str, Any], place: str) -> Self:
                found = document["language"]
                if found not in ("es", "en"):
                    raise DocumentError(f"{place}.language", f"no language {found!r}", "es or en")
                return cls(found)

            def predicate(self, context: Context) -> str:
                return f"{context.lead}.language = {context.bind(self.language)}"

            def words(self, language: str) -> str:
                return {"es": "su idioma es ", "en": "their language is "}[language] + self.language

    A subquery joins on the workspace, too: `EXISTS (SELECT FROM lead_state s WHERE s.workspace_id =
    l.workspace_id AND s.lead_id = l.id AND ...)` with `context.lead` for l. A percent sign is written `%%`.
    """

    keys: ClassVar[frozenset[str]]
    later: ClassVar[Collection[str]] = ()  # keys of the language that this version refuses by name
    reads_history: ClassVar[bool] = False

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        """The condition in a mapping; raises DocumentError naming the place."""
        raise NotImplementedError

    def predicate(self, context: Context) -> str:
        """A boolean SQL expression over `context.lead`; NULL counts as false."""
        raise NotImplementedError

    def words(self, language: str) -> str:
        """The condition in plain words, `es` or `en`, without capital or full stop."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """The attributes and events it reads, by name."""
        return frozenset()
