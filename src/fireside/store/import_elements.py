"""The elements of a JSON list, one after the other, out of blocks of bytes of any size.

A file of gigabytes never stands in memory: one element does. Element boundaries are found by brackets
and quotes alone (RFC 8259 sections 2 and 7), so size and depth are bounded before anything is
decoded, and an element that is wrong inside costs itself and not the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NoReturn, TypeVar

import msgspec

from fireside.errors import BadImport

S = TypeVar("S")
MAX_ELEMENT_BYTES = 48 << 20
MAX_DEPTH = 200
MAX_VALUES = 500_000
HINT = "download or export it again; what was imported stays, and importing again adds only the rest"

# Everything up to the next bracket outside a string, or to a string that this block doesn't end.
# Possessive, and it always matches: a block is passed over once, whatever stands in it.
_NEXT = re.compile(
    rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+(?:([{}\[\]"])|\Z)',
    re.DOTALL,
)
_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_HEAD_BYTES = 1 << 16
_LIST = re.compile(rb"\s*+\[")
_WRAPPED = re.compile(
    rb'\s*+(\{(?:\s*+"[^"\\]{0,99}+"\s*+:\s*+(?:"[^"\\]{0,999}+"|[-+.\w]{1,99}+)\s*+,)*+)\s*+"conversations"\s*+:\s*+\['
)
_OBJECT = re.compile(rb"\s*+(?=\{)")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_CLOSERS = {ord("{"): ord("}"), ord("["): ord("]")}


class Element(msgspec.Struct, frozen=True):
    """One element of the list: its number from 1 and its bytes, or why it was passed over."""

    number: int
    data: bytes
    fault: str | None = None


class Opening(msgspec.Struct, frozen=True):
    """What stands before the list in `{"format": …, "version": …, "conversations": [`."""

    format: Any = None
    version: Any = None


def read_elements(name: str, blocks: Iterable[bytes]) -> tuple[Opening, Iterator[Element]]:
    """Return the opening and the elements of a list, of an object's list `conversations`, or of one object.

    Raises BadImport, now or while the elements are read, where the text ends too early or is no JSON;
    the elements before stay good.
    """
    source = iter(blocks)
    head = b""
    while len(head) < _HEAD_BYTES and (block := next(source, b"")):
        head += block
    head = head.removeprefix(b"\xef\xbb\xbf")
    opening = Opening()
    if found := _LIST.match(head):
        closing = re.compile(rb"\s*")
    elif found := _WRAPPED.match(head):
        closing = re.compile(rb"\s*(?:[,}].*)?", re.DOTALL)
        opening = _opening(name, found[1])
    elif found := _OBJECT.match(head):
        return opening, _Splitter(name, None, found.end()).elements(chain([head[found.end() :]], source))
    else:
        raise BadImport(
            f"{name} is not a JSON list of conversations: it {_what(head)}",
            hint="give the zip, the folder or the conversations.json of a ChatGPT, Claude or Fireside export",
        )
    return opening, _Splitter(name, closing, found.end()).elements(chain([head[found.end() :]], source))


def _what(head: bytes) -> str:
    if not head.strip():
        return "is empty"
    if head.lstrip()[:1] == b"<":
        return "is a web page"
    return f"begins with {head.lstrip()[:20].decode('utf-8', 'replace')!r}"


def _opening(name: str, text: bytes) -> Opening:
    try:
        return msgspec.json.decode(text.rstrip().removesuffix(b",") + b"}", type=Opening)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadImport(f"{name} is broken before its first conversation: {error}", hint=HINT) from error


class _Splitter:
    """The state between two blocks. `closing` is what may follow the list; None reads one object."""

    def __init__(self, name: str, closing: re.Pattern[bytes] | None, position: int) -> None:
        self._name, self._closing = name, closing
        self._number = 0
        self._position = position
        self._ended = False
        self._in_string = self._escaped = False
        self._junk = False
        self._begin()

    def _begin(self) -> None:
        self._expected = bytearray()
        self._beyond = 0
        self._values = 0
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._fault: str | None = None

    def elements(self, blocks: Iterable[bytes]) -> Iterator[Element]:
        for block in blocks:
            if self._ended:
                self._check_tail(block)
            else:
                yield from self._scan(block)
            self._position += len(block)
        if not self._ended:
            where = (
                f"in the middle of conversation {self._number}"
                if self._expected
                else "before its list is closed"
            )
            raise BadImport(f"{self._name} is cut off: it ends {where}", hint=HINT)

    def _scan(self, block: bytes) -> Iterator[Element]:
        at = self._leave_string(block, 0) if self._in_string else 0
        between, start = 0, 0
        for found in _NEXT.finditer(block, at):
            if found.lastindex is None:
                break
            at = found.end() - 1
            char = block[at]
            if char == 0x22:
                self._in_string = True
                self._leave_string(block, at + 1)
                break
            if not self._expected:
                yield from self._note_junk(block[between:at])
                start = at
            if char in _CLOSERS:
                self._open(char)
            elif self._close(char, at):
                if not self._ended:
                    self._keep(block[start : at + 1])
                    yield self._finished()
                between = at + 1
            if self._ended:
                self._check_tail(block[between:])
                return
        self._carry(block[start:], block[between:])

    def _carry(self, unfinished: bytes, between: bytes) -> None:
        """Remember what the block's end cuts: an element, or something between two of them."""
        if self._expected:
            self._keep(unfinished)
        elif between.strip(b" \t\r\n,"):
            self._junk = True

    def _leave_string(self, block: bytes, at: int) -> int:
        """Return where the string ends that `at` is in, or the block's end when it goes on."""
        if self._escaped:
            self._escaped = False
            at += 1
        at = _STRING.match(block, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if at >= len(block):
            return len(block)
        if block[at] == 0x22:
            self._in_string = False
            return at + 1
        self._escaped = True
        return len(block)

    def _open(self, char: int) -> None:
        if not self._expected:
            self._number += 1
        self._values += 1
        if self._values > MAX_VALUES:
            self._fault = f"it holds more than {MAX_VALUES:,} values"
        if len(self._expected) < MAX_DEPTH:
            self._expected.append(_CLOSERS[char])
        else:
            self._beyond += 1
            self._fault = f"it is nested deeper than {MAX_DEPTH} levels"

    def _close(self, char: int, at: int) -> bool:
        """Take a closing bracket; True when it ends an element or the list."""
        if self._beyond:
            self._beyond -= 1
            return False
        if not self._expected and char == ord("]") and self._closing is not None:
            self._ended = True
            return True
        if not self._expected or self._expected.pop() != char:
            self._break(f"unexpected {chr(char)!r} in conversation {self._number}", at)
        return not self._expected

    def _keep(self, piece: bytes) -> None:
        self._kept_bytes += len(piece)
        if self._kept_bytes > MAX_ELEMENT_BYTES:
            self._fault = f"it is larger than {MAX_ELEMENT_BYTES >> 20} MiB"
        if self._fault:
            self._kept.clear()
        else:
            self._kept.append(piece)

    def _finished(self) -> Element:
        element = Element(self._number, b"".join(self._kept), self._fault)
        self._begin()
        self._ended = self._closing is None
        return element

    def _note_junk(self, text: bytes) -> Iterator[Element]:
        if self._junk or text.strip(b" \t\r\n,"):
            self._junk = False
            self._number += 1
            yield Element(self._number, b"", "it is not a conversation")

    def _check_tail(self, text: bytes) -> None:
        closing = self._closing or _LIST_END
        if not closing.fullmatch(text):
            self._break("something follows the end", 0)
        if text.strip():
            self._closing = _ANYTHING

    def _break(self, what: str, at: int) -> NoReturn:
        raise BadImport(f"{self._name} is broken near byte {self._position + at:,}: {what}", hint=HINT)


_LIST_END = re.compile(rb"\s*")
_ANYTHING = re.compile(rb".*", re.DOTALL)


def decoded(data: bytes, shape: type[S]) -> S:
    """Return `data` as `shape`. Lone surrogates and bytes that are no UTF-8 become U+FFFD.

    Raises msgspec.DecodeError (its subclass ValidationError for JSON of another shape).
    """
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(_mended(data), type=shape)


def _mended(data: bytes) -> bytes:
    """Replace what no text can hold.

    >>> _mended(rb'"a\\ud83d b\\\\ud83d \\ud83d\\ude00"') == rb'"a\\ufffd b\\\\ud83d \\ud83d\\ude00"'
    True
    """
    text = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], data)
    return text.decode("utf-8", "replace").encode()
