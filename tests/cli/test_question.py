"""What `fireside ask` makes of its arguments and of standard input."""

from __future__ import annotations

import io

import pytest

from fireside.cli.ask import MESSAGE_BYTES, question
from fireside.errors import BadRequest, EmptyMessage, TooLarge


def test_arguments_come_first_and_standard_input_below_a_blank_line() -> None:
    assert question(["Summarise", "this:"], io.BytesIO(b"one\ntwo\n")) == "Summarise this:\n\none\ntwo"


def test_one_of_them_is_enough() -> None:
    assert question(["Why?"], None) == question([], io.BytesIO(b"Why?\r\n")) == "Why?"
    assert question(["Why?"], io.BytesIO(b"")) == "Why?"


@pytest.mark.parametrize("given", [b"", b" \n\n"])
def test_nothing_at_all_is_refused_with_an_example(given: bytes) -> None:
    with pytest.raises(EmptyMessage) as caught:
        question([" "], io.BytesIO(given))
    assert caught.value.hint
    assert "fireside ask" in caught.value.hint


def test_standard_input_that_is_not_utf8_is_refused_at_its_byte() -> None:
    with pytest.raises(BadRequest, match="byte 3") as caught:
        question(["x"], io.BytesIO(b"abc\xff"))
    assert caught.value.hint
    assert "nothing was sent" in caught.value.hint


def test_arguments_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(BadRequest):
        question([b"\xff".decode("utf-8", "surrogateescape")], None)


def test_more_than_a_message_may_have_is_not_read() -> None:
    stdin = io.BytesIO(b"x" * (MESSAGE_BYTES + 100))
    with pytest.raises(TooLarge):
        question([], stdin)
    assert stdin.tell() == MESSAGE_BYTES + 1


def test_a_byte_order_mark_is_not_part_of_the_question() -> None:
    assert question([], io.BytesIO("﻿Why?".encode())) == "Why?"
