"""Templates: what a document may say, and how one version becomes one person's mail."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Any, TextIO

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import get_language_info, gettext
from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string

from cultiva.consent.notices import TRANSACTIONAL, read_key, read_languages, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, nearest, read_document
from cultiva.mailing.markup import TARGET, Markup, MarkupError, read_markup
from cultiva.mailing.message import one_line
from cultiva.mailing.models import TemplateVersion

CONFIRMATION, MAGNET_DELIVERY, SIGN_IN = "confirmation", "magnet_delivery", "sign_in"
WEBINAR_SEAT = "webinar_seat"
FORM_NOTICE = "form_notice"  # to staff: somebody sent a form
PREFERENCE_LINK = "preference_link"  # to whoever asked for their own page
PRIVACY_NOTICE = "privacy_notice"  # to staff: somebody exercises a right
# The closed list of mails that need no consent (rules F2), and what only they can say; the first is a must.
SYSTEM_VARIABLES = {
    CONFIRMATION: ("confirm_url",),
    MAGNET_DELIVERY: ("download_url", "magnet.title"),
    WEBINAR_SEAT: ("download_url", "magnet.title", "session.starts"),
    SIGN_IN: ("sign_in_url", "user.full_name"),
    FORM_NOTICE: ("lead_url", "form.name", "user.full_name"),
    PREFERENCE_LINK: ("preferences_url",),
    PRIVACY_NOTICE: ("request_url", "due_on", "user.full_name"),
}
VARIABLES = (
    "lead.first_name", "lead.last_name", "lead.full_name", "lead.company", "lead.email",
    "workspace.name", "sender.name", "sender.email", "sender.address",
)  # fmt: skip
ANY_ATTRIBUTE = "lead.attributes."

# Logic stays small: no loops, no assignments, nothing that marks a text as safe.
TAGS = {"content", "output", "illegal", "if", "unless", "case", "comment", "#"}
FILTERS = (
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "date", "default", "divided_by",
    "downcase", "first", "floor", "join", "last", "minus", "modulo", "plus", "prepend", "remove", "replace",
    "round", "size", "slice", "split", "strip", "times", "truncate", "truncatewords", "upcase", "url_encode",
)  # fmt: skip

SUBJECT_LIMIT, PREHEADER_LIMIT = 200, 130  # what mail programs show: 40 to 130 characters
HTML_LIMIT_BYTES = 90_000  # Gmail clips at about 102 KB; what a lead fills in comes on top


class EscapedNode(OutputNode):
    """Escapes whatever comes out, whichever filters it went through."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(escape(to_liquid_string(self.expression.evaluate(context), autoescape=False)))


class EscapedOutput(Output):
    node_class = EscapedNode


class SmallLiquid(Environment):
    output_stream_limit = 500_000

    def __init__(self, *, for_html: bool) -> None:
        super().__init__()
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS}
        self.filters = {name: self.filters[name] for name in FILTERS}
        if for_html:
            self.add_tag(EscapedOutput)


HTML, TEXT = SmallLiquid(for_html=True), SmallLiquid(for_html=False)


@dataclass(frozen=True)
class Template:
    """A document that was found good. `body` is what `TemplateVersion.body` keeps."""

    key: str
    name: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """One language of one version, ready to be filled in."""

    subject: BoundTemplate
    preheader: BoundTemplate
    html: BoundTemplate
    text: BoundTemplate
    links: tuple[BoundTemplate, ...]


@dataclass(frozen=True)
class Rendered:
    """One person's mail. `links` are the targets by number; "" where a value made no address."""

    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[str, ...]


def read_template(text: str, *, language: str, purposes: Collection[str] | None = None) -> Template:
    """Read a template's document; `language` picks its name where that is given per language.

    With `purposes`, the template's own must be one of them. Raises DocumentError: the place and the way out.
    """
    parts = ("template", "purpose", "name", "languages")
    found = check_keys(read_document(text, name="template"), allowed=parts, required=parts, place="template")
    key = read_key(found["template"], "template")
    place = f"template {key}"
    purpose = check_purpose(key, str(found["purpose"]), purposes, place)
    given = read_languages(found["languages"], place=place)
    mistakes = Mistakes()
    texts = {code: mistakes.of(check_language, key, code, words, f"{place}, {code}") for code, words in given.items()}
    mistakes.tell()
    name = found["name"]
    if isinstance(name, Mapping):
        _, name = pick_language(read_languages(name, place=f"{place}, name"), language)
    return Template(key, read_text(name, f"{place}, name")[:160], {"purpose": purpose, "languages": texts})


def check_purpose(key: str, purpose: str, known: Collection[str] | None, place: str) -> str:
    if key in SYSTEM_VARIABLES and purpose != TRANSACTIONAL:
        raise DocumentError(
            place,
            gettext("the purpose `%(purpose)s` cannot stand here") % {"purpose": purpose},
            gettext("`%(key)s` is always %(transactional)s") % {"key": key, "transactional": TRANSACTIONAL},
        )
    if purpose == TRANSACTIONAL and key not in SYSTEM_VARIABLES:
        listed = ", ".join(SYSTEM_VARIABLES)
        raise DocumentError(
            place,
            gettext("purpose %(transactional)s is for %(listed)s") % {"transactional": TRANSACTIONAL, "listed": listed},
            gettext("name the purpose people agreed to"),
        )
    if purpose != TRANSACTIONAL and known is not None and purpose not in known:
        raise DocumentError(
            place, gettext("unknown purpose `%(purpose)s`") % {"purpose": purpose}, nearest(purpose, sorted(known))
        )
    return purpose


def check_language(key: str, language: str, given: Any, place: str) -> dict[str, str]:
    parts = ("subject", "preheader", "text")
    found = check_keys(given, allowed=parts, required=("subject", "text"), place=place)
    texts = {part: read_text(found[part], f"{place}, {part}") if part in found else "" for part in parts}
    for part, limit in (("subject", SUBJECT_LIMIT), ("preheader", PREHEADER_LIMIT)):
        if len(texts[part]) > limit or "\n" in texts[part]:
            raise DocumentError(
                f"{place}, {part}",
                gettext("the text is too long"),
                gettext("one line of at most %(limit)s characters") % {"limit": limit},
            )
    mistakes = Mistakes()
    names = [mistakes.of(check_liquid, key, texts[part], f"{place}, {part}") for part in parts]
    markup = mistakes.of(check_markup, texts["text"], f"{place}, text")
    mistakes.tell()
    used = set[str]().union(*names)
    if key in SYSTEM_VARIABLES:
        check_system_mail(key, used, markup, f"{place}, text")
    check_compiled(key, language, texts, place)
    size = len(layout(key, language, "mailing/mail.html", markup.html).encode())
    if size > HTML_LIMIT_BYTES:
        raise DocumentError(
            f"{place}, text",
            gettext("%(size)s bytes as HTML") % {"size": size},
            gettext("at most %(most)s: Gmail cuts off") % {"most": HTML_LIMIT_BYTES},
        )
    return texts


def check_liquid(key: str, source: str, place: str) -> set[str]:
    """The variables of a text, all known; raises DocumentError with the line and the nearest name."""
    try:
        analysis = TEXT.from_string(source).analyze()
    except LiquidError as error:
        index = error.token.start_index if error.token else 0
        hint = gettext("known tags: %(listed)s") % {
            "listed": ", ".join(sorted(TAGS - {"content", "output", "illegal", "#"}))
        }
        raise DocumentError(
            line_of(place, source, index), gettext("not Liquid: %(error)s") % {"error": error.message}, hint
        ) from error
    for name, spans in analysis.filters.items():
        if name not in FILTERS:
            raise DocumentError(
                line_of(place, source, spans[0].index),
                gettext("unknown filter `%(name)s`") % {"name": name},
                nearest(name, sorted(FILTERS)),
            )
    used = {}
    for variables in analysis.globals.values():
        for variable in variables:
            used[".".join(map(str, variable.segments))] = variable.span.index
    for name, index in used.items():
        if not is_known(key, name):
            raise DocumentError(
                line_of(place, source, index),
                gettext("unknown variable `%(name)s`") % {"name": name},
                nearest(name, sorted(variables_of(key))),
            )
    return set(used)


def check_markup(text: str, place: str) -> Markup:
    try:
        return read_markup(text)
    except MarkupError as error:
        raise DocumentError(place, error.problem, error.hint) from error


def check_compiled(key: str, language: str, texts: Mapping[str, str], place: str) -> None:
    """What Markdown made of it is Liquid too: an escaped brace can open what was no expression before."""
    try:
        compile_texts(key, language, texts)
    except LiquidError as error:
        raise DocumentError(
            f"{place}, text",
            gettext("not Liquid: %(error)s") % {"error": error.message},
            gettext("write %(marks)s as Liquid, or not at all") % {"marks": "{{, {%"},
        ) from error


def check_system_mail(key: str, used: Collection[str], markup: Markup, place: str) -> None:
    needed = SYSTEM_VARIABLES[key][0]
    if needed not in used:
        raise DocumentError(
            place,
            gettext("`%(needed)s` is missing") % {"needed": needed},
            gettext("link to it: %(link)s") % {"link": f"[..]({{{{ {needed} }}}})"},
        )
    is_bare = set(markup.links) == {f"{{{{ {needed} }}}}"} and "<img" not in markup.html
    if key == CONFIRMATION and not is_bare:
        # It asks and does not advertise.
        raise DocumentError(
            place, gettext("a confirmation has one link, to `confirm_url`, and no image"), gettext("take the rest out")
        )


def variables_of(key: str) -> list[str]:
    """The variables a template of this key may use, without the leads' own attributes."""
    own = SYSTEM_VARIABLES.get(key)
    common = [name for name in VARIABLES if key != SIGN_IN or not name.startswith("lead.")]
    return [*common, *(own or ("unsubscribe_url",))]


def is_known(key: str, name: str) -> bool:
    attribute = name.removeprefix(ANY_ATTRIBUTE)
    is_attribute = name.startswith(ANY_ATTRIBUTE) and attribute != "" and "[" not in attribute
    return name in variables_of(key) or (is_attribute and key != SIGN_IN)


def line_of(place: str, source: str, index: int) -> str:
    return f"{place}, line {source.count(chr(10), 0, max(index, 0)) + 1}"


def pick_language(given: Mapping[str, Any], *wanted: str) -> tuple[str, Any]:
    """(language, what is given in it): the first wanted one there is, else the first there is."""
    for language in wanted:
        if language in given:
            return language, given[language]
    return next(iter(given.items()))


@lru_cache(maxsize=500)
def compile_version(template: TemplateVersion, language: str) -> Compiled:
    """Versions never change, so each is compiled once a process. `language` is one of the version's own."""
    return compile_texts(template.key, language, template.body["languages"][language])


def compile_texts(key: str, language: str, texts: Mapping[str, str]) -> Compiled:
    markup = read_markup(texts["text"])
    return Compiled(
        subject=TEXT.from_string(texts["subject"]),
        preheader=TEXT.from_string(texts.get("preheader", "")),
        html=HTML.from_string(layout(key, language, "mailing/mail.html", markup.html)),
        text=TEXT.from_string(layout(key, language, "mailing/mail.txt", markup.text)),
        links=tuple(TEXT.from_string(link) for link in markup.links),
    )


def layout(key: str, language: str, file: str, body: str) -> str:
    """The body in its frame. What differs from mail to mail is left as Liquid: `{{ mail.why }}`."""
    parts = ("subject", "preheader", "sender", "legal", "why", "unsubscribe_url", "preferences_url", "privacy_url")
    return render_to_string(
        file,
        {
            "body": mark_safe(body),  # noqa: S308  # made by `read_markup`, with HTML off
            "mail": {part: mark_safe(f"{{{{ mail.{part} }}}}") for part in parts},  # noqa: S308
            "language": language,
            "direction": "rtl" if get_language_info(language)["bidi"] else "ltr",
            "words": footer_words(language),
            "is_transactional": key in SYSTEM_VARIABLES,
        },
    )


def render(
    compiled: Compiled, values: Mapping[str, Any], *, address_of: Callable[[int, str], str] | None = None
) -> Rendered:
    """Fill a mail in. `address_of(number, target)` may put another address in a link's place.

    `values`: what `variables_of` names, and `mail`: {sender, legal, why, unsubscribe_url, preferences_url,
    privacy_url}.
    """
    targets = tuple(checked_targets(compiled, values))
    shown = [address_of(n, target) if address_of and target else target or "#" for n, target in enumerate(targets)]
    subject = one_line("Subject", compiled.subject.render(**values))
    preheader = " ".join(compiled.preheader.render(**values).split())
    mail = {**values["mail"], "subject": subject, "preheader": preheader}
    filled = {**values, "mail": mail, "links": shown}
    text = re.sub(r"\n{3,}", "\n\n", compiled.text.render(**filled)).strip() + "\n"
    return Rendered(subject, preheader, compiled.html.render(**filled), text, targets)


def checked_targets(compiled: Compiled, values: Mapping[str, Any]) -> Iterator[str]:
    for link in compiled.links:
        target = link.render(**values).strip()
        yield target if TARGET.match(target) and not re.search(r"\s", target) else ""


@cache
def footer_words(language: str) -> dict[str, str]:
    """The words around every mail, and how a day is written in it (Django's date format)."""
    found = read_document(system_document("footer"), name="footer")["languages"]
    words: dict[str, str] = pick_language(found, language, "en")[1]
    return words


def system_document(key: str) -> str:
    return (Path(__file__).parent / "documents" / f"{key}.yaml").read_text(encoding="utf-8")
