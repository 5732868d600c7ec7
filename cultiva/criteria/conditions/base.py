"""What a condition is."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from cultiva.criteria.context import Context
from cultiva.lib.plugins import Plugin

__all__ = ["Condition", "Context", "Reads", "Reference"]


@dataclass(frozen=True)
class Reads:
    """What an answer depends on: whoever keeps answers asks anew when one of these changed."""

    attributes: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()  # names as in documents, `any` among them
    facts: frozenset[str] = frozenset()  # what rooms store of a lead: `stage`, `owner`, `score:readiness`, ..
    is_timed: bool = False  # whether time alone may change it
    is_daily: bool = False  # whether each local midnight may

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(
            self.attributes | other.attributes,
            self.events | other.events,
            self.facts | other.facts,
            self.is_timed or other.is_timed,
            self.is_daily or other.is_daily,
        )


@dataclass(frozen=True)
class Reference:
    """A name that a condition needs: `kind` is the kind of the condition that knows all such names."""

    kind: str
    key: str
    place: str  # the key of the document it stands under


class Condition(Plugin):
    """One condition of the language: a frozen dataclass that reads itself, says itself and becomes SQL.

    `kind` is the key it is known by in documents; `keys` are all the keys it knows, `kind` among them. Before
    `read` is called, unknown keys have been refused. `reads_history` says that it answers for a past `at` as
    well as for the present, `reads_files` that it answers from files of leads and events.

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

            def reads(self) -> Reads:
                return Reads(facts=frozenset({"language"}))

    A subquery joins on the workspace, too: `EXISTS (SELECT FROM lead_state s WHERE s.workspace_id =
    l.workspace_id AND s.lead_id = l.id AND ...)` with `context.lead` for l. A percent sign is written `%%`.
    """

    keys: ClassVar[frozenset[str]]
    reads_history: ClassVar[bool] = False
    reads_files: ClassVar[bool] = False

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

    def reads(self) -> Reads:
        """What its answer depends on."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """The attributes and events it reads, by name."""
        reads = self.reads()
        return reads.attributes | reads.events

    def refers(self) -> list[Reference]:
        """The names it needs, for `check` and for who uses what."""
        return []

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str] | None:
        """All names that `refers` may give with this kind; None where that is not for a workspace to say."""
        return None

    def next_change(self, context: Context) -> str:
        """SQL: an instant after `at` at which time alone may change the answer for a lead, or NULL; empty: never.

        Asked beside the predicate where answers are kept. It may be too early, never too late. Windows of events are
        not to be told here: whoever counts the events knows when they leave.
        """
        return ""

    def evidence(self, context: Context) -> str:
        """SQL: a jsonb object that shows why it holds or not, read beside the predicate; empty: nothing to show."""
        return ""
