"""Everything the product says, it says in Spanish and in English."""

import io
import re
import string
from gettext import GNUTranslations

from babel.messages.catalog import Message
from babel.messages.mofile import write_mo

from tests.messages import MO, said, spanish


def forms(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, (tuple, list)) else [message.string or ""]


def test_every_message_of_the_code_is_translated() -> None:
    translated = {(m.context, m.id) for m in spanish() if m.id and all(forms(m)) and not m.fuzzy}
    wanted = {(m.context, m.id) for m in said() if m.id}
    assert len(wanted) > 150
    assert not wanted - translated, "run `make messages` and translate these"


def test_no_translation_is_left_over() -> None:
    assert not {m.id for m in spanish() if m.id} - {m.id for m in said() if m.id}, "run `make messages`"


def test_translations_keep_their_placeholders() -> None:
    def placeholders(text: str) -> set[str]:
        braces = {name for _text, name, _spec, _conv in string.Formatter().parse(text) if name}
        return braces | set(re.findall(r"%\(\w+\)\w", text))

    for message in spanish():
        if message.id:
            originals = message.id if isinstance(message.id, (tuple, list)) else [message.id]
            for original, form in zip(originals, forms(message), strict=True):
                assert placeholders(form) == placeholders(original), message.id


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    compiled = io.BytesIO()
    write_mo(compiled, spanish())
    assert texts_of(MO.read_bytes()) == texts_of(compiled.getvalue()), "run `make messages`"


def texts_of(catalogue: bytes) -> list[tuple[object, str]]:
    """What gettext reads from a compiled catalogue, without its header."""
    read = vars(GNUTranslations(io.BytesIO(catalogue)))["_catalog"]
    return sorted(((key, text) for key, text in read.items() if key), key=str)
