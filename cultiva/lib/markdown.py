"""Markdown that people write, as HTML without scripts, images or HTML of their own."""

from markdown_it import MarkdownIt

markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
