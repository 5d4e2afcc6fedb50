"""A branch and a budget in, a prompt and a receipt out: pure code, no engine and no store.

A prompt is put together from *frames* (what a template or a transcript writes around messages)
and the messages' own contents. They are tokenised apart, so that what people say is never read
as a control token, and so that nothing is tokenised twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from fireside.errors import ContextLengthExceeded
from fireside.messages import Message, Receipt, Role, said

MARK = re.compile("\ue000(\\d+)\ue001")
COMPACT_TO = 0.6
"""When older messages must go, so many go that the rest fills this share of the budget: then the
following turns only append, and the engine's cache holds."""
LONGEST_RESERVE = 1024
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


class Budget(msgspec.Struct, frozen=True):
    """The window in tokens, and the share of it that is kept for the reply."""

    context_length: int
    reserve: int

    @classmethod
    def of(cls, context_length: int, max_tokens: int | None) -> Budget:
        """Return the budget for a reply of at most `max_tokens`, never more than a quarter kept.

        >>> Budget.of(8192, 500).prompt, Budget.of(512, None).prompt
        (7692, 384)
        """
        wanted = LONGEST_RESERVE if max_tokens is None else max_tokens
        return cls(context_length, max(1, min(wanted, context_length // 4)))

    @property
    def prompt(self) -> int:
        return self.context_length - self.reserve


class Sized(msgspec.Struct, frozen=True):
    """A message of the branch and the tokens that it takes with its frame."""

    id: str
    role: Role
    tokens: int


def window_start(messages: Sequence[Sized], budget: int, *, full: bool = False) -> int:
    """Return where the window begins: the newest messages that fit; the last always stays.

    `messages` begin where the window of the turn before began. As long as all of them fit it stays
    there, so that prompts only grow. When they don't (or it is known that more went before, `full`), the
    window moves on to a person's message with room for the turns to come. ContextLengthExceeded
    when the last message alone doesn't fit.

    >>> turns = [Sized("a", Role.USER, 5), Sized("b", Role.ASSISTANT, 3), Sized("c", Role.USER, 4)]
    >>> window_start(turns, 12), window_start(turns, 8)
    (0, 2)
    """
    if messages[-1].tokens > budget:
        raise ContextLengthExceeded(
            f"this message takes {messages[-1].tokens} tokens; {budget} are free for it",
            hint="shorten it, attach less, or raise `context_length` if the model allows more",
        )
    if not full and sum(message.tokens for message in messages) <= budget:
        return 0
    last = len(messages) - 1
    total = 0
    first = last
    for index in range(last, -1, -1):
        total += messages[index].tokens
        if total > budget * COMPACT_TO and index < last:
            break
        if messages[index].role is Role.USER:
            first = index
    return first


def make_receipt(
    branch: Sequence[str],
    included: Sequence[str],
    *,
    context_length: int,
    prompt_tokens: int,
    empty: int = 0,
    notes: Sequence[str] = (),
) -> Receipt:
    """Return the receipt of a prompt that holds `included` of the branch's messages word for word.

    `empty` of those left out were replies in which nothing was said; `notes` say what else the model
    was not given.
    """
    held = set(included)
    omitted = tuple(message for message in branch if message not in held)
    reasons = []
    if older := len(omitted) - empty:
        reasons.append(
            f"{older} older {'message does' if older == 1 else 'messages do'} not fit"
            f" into the window of {context_length} tokens"
        )
    if empty:
        reasons.append(f"{empty} empty {'reply says' if empty == 1 else 'replies say'} nothing")
    return Receipt(
        context_length=context_length,
        prompt_tokens=prompt_tokens,
        included=tuple(included),
        omitted=omitted,
        reason="; ".join([*reasons, *notes]) or None,
    )
