"""Markdown with Liquid in it, made into HTML and plain text once a version instead of once a mail.

Liquid is set aside while Markdown is read and put back into the result. So nothing that a lead typed is ever
read as Markdown, and a mail costs one pass of Liquid.
"""

import re
from dataclasses import dataclass, field

from django.utils.translation import gettext
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cultiva.lib.refusals import Refusal

LIQUID = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
TAG_ALONE = re.compile(r"^[ \t]*({%.*?%})[ \t]*$", re.MULTILINE)
TARGET = re.compile(r"https?://[^\s/]|mailto:\S", re.IGNORECASE)

# Mail programs drop style sheets, so every element carries its own style. Contrast is at least 4.5:1.
STYLES = {
    "h1": "margin:0 0 16px;font-size:24px;line-height:1.3;font-weight:700",
    "h2": "margin:24px 0 12px;font-size:20px;line-height:1.3;font-weight:700",
    "h3": "margin:20px 0 8px;font-size:17px;line-height:1.4;font-weight:700",
    "p": "margin:0 0 16px",
    "ul": "margin:0 0 16px;padding-left:24px",
    "ol": "margin:0 0 16px;padding-left:24px",
    "li": "margin:0 0 6px",
    "blockquote": "margin:0 0 16px;padding-left:16px;border-left:3px solid #c9d3cc",
    "hr": "margin:24px 0;border:0;border-top:1px solid #c9d3cc",
    "a": "color:#14602a;text-decoration:underline",
    "img": "display:block;max-width:100%;height:auto;border:0",
    "code": "font-family:Consolas,Menlo,monospace;font-size:14px",
    "pre": "margin:0 0 16px;overflow-wrap:anywhere;white-space:pre-wrap",
}
BUTTON_CELL = '<td style="border-radius:6px;background:#14602a">'
BUTTON_LINK = (
    "display:inline-block;padding:12px 24px;border-radius:6px;background:#14602a;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)


class MarkupError(Refusal):
    """A text that cannot become a mail."""


@dataclass(frozen=True)
class Markup:
    """HTML and plain text in Liquid that name their targets `links[n]`; the targets are Liquid themselves."""

    html: str
    text: str
    links: tuple[str, ...]


def read_markup(source: str) -> Markup:
    """Raises MarkupError for a link or an image that a mail must not carry."""
    aside = Aside.of(TAG_ALONE.sub(r"\n\1\n", source))
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]  # checked below, with reasons
    blocks = markdown.parse(aside.text)
    links = number_links(blocks, aside)
    check_images(blocks, aside)
    blocks = unwrap_tags(blocks, aside)
    text = plain_text(blocks)
    html = markdown.renderer.render(dressed(blocks), markdown.options, {})
    return Markup(aside.put_back(html), aside.put_back(text), links)


@dataclass
class Aside:
    """A text whose Liquid is replaced by plain words, and the Liquid they stand for."""

    text: str
    word: str
    expressions: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, source: str) -> "Aside":
        word = "zliquid"
        while word in source:
            word += "z"
        aside = cls(text="", word=word)
        aside.text = LIQUID.sub(lambda found: aside.take(found[0]), source)
        return aside

    def take(self, expression: str) -> str:
        self.expressions.append(expression)
        return f"{self.word}{len(self.expressions) - 1}q"

    def put_back(self, text: str) -> str:
        return self._pattern.sub(lambda found: self.expressions[int(found[1])], text)

    def is_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def is_only_tags(self, text: str) -> bool:
        """Whether a paragraph holds `{% … %}` and nothing else."""
        if self._pattern.sub("", text).strip() or not self.is_in(text):
            return False
        return all(self.expressions[int(n)].startswith("{%") for n in self._pattern.findall(text))

    @property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"{self.word}(\d+)q", re.IGNORECASE)


def number_links(blocks: list[Token], aside: Aside) -> tuple[str, ...]:
    """Point every link at `{{ links[n] }}`; returns the targets by number, each once."""
    targets: list[str] = []
    for token in inline_tokens(blocks, "link_open"):
        target = aside.put_back(str(token.attrs["href"]))
        if not (TARGET.match(target) or target.startswith("{{")):
            raise MarkupError(
                gettext("the link `%(target)s` leads nowhere") % {"target": target},
                gettext("begin it with https://, http:// or mailto:"),
            )
        if target not in targets:
            targets.append(target)
        token.attrs["href"] = aside.take(f"{{{{ links[{targets.index(target)}] }}}}")
    return tuple(targets)


def check_images(blocks: list[Token], aside: Aside) -> None:
    for token in inline_tokens(blocks, "image"):
        address = aside.put_back(str(token.attrs["src"]))
        if "{{" in address or "{%" in address:
            # An address of one's own tells who opened the mail, which needs its own consent.
            raise MarkupError(
                gettext("the image `%(address)s` differs by reader") % {"address": address},
                gettext("give everybody the same image"),
            )
        if not address.lower().startswith(("https://", "http://")):
            raise MarkupError(
                gettext("the image `%(address)s` has no address") % {"address": address},
                gettext("begin it with https://"),
            )


def unwrap_tags(blocks: list[Token], aside: Aside) -> list[Token]:
    """Take `{% if … %}` out of the paragraph that Markdown put around it."""
    kept: list[Token] = []
    for token in blocks:
        if token.type == "paragraph_close" and kept[-1].type == "inline" and aside.is_only_tags(kept[-1].content):
            tag = kept.pop().content
            kept[-1] = raw(tag + "\n")
        else:
            kept.append(token)
    return kept


def dressed(blocks: list[Token]) -> list[Token]:
    """The tokens with their styles; a link alone in its paragraph becomes a button."""
    result: list[Token] = []
    for token in blocks:
        if token.type == "paragraph_close" and is_button(result[-1]):
            result[-1].children = dress_button(result[-1].children or [])
            result[-2] = raw('<table role="presentation" cellpadding="0" cellspacing="0" border="0" ')
            result[-2].content += f'style="margin:8px 0 24px"><tr>{BUTTON_CELL}'
            result.append(raw("</td></tr></table>\n"))
            continue
        for each in (token, *(token.children or [])):
            if each.nesting >= 0 and each.tag in STYLES:
                each.attrSet("style", STYLES[each.tag])
        result.append(token)
    return result


def is_button(token: Token) -> bool:
    """A link alone in a paragraph of its own, not in a list or a quotation."""
    kinds = [child.type for child in token.children or []]
    is_alone = kinds.count("link_open") == 1 and (kinds[0], kinds[-1]) == ("link_open", "link_close")
    return is_alone and token.level == 1


def dress_button(children: list[Token]) -> list[Token]:
    children[0].attrSet("style", BUTTON_LINK)
    children[0].attrSet("class", "button")
    return children


def inline_tokens(blocks: list[Token], kind: str) -> list[Token]:
    return [token for block in blocks for token in block.children or [] if token.type == kind]


def raw(html: str) -> Token:
    return Token("html_block", "", 0, content=html)


def plain_text(blocks: list[Token]) -> str:
    """The same words and links without any marks."""
    writer = PlainText()
    for token in blocks:
        writer.add(token)
    return writer.text.strip("\n") + "\n"


class PlainText:
    """Blocks are parted by an empty line, items of a list by none."""

    def __init__(self) -> None:
        self.text = ""
        self.lists: list[int | None] = []  # the next number of each open list; None: bullets
        self.bullet = ""  # what the next block begins with
        self.quotes = 0

    def add(self, token: Token) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self.lists.append(int(token.attrGet("start") or 1) if kind == "ordered_list_open" else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
            self.text += "" if self.lists else "\n"
        elif kind == "list_item_open":
            self.bullet = self._next_bullet()
        elif kind in ("blockquote_open", "blockquote_close"):
            self.quotes += token.nesting
        elif kind == "hr":
            self._write("----")
        elif kind in ("fence", "code_block", "html_block"):
            self._write(token.content.rstrip("\n"))
        elif kind == "inline":
            self._write(inline_text(token.children or [], is_button=is_button(token)))

    def _next_bullet(self) -> str:
        number = self.lists[-1]
        if number is None:
            return "- "
        self.lists[-1] = number + 1
        return f"{number}. "

    def _write(self, text: str) -> None:
        indent = "> " * self.quotes + "  " * (len(self.lists) - 1 if self.bullet else len(self.lists))
        follow = "\n" + indent + " " * len(self.bullet)
        self.text += f"{indent}{self.bullet}{text}".replace("\n", follow) + ("\n" if self.lists else "\n\n")
        self.bullet = ""


def inline_text(children: list[Token], *, is_button: bool) -> str:
    """A link reads `words (target)`; where it stands alone, its target has its own line."""
    parts: list[str] = []
    opened: list[tuple[Token, int]] = []
    for token in children:
        if token.type == "link_open":
            opened.append((token, len(parts)))
        elif token.type == "link_close":
            link, begun = opened.pop()
            words = "".join(parts[begun:])
            parts[begun:] = [link_text(link, words, is_button=is_button)]
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n" if token.type == "hardbreak" else " ")
        elif token.type == "image":
            parts.append(inline_text(token.children or [], is_button=False))
        else:
            parts.append(token.content)
    return "".join(parts)


def link_text(link: Token, words: str, *, is_button: bool) -> str:
    target = str(link.attrs["href"])
    if link.markup == "autolink" or not words:
        return target
    return f"{words}:\n{target}" if is_button else f"{words} ({target})"
