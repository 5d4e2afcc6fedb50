"""The block splitter: nothing is lost, the pieces don't matter, and no block is cut in two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fireside.cli.chat.blocks import Blocks

WELL_FORMED = [
    "A paragraph\nof two lines.\n\n",
    "# A heading\n",
    "## Another\n\n",
    "- one\n- two\n\n  more of two\n- three\n\n",
    "1. one\n\n   ```py\n   x = 1\n\n   y = 2\n   ```\n\n2. two\n\n",
    "```python\nprint(1)\n\n# not a heading\n- not a list\n```\n",
    "~~~\n```\n\n~~~\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
    "> quoted\n> more\n\n",
    "---\n\n",
    "Title\n=====\n\n",
]

LINES = st.sampled_from(
    [
        "text",
        "- item",
        "1. item",
        "7. item",
        "```",
        "```py",
        "~~~~",
        "  ```",
        "# head",
        "   - deep",
        "    code",
        "> quote",
        "---",
        "===",
        "***",
        "`code`",
        "  two",
        "\tcode",
        "<div>",
        "[a]: b",
        "|a|b|",
        "|-|-|",
        "火",
        "🔥",
        "",
    ]
)


def blocks_of(text: str, sizes: list[int]) -> list[str]:
    blocks, found, at = Blocks(), [], 0
    for size in sizes:
        found += blocks.feed(text[at : at + size])
        at += size
    return [*found, *blocks.feed(text[at:]), *blocks.close()]


def shape(text: str) -> list[tuple[str, str]]:
    """The top-level structure: each token's type and its source text."""
    return [(token.type, token.content) for token in MarkdownIt().enable("table").parse(text)]


@given(st.lists(LINES).map("\n".join) | st.text(), st.lists(st.integers(1, 9)))
def test_the_blocks_joined_are_the_text(text: str, sizes: list[int]) -> None:
    assert "".join(blocks_of(text, sizes)) == text


@given(st.lists(LINES).map("\n".join) | st.text(), st.lists(st.integers(1, 9)))
def test_the_blocks_do_not_depend_on_the_pieces(text: str, sizes: list[int]) -> None:
    assert blocks_of(text, sizes) == blocks_of(text, [])


@given(st.lists(st.sampled_from(WELL_FORMED), max_size=8))
def test_blocks_read_one_by_one_mean_what_the_whole_means(parts: list[str]) -> None:
    text = "<!-- -->\n\n".join(parts)  # keeps two lists from being one
    apart = [token for block in blocks_of(text, []) for token in shape(block)]
    assert apart == shape(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\nb\n\nc", ["a\n\n", "b\n\n", "c"]),
        ("# a\nb\n", ["# a\n", "b\n"]),
        ("Intro:\n- a\n- b\n\n- c\n\nEnd", ["Intro:\n", "- a\n- b\n\n- c\n\nEnd"]),
        ("```\na\n\nb\n```\nc", ["```\na\n\nb\n```\n", "c"]),
        ("````\n```\n````\nc", ["````\n```\n````\n", "c"]),
        ("in\n1986. A year\n", ["in\n1986. A year\n"]),
        ("a\n```\nb\n```\n", ["a\n", "```\nb\n```\n"]),
    ],
)
def test_where_blocks_end(text: str, expected: list[str]) -> None:
    assert blocks_of(text, []) == expected


def test_a_finished_paragraph_leaves_the_list_before_it() -> None:
    assert blocks_of("- a\n- b\n\nEnd\n", []) == ["- a\n- b\n\n", "End\n"]
