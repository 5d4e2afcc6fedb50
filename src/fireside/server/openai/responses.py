"""`POST /v1/responses`, made of the same chat as `/v1/chat/completions`.

The engine has an interface of this name, too, but its answers lack what strict clients insist on
(`tools`, `tool_choice`, `parallel_tool_calls`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Request, Response

from fireside.errors import FiresideError
from fireside.server.callers import Asking, needs
from fireside.server.openai.answers import now
from fireside.server.openai.asking import Asker, gather
from fireside.server.openai.chat import question_of
from fireside.server.openai.chunks import End, Piece, Said
from fireside.server.openai.leaving import begun, unless_left
from fireside.server.openai.responses_answer import ResponseObject, blank, failed, finished, items_of
from fireside.server.openai.responses_request import ResponsesRequest, wish_of
from fireside.server.openai.responses_stream import ResponseEvents
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])


@router.post("/responses", **shows(ResponseObject, takes=ResponsesRequest))
async def create(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[ResponsesRequest, body(ResponsesRequest)],
) -> Response:
    """Answer a conversation in the shape of the Responses interface. Nothing is kept."""
    question = question_of(wish_of(asked))
    asker = await Asker.of(app, caller, asked.model)
    response = blank(asked, asker.model, now())
    said = asker.ask(question)
    if asked.stream:
        return await begun(request, _stream(response, said))
    return await unless_left(request, _whole(response, said))


async def _whole(response: ResponseObject, said: AsyncGenerator[Said, None]) -> Response:
    (gathered,) = await gather([said], 1)
    return answer(finished(response, gathered.end, items_of(gathered)))


async def _stream(response: ResponseObject, said: AsyncGenerator[Said, None]) -> AsyncGenerator[bytes, None]:
    events = ResponseEvents()
    begins = True
    end: End | None = None
    try:
        async with aclosing(said) as pieces:
            async for piece in pieces:
                if begins:
                    begins = False
                    yield events.of_response("created", response)
                    yield events.of_response("in_progress", response)
                if isinstance(piece, Piece):
                    for event in events.of_piece(piece):
                        yield event
                elif isinstance(piece, End):
                    end = piece
    except FiresideError as error:
        if begins:
            raise
        yield events.of_response("failed", failed(response, error))
        return
    assert end is not None  # noqa: S101 - it is always the last one
    cut = end.reason == "length"
    for event in events.end("incomplete" if cut else "completed"):
        yield event
    whole = finished(response, end, tuple(events.items))
    yield events.of_response("incomplete" if cut else "completed", whole)
