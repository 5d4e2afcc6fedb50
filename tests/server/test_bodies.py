"""Bodies are read in time that grows with them, whatever they hold: everybody waits meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fireside.errors import BadRequest
from fireside.server.wire import parse


def test_an_object_with_very_many_names_is_read() -> None:
    """One that compares every name with every other one needs hours for this."""
    wide = {f"n{number}": 1 for number in range(500_000)}
    assert parse(json.dumps(wide).encode(), dict[str, Any]) == wide


def test_a_name_that_is_given_twice_is_refused_wherever_it_stands() -> None:
    with pytest.raises(BadRequest, match="b is given twice"):
        parse(b'{"a": {"b": 1, "c": 2, "b": 1}}', dict[str, Any])
