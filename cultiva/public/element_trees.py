"""Our own HTML as a tree of elements, which a script can build in somebody else's page without parsing any."""

from html.parser import HTMLParser
from typing import Any

Tree = list[Any]  # ["p", {"class": "note"}, "text", ["b", {}, ..], ..]

VOID = {"input", "br", "hr", "img", "path", "rect", "circle"}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top: Tree = []
        self.open: list[Tree] = [self.top]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node: Tree = [tag, {name: value or "" for name, value in attrs}]
        self.open[-1].append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].append([tag, {name: value or "" for name, value in attrs}])

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, text: str) -> None:
        if text.strip():
            self.open[-1].append(text)
        elif self.open[-1] and text and self.open[-1] is not self.top:
            self.open[-1].append(" ")


def tree_of(html: str) -> Tree:
    """The elements of HTML that we drew: every element is closed, and none is a script."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.top
