"""Frames around messages, by a template or for a transcript: pure code, no engine and no store.

A prompt is put together from *frames* (what a template or a transcript writes around messages)
and the messages' own contents. They are tokenised apart, so that what people say is never read
as a control token, and so that nothing is tokenised twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from fireside.messages import Message, Role, said

MARK = re.compile("\ue000(\\d+)\ue001")
GREETING = "Hello."


class Frame(msgspec.Struct, frozen=True):
    """Text of a template or transcript and, after it, the content of message `index` (if any)."""

    text: str
    index: int | None


def marked(roles: Sequence[Role]) -> list[Message]:
    """Return messages whose contents are marks, for a template to write its frames around.

    Neighbours of one role (an empty reply was left out between them) become one message: many
    templates insist on alternation.

    >>> [message.role.value for message in marked([Role.USER, Role.USER, Role.ASSISTANT])]
    ['user', 'assistant']
    """
    messages: list[Message] = []
    for index, role in enumerate(roles):
        mark = f"\ue000{index}\ue001"
        if messages and messages[-1].role is role:
            messages[-1] = said(role, f"{messages[-1].text}\n\n{mark}")
        else:
            messages.append(said(role, mark))
    return messages


def tellings(roles: Sequence[Role]) -> Iterator[list[Message]]:
    """Yield the ways to tell a template a dialogue, the plainest first, for templates that refuse some.

    >>> [[message.role.value for message in told] for told in tellings([Role.SYSTEM, Role.ASSISTANT])]
    [['system', 'assistant'], ['user', 'assistant']]
    """
    yield marked(roles)
    if Role.SYSTEM in roles:
        yield marked([Role.USER if role is Role.SYSTEM else role for role in roles])
    elif roles[:1] == [Role.ASSISTANT]:
        yield [said(Role.USER, GREETING), *marked(roles)]


def frames_of(rendered: str) -> tuple[Frame, ...]:
    """Return the frames in what a template made of `marked` messages.

    >>> frames_of("<u>\\ue0000\\ue001</u><a>")
    (Frame(text='<u>', index=0), Frame(text='</u><a>', index=None))
    """
    pieces = MARK.split(rendered)
    inner = [Frame(pieces[at], int(pieces[at + 1])) for at in range(0, len(pieces) - 1, 2)]
    return (*inner, Frame(pieces[-1], None))


def transcript_frames(roles: Sequence[Role], *, me: str, you: str) -> tuple[Frame, ...]:
    """Return the frames of a transcript: the system text, an empty line, then `Name:` before each.

    The space after a label belongs to what follows it (`transcript_content`), as models write it.

    >>> [frame.text for frame in transcript_frames([Role.SYSTEM, Role.USER], me="Alice", you="Bob")]
    ['', '\\n\\nAlice:', '\\nBob:']
    """
    labels = {Role.USER: f"{me}:", Role.ASSISTANT: f"{you}:", Role.SYSTEM: ""}
    frames = []
    for index, role in enumerate(roles):
        gap = "" if index == 0 else "\n\n" if roles[index - 1] is Role.SYSTEM else "\n"
        frames.append(Frame(gap + labels[role], index))
    return (*frames, Frame(f"\n{you}:" if roles else f"{you}:", None))


def transcript_content(role: Role, text: str) -> str:
    return text if role is Role.SYSTEM else f" {text}"
