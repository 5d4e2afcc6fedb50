"""The tree of errors is public: codes are unique, and every one has an HTTP status."""

from __future__ import annotations

import re

import pytest

from fireside import errors
from fireside.errors import FiresideError, from_code
from fireside.server.errors import status_of


def everyone(kind: type[FiresideError] = FiresideError) -> list[type[FiresideError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in everyone(child))]


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in everyone() if kind.__module__ == errors.__name__]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", everyone(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_travels(kind: type[FiresideError]) -> None:
    error = kind("what", hint="do this")
    assert 400 <= status_of(error) < 600
    back = from_code(error.code, error.message, hint=error.hint)
    assert (back.code, back.message, back.hint) == (kind.code, "what", "do this")


def test_the_drawing_of_the_tree_is_complete() -> None:
    drawn = set(re.findall(r"[A-Z]\w+", errors.__doc__ or ""))
    assert {kind.__name__ for kind in everyone() if kind.__module__ == errors.__name__} <= drawn
