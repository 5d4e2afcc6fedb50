"""What llama.cpp's server streams for `POST /completion`, read into the protocol's values.

Shapes: llama.cpp, tools/server/README.md, "POST /completion" with `stream`, `return_tokens` and
`return_progress`. Two things it doesn't say there: of a character that several tokens spell only
the last token is streamed, while `tokens_predicted` counts them all; and the token that ends a
turn is streamed with an empty text before the last event.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from fireside.engines.protocol import Ended, Generated, Piece, Reading
from fireside.errors import BadRequest, ContextLengthExceeded, EngineError, FiresideError

_TOO_LARGE = re.compile(r"input \((\d+) tokens\) is too large to process.*current batch size: (\d+)")
"""what the server says of a text that is to be embedded, with the status of a fault of its own"""
MOST_BYTES = 16 * 2**20
"""of one event; the last one repeats the whole prompt"""

Recover = Callable[[str, int, int], Awaitable[tuple[int, ...]]]
"""(text, how many tokens spell it, the last of them) -> their ids"""


class PromptProgress(msgspec.Struct):
    total: int
    cache: int
    processed: int


class Timings(msgspec.Struct):
    cache_n: int | None = None


class Fault(msgspec.Struct):
    message: str = "unknown error"
    type: str = ""
    code: int = 500


class Chunk(msgspec.Struct):
    """One event of the stream; what isn't named here is skipped while parsing."""

    content: str = ""
    tokens: tuple[int, ...] = ()
    id_slot: int = -1
    stop: bool = False
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    stop_type: str = ""
    prompt_progress: PromptProgress | None = None
    timings: Timings | None = None
    error: Fault | None = None


class Failed(msgspec.Struct):
    """The body of an answer that isn't 200."""

    error: Fault = msgspec.field(default_factory=Fault)


_chunks = msgspec.json.Decoder(Chunk)
_failures = msgspec.json.Decoder(Failed)


class EventReader:
    """Cuts a byte stream into the data of its server-sent events (WHATWG HTML, section 9.2).

    >>> reader = EventReader()
    >>> list(reader.feed(b': ping\\n\\ndata: {"a"')), list(reader.feed(b':1}\\n\\n'))
    ([], [b'{"a":1}'])
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        if len(self._rest) > MOST_BYTES:
            raise EngineError("the engine sent an event without an end", hint="start the server anew")
        for event in events:
            for line in event.split(b"\n"):
                if line.startswith(b"data:"):
                    yield line[5:].strip()

    def left(self) -> bytes:
        """Return what no event took: the whole of an answer that was no stream."""
        return self._rest.strip()


class Pieces:
    """Turns chunks into Reading, Piece and Ended, and keeps count of the tokens.

    `cached` is given where an earlier request has just read the prompt: it is what that one found.
    """

    def __init__(
        self, recover: Recover, prompt_tokens: int, *, cached: int | None = None, slot: int | None = None
    ) -> None:
        self._recover = recover
        self._prompt_tokens = prompt_tokens
        self._cached_before = cached
        self.cached = cached
        self.slot = slot
        """which one it was; told at the end only"""
        self._told = 0
        self.ended = False
        self._held: tuple[int, ...] = ()
        """ids without a text: they are told with the next text, unless they end the turn"""

    async def read(self, data: bytes) -> tuple[Generated, ...]:
        """Return what one event says, nothing for the ones that say nothing new."""
        try:
            chunk = _chunks.decode(data)
        except msgspec.DecodeError as error:
            raise EngineError(f"the engine sent what can't be read: {error}", hint="ask again") from error
        if chunk.error is not None:
            raise as_error(chunk.error)
        if chunk.prompt_progress is not None:
            return (self._reading(chunk.prompt_progress),)
        if chunk.stop:
            return self._ending(chunk)
        return await self._piece(chunk) if chunk.tokens_predicted else ()

    def _reading(self, progress: PromptProgress) -> Reading:
        self._found(progress.cache)
        return Reading(self._prompt_tokens, self.cached or 0, progress.processed)

    def _found(self, cached: int) -> None:
        if self._cached_before is None:
            self.cached = cached

    async def _piece(self, chunk: Chunk) -> tuple[Generated, ...]:
        count = chunk.tokens_predicted - self._told
        self._told = chunk.tokens_predicted
        ids = chunk.tokens
        if count != len(ids) and chunk.content and ids:
            ids = await self._recover(chunk.content, count, ids[-1])
        ids = self._held + ids
        self._held = () if chunk.content else ids
        return (Piece(chunk.content, ids),) if chunk.content else ()

    def _ending(self, chunk: Chunk) -> tuple[Generated, ...]:
        self.ended = True
        self.slot = chunk.id_slot if chunk.id_slot >= 0 else None
        limit = chunk.stop_type == "limit"
        # Behind half a character the token that ends the turn isn't streamed: it is counted only.
        ends_turn = not limit and chunk.tokens_predicted == self._told
        held = self._held[:-1] if ends_turn else self._held
        if chunk.timings is not None and chunk.timings.cache_n is not None:
            self._found(chunk.timings.cache_n)
        ended = Ended(
            reason="length" if limit else "stop",
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self.cached,
            completion_tokens=chunk.tokens_predicted,
        )
        return (Piece(chunk.content, held), ended) if chunk.content or held else (ended,)


class Use:
    """One prompt's use of a slot: which one it is, and which ids it holds by now."""

    def __init__(
        self, recover: Recover, prompt: Sequence[int], slot: int | None, reusable: int | None
    ) -> None:
        self._recover = recover
        self._prompt = prompt
        self._slot = slot
        self.read = reusable or 0
        self.begun = False
        """whether the engine has begun with the prompt: then nothing else stands behind what it has read"""
        self.asked = True
        """whether the engine is asked at all: where nothing is left to read, it isn't"""
        self._said: list[int] = []
        self.pieces = Pieces(recover, len(prompt))

    @property
    def slot(self) -> int | None:
        return self.pieces.slot if self._slot is None else self._slot

    @property
    def ids(self) -> tuple[int, ...]:
        return (*self._prompt[: self.read], *self._said)

    def go_on(self) -> Pieces:
        """Return what reads the next request's answer; what was found in the cache stays the first's."""
        self.pieces = Pieces(
            self._recover, len(self._prompt), cached=self.pieces.cached, slot=self.pieces.slot
        )
        return self.pieces

    def count(self, event: Generated) -> None:
        self.begun = True
        if isinstance(event, Reading):
            self.read = event.done_tokens
        elif isinstance(event, Piece):
            self.read = len(self._prompt)
            self._said.extend(event.ids)


def as_error(fault: Fault) -> FiresideError:
    """Return the error of ours that says what llama.cpp's server says."""
    if fault.type == "exceed_context_size_error":
        return ContextLengthExceeded(
            fault.message, hint="shorten the message, or raise context_length in the settings"
        )
    if found := _TOO_LARGE.match(fault.message):
        return ContextLengthExceeded(
            f"a text has {found[1]} tokens; the model reads {found[2]} at once", hint="send it in parts"
        )
    if fault.type == "invalid_request_error" or fault.code == 400:
        return BadRequest(f"the engine refused the request: {fault.message}", hint="change what it names")
    return EngineError(f"the engine failed: {fault.message}", hint="ask again")


def failure_in(status: int, body: bytes) -> FiresideError:
    """Return the error in the body of an answer with `status`, which isn't 200.

    >>> failure_in(503, b"oh").message
    'the engine failed: status 503'
    """
    try:
        return as_error(_failures.decode(body).error)
    except msgspec.DecodeError:
        return as_error(Fault(f"status {status}", code=status))
