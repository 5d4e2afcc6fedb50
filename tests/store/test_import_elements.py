"""Splitting a JSON list into its elements, in blocks of any size."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.errors import BadImport
from fireside.store import import_elements
from fireside.store.import_elements import Element, decoded, read_elements

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text('a"\\{}[],: \n😀', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('k"\\{', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.text('id"\\[', max_size=4), values, max_size=4)


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def elements(data: bytes, size: int = 1 << 20) -> list[Element]:
    return list(read_elements("x.json", blocks(data, size))[1])


def before_the_break(data: bytes, size: int = 7) -> tuple[int, BadImport]:
    whole: list[Element] = []
    with pytest.raises(BadImport) as caught:
        whole.extend(read_elements("x.json", blocks(data, size))[1])
    return len(whole), caught.value


@given(st.lists(objects, max_size=5), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_every_element_comes_out_as_it_went_in(
    found: list[dict[str, object]], size: int, ascii_only: bool, indent: int | None
) -> None:
    data = json.dumps(found, ensure_ascii=ascii_only, indent=indent).encode()
    split = elements(data, size)
    assert [json.loads(element.data) for element in split] == found
    assert [element.number for element in split] == list(range(1, len(found) + 1))


@given(st.lists(objects, max_size=3), st.integers(1, 40))
def test_a_list_inside_an_object_is_found_with_what_stands_before_it(
    found: list[dict[str, object]], size: int
) -> None:
    document = {"format": "fireside", "version": 1, "note": "[{", "conversations": found, "more": [1]}
    opening, split = read_elements("x.json", blocks(json.dumps(document).encode(), size))
    assert (opening.format, opening.version) == ("fireside", 1)
    assert [json.loads(element.data) for element in split] == found


def test_one_object_is_one_element() -> None:
    assert [element.data for element in elements(b' {"a": [1, "}"]} \n', 3)] == [b'{"a": [1, "}"]}']


def test_a_byte_order_mark_is_passed_over() -> None:
    assert len(elements(b"\xef\xbb\xbf[{}]")) == 1


@given(st.lists(objects, min_size=1, max_size=4), st.data(), st.integers(1, 40))
def test_a_text_that_is_cut_off_says_so_wherever_it_is_cut(
    found: list[dict[str, object]], data: st.DataObject, size: int
) -> None:
    whole = json.dumps(found).encode()
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    count, error = before_the_break(cut, size)
    assert "cut off" in error.message
    assert error.hint
    assert count <= len(found)


@pytest.mark.parametrize(
    ("text", "whole", "said"),
    [
        (b'[{"a": 1}, {"b": [1, 2}, {"c": 3}]', 1, "conversation 2"),
        (b'[{"a": 1}, {"b": 1]', 1, "conversation 2"),
        (b'[{"a": 1}}]', 1, "unexpected '}'"),
        (b'[{"a": 1}] and more', 1, "follows the end"),
        (b'[{"a": 1}][{"b": 1}]', 1, "follows the end"),
    ],
)
def test_broken_brackets_end_the_reading_and_keep_what_came_before(
    text: bytes, whole: int, said: str
) -> None:
    for size in (1, 7, 1000):
        count, error = before_the_break(text, size)
        assert count == whole
        assert said in error.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"<html>", "web page"),
        (b"PK\x05", "begins with"),
        (b"\xff\xfe[\x00", "begins with"),
    ],
)
def test_what_is_no_json_is_named(text: bytes, said: str) -> None:
    with pytest.raises(BadImport, match=said):
        read_elements("x.json", iter([text] if text else []))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_elements_that_are_no_objects_are_counted_and_passed_over(size: int) -> None:
    split = elements(b'[1, "a,b]", {"a": 1}, null, {"b": 2}, true]', size)
    assert [(element.number, element.data) for element in split] == [
        (1, b""),
        (2, b'{"a": 1}'),
        (3, b""),
        (4, b'{"b": 2}'),
        (5, b""),
    ]


def test_a_nesting_bomb_costs_itself_only() -> None:
    deep = b"[" * 300_000 + b"]" * 300_000
    split = elements(b'[{"a": ' + deep + b'}, {"b": 1}]', 4096)
    assert "nested deeper" in (split[0].fault or "")
    assert split[0].data == b""
    assert split[1].data == b'{"b": 1}'


def test_an_element_larger_than_the_limit_costs_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_elements, "MAX_ELEMENT_BYTES", 1 << 20)
    monkeypatch.setattr(import_elements, "MAX_VALUES", 1000)
    wide, many = b'{"a": "' + b"x" * (2 << 20) + b'"}', b'{"a": [' + b"{}," * 2000 + b"{}]}"
    split = elements(b"[" + wide + b", " + many + b', {"b": 1}]', 4096)
    assert "larger than 1 MiB" in (split[0].fault or "")
    assert "more than 1,000 values" in (split[1].fault or "")
    assert split[2].data == b'{"b": 1}'


class Said(msgspec.Struct):
    text: str


def test_half_characters_become_the_replacement_character() -> None:
    assert decoded(rb'{"text": "a\ud83d!\udc00 \\ud83d \ud83d\ude00"}', Said).text == "a�!� \\ud83d 😀"
    assert decoded(b'{"text": "a\xff\xed\xa0\x80b"}', Said).text.replace("�", "") == "ab"
