"""Where files come from: a folder, a ZIP or a map of paths. All become {path: content}, bounded, none outside."""

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from django.utils.translation import gettext

from cultiva.lib.refusals import Refusal

MOST_FILES = 2_000
MOST_BYTES = 100 * 1024**2
Tree = dict[str, bytes]  # {"models/readiness.yaml": content}
NOT_OURS = ("__MACOSX/", "Thumbs.db", "desktop.ini")


class UnreadableFiles(Refusal):
    """A folder or an archive that cannot be taken as a whole."""


def read_folder(folder: Path) -> Tree:
    """Every file but hidden ones. A link is followed as far as it stays inside of the folder."""
    if not folder.is_dir():
        raise UnreadableFiles(
            gettext("%(folder)s is no folder.") % {"folder": folder},
            gettext("cultiva pull %(folder)s makes one of what is there now") % {"folder": folder},
        )
    root, tree, ahead, read = folder.resolve(), Tree(), [folder], 0
    while ahead:
        for path in sorted(ahead.pop().iterdir()):
            name = path.relative_to(folder).as_posix()
            if path.name.startswith("."):
                continue
            if not path.resolve().is_relative_to(root):
                raise UnreadableFiles(
                    gettext("%(name)s leads out of %(folder)s.") % {"name": name, "folder": folder},
                    gettext("put the file itself in its place"),
                )
            if path.is_dir():
                if name.count("/") > 2 or (path.is_symlink() and path.resolve() in path.parent.resolve().parents):
                    raise UnreadableFiles(
                        gettext("%(name)s is too deep.") % {"name": name}, gettext("KIND/KEY.yaml, or KIND/KEY/FILE")
                    )
                ahead.append(path)
            elif path.is_file():
                read += path.stat().st_size
                _check_bounds(len(tree) + 1, read)
                tree[name] = path.read_bytes()
    return tree


def read_zip(file: IO[bytes]) -> Tree:
    """What an archive holds; a folder that holds all of it is passed over."""
    try:
        with zipfile.ZipFile(file) as archive:
            tree = _read_archive(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableFiles(gettext("This is no ZIP that can be read: %(error)s") % {"error": error}) from error
    tops = {path.partition("/")[0] for path in tree}
    if len(tops) == 1 and tree and all(path.count("/") >= 2 for path in tree):
        return {path.partition("/")[2]: content for path, content in tree.items()}
    return tree


def _read_archive(archive: zipfile.ZipFile) -> Tree:
    tree, read = Tree(), 0
    for entry in archive.infolist():
        if entry.is_dir() or entry.filename.startswith(NOT_OURS):
            continue
        path = safe_path(entry.filename)
        if path.rpartition("/")[2].startswith(".") or path.endswith(NOT_OURS):
            continue
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UnreadableFiles(
                gettext("%(path)s is a link.") % {"path": path}, gettext("put the file itself in its place")
            )
        if entry.flag_bits & 1:
            raise UnreadableFiles(
                gettext("%(path)s is encrypted.") % {"path": path}, gettext("make the ZIP without a password")
            )
        if path in tree:
            raise UnreadableFiles(gettext("%(path)s is in the ZIP twice.") % {"path": path})
        with archive.open(entry) as content:  # what the archive says of its sizes is not believed
            tree[path] = content.read(MOST_BYTES - read + 1)
        read += len(tree[path])
        _check_bounds(len(tree), read)
    return tree


def read_map(files: Mapping[str, str], attachments: Mapping[str, bytes]) -> Tree:
    """`files`: {path: text}, `attachments`: {path: content}"""
    tree = {safe_path(path): text.encode("utf-8", "surrogatepass") for path, text in files.items()}
    tree |= {safe_path(path): content for path, content in attachments.items()}
    _check_bounds(len(tree), sum(len(content) for content in tree.values()))
    return tree


def safe_path(path: str) -> str:
    parts = path.split("/")
    if (
        not path.isprintable() or path.startswith("/") or "\\" in path or ":" in path
        or any(part in ("", ".", "..") for part in parts) or len(path) > 400
    ):  # fmt: skip
        raise UnreadableFiles(
            gettext("%(value)r is no path of a document.") % {"value": path[:80]},
            gettext("KIND/KEY.yaml, such as models/readiness.yaml"),
        )
    return path


def write_folder(tree: Tree, folder: Path) -> list[str]:
    """Write the files that differ; returns their paths. Others that lie there stay."""
    written = []
    for path, content in sorted(tree.items()):
        target = folder / safe_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise UnreadableFiles(
                gettext("%(parent)s leads out of %(folder)s.") % {"parent": target.parent, "folder": folder},
                gettext("choose another folder"),
            )
        if target.is_symlink():
            raise UnreadableFiles(
                gettext("%(target)s is a link.") % {"target": target}, gettext("choose another folder")
            )
        if not target.is_file() or target.read_bytes() != content:
            part = target.with_name(f".{target.name}.part")
            part.write_bytes(content)
            part.replace(target)
            written.append(path)
    return written


def write_zip(tree: Tree, file: IO[bytes]) -> None:
    """The same tree gives the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(tree.items()):
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)


def _check_bounds(files: int, size_bytes: int) -> None:
    if files > MOST_FILES:
        raise UnreadableFiles(
            gettext("These are more than %(most)s files.") % {"most": MOST_FILES}, gettext("take them in parts")
        )
    if size_bytes > MOST_BYTES:
        raise UnreadableFiles(
            gettext("These files hold more than %(most)s MB.") % {"most": MOST_BYTES // 1024**2},
            gettext("take them in parts"),
        )
