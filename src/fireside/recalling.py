"""Finds what a question needs of what isn't in the window, and puts it before the question."""

from __future__ import annotations

import asyncio

import msgspec

from fireside.framing import Framing, Laid
from fireside.memories import Quote, Recall, RememberedText
from fireside.memory.recall import applying, find, quotes_block
from fireside.messages import Role
from fireside.past import Past, said_by
from fireside.window import Budget


async def with_recall(
    framing: Framing, past: Past, laid: Laid, *, budget: Budget, room: int
) -> tuple[Past, Laid]:
    """Return `past` and its layout with quotes and memories before the question, within what is free.

    What was found beside this digest before is there already; what is new isn't stored.
    """
    question = past.window[-1]
    nothing = not past.evicted and not past.memories
    if nothing or question.role is not Role.USER or past.recall_of(question):
        return past, laid
    quotes, memories = await asyncio.to_thread(_found, past, framing)
    free = min(budget.recall, room - laid.total)
    while quotes or memories:
        recall = Recall(question.id, past.digest_of, _in_order(past, quotes), memories)
        fuller = msgspec.structs.replace(past, recalls={**past.recalls, question.id: recall})
        content = await framing.content(question.role, fuller.texts()[-1])
        added = len(content) - len(laid.contents[-1])
        if added <= free:
            contents = (*laid.contents[:-1], content)
            sizes = (*laid.sizes[:-1], laid.sizes[-1] + added)
            return fuller, msgspec.structs.replace(laid, contents=contents, sizes=sizes)
        if quotes:
            quotes = quotes[:-1]
        else:
            memories = memories[:-1]
    return past, laid


def _found(past: Past, framing: Framing) -> tuple[tuple[Quote, ...], tuple[RememberedText, ...]]:
    question = past.window[-1].message.prompt_text
    names = {role: framing.layout.name_of(role) for role in Role}
    shown = [quotes_block(recall.quotes, recall.memories) for recall in past.shown]
    already = "\n".join([past.digest.text if past.digest else "", *shown])
    evicted = past.evicted
    # Pinned since it was evicted: it can't go back into the head, so it is quoted as a whole.
    pinned = tuple(
        Quote(message.id, names[message.role], message.message.prompt_text)
        for message in evicted
        if message.pinned and message.message.prompt_text not in already
    )
    already = "\n".join([already, *(quote.text for quote in pinned)])
    quotes = find(question, said_by(evicted, names), already)
    given = {memory.id for recall in past.shown for memory in recall.memories}
    others = [memory for memory in past.memories if memory.id not in given]
    begins = sum(message.role is Role.USER for message in past.spoken) == 1
    return (*pinned, *quotes), applying(question, others, begins=begins)


def _in_order(past: Past, quotes: tuple[Quote, ...]) -> tuple[Quote, ...]:
    """Return quotes in the order in which they were said."""
    places = {message.id: place for place, message in enumerate(past.spoken)}
    texts = {message.id: message.message.prompt_text for message in past.evicted}
    return tuple(
        sorted(quotes, key=lambda quote: (places[quote.message_id], texts[quote.message_id].find(quote.text)))
    )
