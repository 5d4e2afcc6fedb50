"""What is read of the next prompt before there is a question."""

from __future__ import annotations

import msgspec
import pytest

from fireside.compaction import make_ready
from fireside.conversations import StoredMessage
from fireside.engines.protocol import Origin
from fireside.messages import Defaults, PromptFormat
from scripted import text_of
from talk import ALICE_AND_BOB, PLAIN, MakeTalk, Talk


async def read_ahead(talk: Talk, reply: StoredMessage) -> tuple[int, ...] | None:
    return await make_ready(reply.id, talk.assembler, talk.store, talk.engine)


@pytest.mark.parametrize("form", list(PromptFormat))
async def test_only_the_question_and_the_replys_frame_are_left_to_read(
    make_talk: MakeTalk, form: PromptFormat
) -> None:
    talk = make_talk(["Fine."], defaults=ALICE_AND_BOB.merged(Defaults(format=form)))
    reply = await talk.ask("Hello.")
    ids = await read_ahead(talk, reply)
    assert ids
    assert talk.engine.asked[-1].max_tokens == 0
    assert talk.engine._held[reply.conversation_id].origin == Origin(reply.conversation_id, reply.id)
    after = await talk.ask("And then?")
    prompt = talk.engine.asked[-1].prompt
    assert prompt[: len(ids)] == ids
    assert text_of(prompt[len(ids) :]).lstrip().startswith("And then?")
    assert after.usage
    assert after.usage.cached_tokens == len(ids)


async def test_an_answer_that_was_tidied_is_read_as_it_will_be_told(make_talk: MakeTalk) -> None:
    talk = make_talk(["Fine.<|im_end|>\n<|im_start|>user\nHello again"])
    reply = await talk.ask("Hello.")
    assert reply.text == "Fine."
    ids = await read_ahead(talk, reply)
    await talk.ask("And then?")
    assert ids
    assert talk.engine.asked[-1].prompt[: len(ids)] == ids


async def test_it_is_read_once(make_talk: MakeTalk) -> None:
    talk = make_talk(["Fine."])
    reply = await talk.ask("Hello.")
    assert await read_ahead(talk, reply)
    assert await read_ahead(talk, reply) is None
    assert len(talk.engine.asked) == 2


async def test_nothing_is_read_where_another_conversation_has_taken_the_slot(make_talk: MakeTalk) -> None:
    talk = make_talk(["Fine."])
    reply = await talk.ask("Hello.")
    talk.engine._held.clear()
    assert await read_ahead(talk, reply) is None
    assert len(talk.engine.asked) == 1


async def test_nothing_is_read_for_a_branch_that_was_left(make_talk: MakeTalk) -> None:
    talk = make_talk(["Fine."])
    first = await talk.ask("Hello.")
    await talk.ask("And then?")
    assert await read_ahead(talk, first) is None


async def test_a_state_that_cannot_be_cut_is_left_as_it_is(make_talk: MakeTalk) -> None:
    """Whoever continues the reply would find more than it begins with, and that would be of no use."""
    talk = make_talk(["Fine."], defaults=PLAIN)
    talk.engine._info = msgspec.structs.replace(talk.engine.info, cuttable=False)
    reply = await talk.ask("Hello.")
    assert await read_ahead(talk, reply) is None
