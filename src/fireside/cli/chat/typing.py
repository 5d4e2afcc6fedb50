"""What is being typed is told to the server, so that the model has read it when it is sent."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from fireside.cli.chat.session import Session
from fireside.client.typing import LONGEST
from fireside.errors import FiresideError
from fireside.messages import Defaults

PAUSE_S = 0.4
"""Whoever stops for so long may be at the end of the question."""
SENTENCE_S = 0.1
"""the same, where a sentence ends"""
EVERY_S = 1.0
"""Whole words are told so often while somebody types on."""
_WORDS = re.compile(r".*\s", re.DOTALL)
_SENTENCE = re.compile(r"[.?!。？！]\s*$")


def whole_words(text: str) -> str:
    """Return `text` without its last, unfinished word.

    >>> whole_words("How is the wea"), whole_words("How")
    ('How is the ', '')
    """
    found = _WORDS.match(text)
    return found[0] if found else ""


def pause_after(text: str) -> float:
    """
    >>> pause_after("How are you?") < pause_after("How are you")
    True
    """
    return SENTENCE_S if _SENTENCE.search(text) else PAUSE_S


class Typing:
    """Tells what is typed in a chat: whole words from time to time, and all of it at each pause."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._timer: asyncio.TimerHandle | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._told = ""
        self._told_at = -EVERY_S
        self._is_wanted = True

    def hear(self, text: str | None) -> None:
        """Take in what is in the prompt now, or that the prompt is over (None)."""
        if self._timer:
            self._timer.cancel()
        if text is None:
            self._over()
        elif self._is_wanted and self._is_question(text):
            loop = asyncio.get_running_loop()
            words = whole_words(text)
            if len(words) > len(self._told) and loop.time() >= self._told_at + EVERY_S:
                self._tell(words)
            self._timer = loop.call_later(pause_after(text), self._tell, text)

    def _is_question(self, text: str) -> bool:
        """Whether it would be the next question here as it stands, and nothing but the conversation's."""
        session = self._session
        usual = session.turn == Defaults() and not session.files and session.editing is None
        return (
            session.conversation is not None
            and usual
            and not text.startswith(("/", '"'))
            and len(text) <= LONGEST
        )

    def _tell(self, text: str) -> None:
        if text == self._told or not self._is_wanted:
            return
        self._told, self._told_at = text, asyncio.get_running_loop().time()
        telling = asyncio.create_task(self._told_to_server(text))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _told_to_server(self, text: str) -> None:
        session = self._session
        if session.conversation is not None:
            with suppress(FiresideError):  # who sends it is told what is wrong
                self._is_wanted = await session.client.typing.tell(
                    session.conversation.id, text, session.head_id
                )

    def _over(self) -> None:
        for telling in self._telling:
            telling.cancel()
        self._told, self._told_at, self._is_wanted = "", -EVERY_S, True
