"""Markdown as it stands in a terminal: quiet headings, code without a frame, nothing swallowed.

HTML and images are shown as they were written, addresses of links stand in the open, and a single line
break stays one, with the indentation behind it: what a model wrote is never hidden.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, newline
from markdown_it.token import Token
from rich import box, markdown
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from fireside.cli.visible import visible

CODE_THEME = "ansi_dark"
_NARROWEST_COLUMN = 3


class _Heading(markdown.Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text.copy()
        text.stylize(Style(bold=True, underline=self.tag == "h1"))
        yield text


class _CodeBlock(markdown.CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, background_color="default")


class _Table(markdown.TableElement):
    """Columns with wrapped cells; where there is no room for columns, one `heading: cell` to a line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        if options.max_width < len(header) * (_NARROWEST_COLUMN + 3):
            for row in rows:
                for heading, cell in zip(header, row, strict=False):
                    yield Text.assemble(Text(f"{heading.plain}: ", "bold"), cell)
                yield Text()
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for heading in header:
            table.add_column(heading, overflow="fold", justify=heading.justify or "left")
        for row in rows:
            table.add_row(*row)
        yield table


class _Rule(markdown.HorizontalRule):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("─" * min(options.max_width, 20), "dim")


class TerminalMarkdown(markdown.Markdown):
    """Draws the Markdown `text`, which must have been made visible before."""

    elements: ClassVar[dict[str, type[markdown.MarkdownElement]]] = {
        **markdown.Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
        "table_open": _Table,
        "hr": _Rule,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme=CODE_THEME, hyperlinks=False)
        self.parsed = _readied(_parser().parse(text))


@cache
def _parser() -> MarkdownIt:
    rules: dict[str, Any] = {"html": False, "linkify": False}
    parser = (
        MarkdownIt("commonmark", rules).enable(["strikethrough", "table"]).disable(["image", "reference"])
    )
    parser.normalizeLinkText = _as_written  # type: ignore[method-assign]
    parser.inline.ruler.at("newline", _indented)
    return parser


def _indented(state: StateInline, silent: bool) -> bool:
    """Read a line break as the parser does, and keep what the next line begins with: small models also write
    code without a fence."""
    begun = state.pos
    if not newline(state, silent):
        return False
    if not silent:
        state.pending += state.src[begun + 1 : state.pos].expandtabs(4)
    return True


def _as_written(link: str) -> str:
    """The parser would decode `%1B` in the text of a link, and a terminal would obey it."""
    return link


def _readied(tokens: list[Token]) -> list[Token]:
    """Keep line breaks, and make visible what the parser made of entities (`&#x202e;`) and the like."""
    for token in tokens:
        token.content = visible(token.content)
        for child in token.children or ():
            child.content = visible(child.content)
            if child.type == "softbreak":
                child.type = "hardbreak"
    return tokens
