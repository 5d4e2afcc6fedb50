"""`fireside memories`, as a person uses it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from fireside.cli.memories import choose
from fireside.errors import BadRequest, MemoryNotFound
from fireside.memories import Memory

Fireside = Callable[..., subprocess.CompletedProcess[str]]
KEPT = (Memory("a1", "I like tea.", 0, 0), Memory("b2", "I like my car.", 0, 0))


def test_a_memory_is_added_listed_changed_and_forgotten(fireside: Fireside) -> None:
    added = fireside("memories", "add", "My", "dog", "is", "Biscuit.")
    assert "My dog is Biscuit." in added.stdout
    assert "memories are off" in added.stderr
    fireside("memories", "on")
    assert "are given them" in fireside("memories").stderr
    fireside("memories", "edit", "1", "My dog is Bello.")
    (kept,) = json.loads(fireside("memories", "list", "--json").stdout)
    assert kept["text"] == "My dog is Bello."
    reply = fireside("ask", "--json", "--max-tokens", "2", "Is my dog Bello big?")
    assert json.loads(reply.stdout)["receipt"]["memories"] == [kept["id"]]
    assert "nobody is there" in fireside("memories", "rm", "1", code=1).stderr
    fireside("memories", "rm", "bello", "--yes")
    fireside("memories", "off")
    assert fireside("memories").stdout == ""


def test_a_memory_is_meant_by_number_id_or_words() -> None:
    assert choose(KEPT, "2").id == choose(KEPT, "b2").id == choose(KEPT, "CAR").id == "b2"
    with pytest.raises(BadRequest, match="2 memories"):
        choose(KEPT, "like")
    for nothing in ("3", "coffee", " "):
        with pytest.raises(MemoryNotFound):
            choose(KEPT, nothing)
