"""The small model with another chat template, of the same length: nothing else in the file moves."""

from __future__ import annotations

from pathlib import Path

BEGINS = b"{% for message in messages %}{% if loop.first"


def retemplated(weights: Path, template: str, to: Path) -> Path:
    """Write the model's file with `template` to `to`, and return that."""
    data = weights.read_bytes()
    begins = data.index(BEGINS)
    size = int.from_bytes(data[begins - 8 : begins], "little")
    new = template.encode()
    assert len(new) + 4 <= size
    padded = new + b"{#" + b" " * (size - len(new) - 4) + b"#}"
    to.write_bytes(data[:begins] + padded + data[begins + size :])
    return to
