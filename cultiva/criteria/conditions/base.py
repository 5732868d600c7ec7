"""What a condition is."""

from collections.abc import Collection
from typing import Any, ClassVar, Self

from cultiva.criteria.context import Context
from cultiva.lib.plugins import Plugin

__all__ = ["Condition", "Context"]


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
