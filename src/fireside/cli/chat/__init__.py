"""The chat in the terminal."""

from __future__ import annotations

from fireside.cli.options import ChatOptions


def run(options: ChatOptions) -> int:
    """Chat until the person leaves; return the exit code: 0, 1 after an error, 130 when interrupted."""
    from fireside.cli.chat.loop import chat

    return chat(options)
