"""Stop strings, looked for on this side of the engine: it doesn't say which one it met."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from fireside.engines.protocol import EngineInfo
from fireside.server.openai.asking import Question
from fireside.server.openai.chunks import Begun, Counts, End, Piece, Said
from fireside.tidy import held_back, prefixes


class Stops:
    """Cuts an answer at the first stop string; `met` tells which one that was."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._openings = prefixes(stops)
        self._held = ""
        self.met: str | None = None

    def counting(self, question: Question) -> Question:
        """Return the question, asked so that the tokens up to a cut are known."""
        if not self._stops:
            return question

        def body(info: EngineInfo) -> dict[str, Any]:
            return question.body(info) | {"timings_per_token": True}

        return msgspec.structs.replace(question, body=body)

    async def cut(self, said: AsyncGenerator[Said, None]) -> AsyncGenerator[Said, None]:
        """Pass on what is said up to a stop string, and end there; what may become one is held."""
        counts, tokens = Counts(), 0
        async with aclosing(said) as events:
            async for event in events:
                match event:
                    case Begun():
                        counts = Counts(event.prompt_tokens, 0, event.cached_tokens)
                    case Piece():
                        tokens = event.tokens
                        event = msgspec.structs.replace(event, text=self.feed(event.text))
                    case End() if self._held:
                        yield Piece(self._held)
                yield event
                if self.met is not None:
                    yield End("stop", msgspec.structs.replace(counts, completion_tokens=tokens))
                    return

    def feed(self, text: str) -> str:
        """Return what may be told of the text so far.

        >>> stops = Stops(("END",))
        >>> stops.feed("the E"), stops.feed("ND of it"), stops.met
        ('the ', '', 'END')
        """
        text = self._held + text
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, self.met = min(found)
            self._held = ""
            return text[:at]
        keep = held_back(text, self._openings)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]
