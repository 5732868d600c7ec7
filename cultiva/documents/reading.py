"""Files become documents: each read as far as it goes, and every problem told with its file and line."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from cultiva.documents.kinds import DocumentKind, Name, Need, kinds, read_once
from cultiva.documents.normal import digest, plain
from cultiva.documents.places import line_of
from cultiva.documents.trees import Tree
from cultiva.lib.documents import DocumentError, nearest, read_document
from cultiva.lib.refusals import Refusal

MAX_DOCUMENT_BYTES = 4 * 1024**2  # a segment may list 50,000 addresses
OTHER_ENDINGS = (".yml", ".json")
UNSAFE = re.compile(r"[%/\\:\x00-\x1f\x7f]|^\.")


@dataclass(frozen=True)
class Problem:
    """Why a file cannot be used. `line` is None where it is the file as a whole."""

    path: str
    problem: str
    hint: str = ""
    place: str = ""
    line: int | None = None

    def names_one_of(self, words: Collection[str]) -> bool:
        return any(f"`{word}`" in self.problem or repr(word) in self.problem for word in words)

    def __str__(self) -> str:
        line = gettext("line %(n)d") % {"n": self.line} if self.line else ""
        where = ", ".join(part for part in (self.path, line, self.place) if part)
        return f"{where}: {self.problem}" + (f"\nhint: {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class Given:
    """A document in a file."""

    kind: DocumentKind
    key: str
    path: str
    text: str
    body: dict[str, Any]
    needs: tuple[Need, ...] = ()
    attachments: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> Name:
        return self.kind.kind, self.key

    def digest_with(self, kept: Mapping[str, str]) -> str:
        """`kept`: {name: SHA-256} of attachments that stay although the file comes without them."""
        own = {name: hashlib.sha256(content).hexdigest() for name, content in self.attachments.items()}
        return digest(self.body, dict(kept) | own)

    def problem(self, error: Refusal) -> Problem:
        if not isinstance(error, DocumentError):
            return Problem(self.path, error.problem, error.hint)
        line = line_of(self.text, error.place, error.problem)
        return Problem(self.path, error.problem, error.hint, error.place, line)


def errors_in(error: Refusal) -> Sequence[Refusal]:
    """Each thing that is wrong."""
    return error.errors if isinstance(error, DocumentError) else [error]


class BadFile(ValueError):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def path_of(kind: DocumentKind, key: str) -> str:
    return f"{kind.folder}/{file_name(key)}.yaml"


def file_name(key: str) -> str:
    """The key, but for what no path can hold."""
    return UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), key)


def read_tree(tree: Tree) -> tuple[list[Given], list[Problem]]:
    """Every document of a tree, by path, and what is wrong with the other files."""
    folders = {kind.folder: kind for kind in kinds().values()}
    given: list[Given] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    for path in sorted(tree):
        folder, _, rest = path.partition("/")
        kind = folders.get(folder)
        if kind is None or not rest.endswith(".yaml") or "/" in rest:
            continue
        taken.add(path)
        beside = {
            name.removeprefix(f"{path.removesuffix('.yaml')}/"): tree[name]
            for name in tree
            if kind.has_attachments and name.startswith(f"{path.removesuffix('.yaml')}/")
        }
        taken |= {f"{path.removesuffix('.yaml')}/{name}" for name in beside}
        try:
            given.append(_read_file(kind, path, tree[path], beside))
        except BadFile as error:
            problems.append(error.problem)
    problems += [problem for path in sorted(tree.keys() - taken) if (problem := _stray(path, folders))]
    return given, problems


def read_text(kind: DocumentKind, key: str, text: str) -> Given:
    """One document that came without a file. Raises BadFile."""
    return _read_file(kind, path_of(kind, key), text.encode("utf-8", "surrogatepass"), {})


def _read_file(kind: DocumentKind, path: str, content: bytes, attachments: Mapping[str, bytes]) -> Given:
    text = _decoded(path, content)
    try:
        found = plain(_read(text, path), place=path)
    except DocumentError as error:
        line = line_of(text, error.place, error.problem) if "line" in error.place else None
        raise BadFile(Problem(path, error.problem, error.hint, line=line)) from error
    first = next(iter(found), "")
    if kind.kind not in found:
        hint = gettext("its first line is `%(kind)s: %(name)s`") % {
            "kind": kind.kind,
            "name": path.rpartition("/")[2].removesuffix(".yaml"),
        }
        if other := kinds().get(first):
            hint = gettext("a %(first)s belongs in %(folder)s/") % {"first": first, "folder": other.folder}
        raise BadFile(Problem(path, gettext("`%(kind)s` is missing") % {"kind": kind.kind}, hint, line=1))
    key = found[kind.kind]
    if not isinstance(key, str) or not key:
        line = line_of(text, kind.kind)
        raise BadFile(
            Problem(
                path,
                gettext("%(value)r is no key") % {"value": key},
                gettext("a text, such as readiness"),
                kind.kind,
                line,
            )
        )
    if path != path_of(kind, key):
        hint = gettext("rename the file to %(path)s, or the %(kind)s to %(name)s") % {
            "path": path_of(kind, key),
            "kind": kind.kind,
            "name": path.rpartition("/")[2][:-5],
        }
        raise BadFile(
            Problem(path, gettext("the file holds `%(key)s`") % {"key": key}, hint, kind.kind, line_of(text, kind.kind))
        )
    return Given(kind, key, path, text, found, tuple(readable_needs(kind, found)), attachments)


def _read(text: str, path: str) -> dict[str, Any]:
    try:
        return read_once(text)
    except DocumentError:
        return read_document(text, name=path)  # says where


def _decoded(path: str, content: bytes) -> str:
    if len(content) > MAX_DOCUMENT_BYTES:
        problem = gettext("the file holds %(count)s bytes, more than %(most)s") % {
            "count": len(content),
            "most": MAX_DOCUMENT_BYTES,
        }
        raise BadFile(Problem(path, problem, gettext("a document is short; is this another file?")))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        shown = " ".join(f"{byte:02x}" for byte in content[error.start : error.start + 4])
        raise BadFile(
            Problem(
                path,
                gettext("the bytes %(shown)s are no UTF-8") % {"shown": shown},
                gettext("save the file as UTF-8"),
                line=line,
            )
        ) from error


def readable_needs(kind: DocumentKind, body: dict[str, Any]) -> list[Need]:
    """What a document names; nothing where it cannot be read."""
    try:
        return list(dict.fromkeys(kind.needs(body)))
    except (ValueError, LookupError, TypeError, AttributeError):  # `publish` says what is wrong with it
        return []


def _stray(path: str, folders: Mapping[str, DocumentKind]) -> Problem | None:
    """What lies where no document is looked for: refused where it looks like one, passed over where it does not."""
    folder, _, rest = path.partition("/")
    if folder in folders:
        return _stray_of(folders[folder], path, rest)
    if not path.endswith((".yaml", *OTHER_ENDINGS)):
        return None
    if not rest:
        listed = ", ".join(sorted(folders))
        return Problem(
            path,
            gettext("a document lies in the folder of its kind"),
            gettext("one of %(listed)s") % {"listed": listed},
        )
    return Problem(
        path,
        gettext("no kind of document has the folder `%(folder)s`") % {"folder": folder},
        nearest(folder, sorted(folders)),
    )


def _stray_of(kind: DocumentKind, path: str, rest: str) -> Problem | None:
    if rest.endswith(OTHER_ENDINGS) and "/" not in rest:
        return Problem(path, gettext("its name does not end in .yaml"), gettext("rename it; JSON may stand in it, too"))
    if rest.endswith(".yaml"):
        return Problem(
            path,
            gettext("it is too deep"),
            gettext("a %(kind)s is %(folder)s/KEY.yaml") % {"kind": kind.kind, "folder": kind.folder},
        )
    if "/" in rest and kind.has_attachments:
        return Problem(
            path,
            gettext("it belongs to no document"),
            gettext("there is no %(folder)s/%(name)s.yaml") % {"folder": kind.folder, "name": rest.partition("/")[0]},
        )
    return None
