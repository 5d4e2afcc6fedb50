"""What a model writes never steers the terminal, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fireside.cli.chat.markdown import TerminalMarkdown
from fireside.cli.visible import visible

HOSTILE = [
    "<http://e/%1B%5D52;c;UFdORUQ=%1B%5C>",
    "<http://e/%1B%5D0;TITLE%1B%5C>",
    "[a](http://e/%1b[2J)",
    "<http://e/%C2%9B2J>",
    "<http://e/%7f>",
    "<http://e/%E2%80%AE>",
    "&#x202e;text",
    "# &#x2066; heading",
    "| &#x202e; | b |\n|---|---|\n| &#27;[2J | c |",
    "`&#27;]52;c;AAAA&#7;`",
    "```&#27;\n\x1b[2J\n```",
    "[&#x202e;](http://e)",
    "- \x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\",
]
STEERING = [chr(code) for code in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))] + [
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
]


def drawn(text: str) -> str:
    console = Console(width=60, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(TerminalMarkdown(visible(text)))
    return capture.get()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    assert not [sign for sign in STEERING if sign in drawn(text)]


@given(st.text(alphabet="<>[](){}%&#;x0129bBeE5D`*_|- \n\x1b:/http", max_size=60))
def test_none_does_whatever_is_written(text: str) -> None:
    assert not [sign for sign in STEERING if sign in drawn(text)]
