"""A changed byte in one of the small files beside the chats costs what stood in it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from visiting import OWNER, Place

FILES = {
    "speeds.json": b'{"\xff": {}}',
    "machine.json": b'{"key": "\xff"}',
    "engines/built.json": b'{"event": "built", "path": "\xff"}',
    "models/imported.json": b'{"references": ["\xff"]}',
    "models/hf/maker/tiny/Q4_0.json": b'{"repository": "\xff"}',
    "models/converted/small/record.json": b'{"origin": "\xff"}',
    "models/https/one/record.json": b'{"file": "\xff"}',
}
"""what stands in each, with a byte that is no text any more"""
DEEP = b'{"": ' + b"[" * 100_000


@pytest.mark.parametrize("is_deep", [False, True], ids=["bytes", "nesting"])
@pytest.mark.parametrize("name", FILES)
async def test_a_server_with_a_damaged_file_starts_lists_models_and_answers(
    tmp_path: Path, open_place: Callable[..., Place], name: str, is_deep: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(DEEP if is_deep else FILES[name])
    here = open_place().here
    for route in ("models", "models/fit", "status"):
        answer = await here.get(f"/fireside/v1/{route}", headers=OWNER)
        assert answer.status_code == 200, answer.text
    made = await here.post("/fireside/v1/conversations", json={}, headers=OWNER)
    asked = f"/fireside/v1/conversations/{made.json()['id']}/messages"
    assert (await here.post(asked, json={"text": "Hello"}, headers=OWNER)).status_code == 201
