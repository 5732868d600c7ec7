"""Translations: what the code says, brought into `cultiva/locale/es`. `make messages` runs this.

Babel reads Python; templates are turned into Python by Django first, so no gettext programs are needed.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).parent.parent / "cultiva"
FOLDER = PACKAGE / "locale" / "es" / "LC_MESSAGES"
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip


def sources() -> Iterator[tuple[str, bytes]]:
    """(path, Python text) of every module and template that may say something."""
    for path in sorted(PACKAGE.rglob("*")):
        name = str(path.relative_to(PACKAGE))
        if "/tests/" in f"/{name}" or "/migrations/" in f"/{name}":
            continue
        if path.suffix == ".py":
            yield name, path.read_bytes()
        elif path.suffix in (".html", ".txt") and "templates" in path.parts:
            lines = templatize(path.read_text()).splitlines()
            yield name, "\n".join(line.strip() for line in lines).encode()


def said() -> Catalog:
    """Everything the code says, without translations."""
    catalog = Catalog(domain="django", project="cultiva")
    for name, text in sources():
        for _line, message, _comments, context in extract("python", io.BytesIO(text), keywords=KEYWORDS):
            if message:
                catalog.add(message, locations=[(name, 0)], context=context)
    return catalog


def spanish() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="es", domain="django")


def is_translated(message: Message) -> bool:
    """In every plural."""
    return all(message.string) if isinstance(message.string, (tuple, list)) else bool(message.string)


def update() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    catalog = spanish() if PO.exists() else Catalog(locale="es", domain="django", project="cultiva")
    catalog.update(said(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment, catalog.fuzzy = "# Spanish of Cultiva. Apache-2.0.", False
    with PO.open("wb") as file:
        write_po(file, catalog, no_location=True, omit_header=False, sort_output=True, width=110)
    text = re.sub(
        r'"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Language-Team|Report-Msgid).*\n',
        "",
        PO.read_text(),
    )
    PO.write_text(text)
    with MO.open("wb") as file:
        write_mo(file, spanish())
    missing = [message.id for message in catalog if message.id and not is_translated(message)]
    print(f"{len(catalog)} messages, {len(missing)} without translation")
    for each in missing:
        print(f"  {each!r}")


if __name__ == "__main__":
    update()
