"""What a template makes of a dialogue is asked once for each length, and not again for another's words."""

from __future__ import annotations

import time

import pytest

from fireside import framing
from fireside.assembly import Assembler
from fireside.engines.llamacpp import LlamaCppEngine
from fireside.framing import Frames, Framing, layout_of
from fireside.messages import Defaults, Message, Role

DIALOGUE = (Role.USER, Role.ASSISTANT, Role.USER)


@pytest.fixture
def asked(engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages the engine's template was given, each time."""
    lengths: list[int] = []
    render = engine.render

    async def counted(messages: list[Message], *, reasoning: bool | None = None) -> str:
        lengths.append(len(messages))
        return await render(messages, reasoning=reasoning)

    monkeypatch.setattr(engine, "render", counted)
    return lengths


async def test_a_dialogue_as_long_as_another_needs_no_template(
    engine: LlamaCppEngine, asked: list[int]
) -> None:
    assembler = Assembler()
    said = [await assembler.tokenize(engine, text, special=False) for text in ("One", "Two", "Three", "Four")]
    framed = assembler.framing(layout_of(Defaults()), engine)
    first = await framed.lay(DIALOGUE, said[:3])
    again = await assembler.framing(layout_of(Defaults()), engine).lay(DIALOGUE, said[1:])
    assert asked == [3]
    assert again.frames == first.frames
    assert again.contents != first.contents
    fresh = Framing(assembler.tokenize, Frames(), layout_of(Defaults()), engine)
    assert await fresh.join(await fresh.lay(DIALOGUE, said[1:])) == await framed.join(again)


async def test_another_system_text_day_or_length_is_asked_for(
    engine: LlamaCppEngine, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some templates tell the day: yesterday's would be wrong."""
    assembler = Assembler()
    said = await assembler.tokenize(engine, "Hello", special=False)
    await assembler.framing(layout_of(Defaults()), engine).lay(DIALOGUE, [said] * 3)
    await assembler.framing(layout_of(Defaults(system="Be brief.")), engine).lay(DIALOGUE, [said] * 3)
    await assembler.framing(layout_of(Defaults(system="Be kind.")), engine).lay(DIALOGUE, [said] * 3)
    await assembler.framing(layout_of(Defaults()), engine).lay(DIALOGUE[:1], [said])
    assert asked == [3, 4, 1]
    monkeypatch.setattr(time, "strftime", lambda form: "another day")
    await assembler.framing(layout_of(Defaults()), engine).lay(DIALOGUE, [said] * 3)
    assert asked == [3, 4, 1, 3]


def test_only_the_latest_are_remembered() -> None:
    frames = Frames()
    keys = [
        ("model", None, (Role.USER,) * count, "today") for count in range(framing.REMEMBERED_DIALOGUES + 1)
    ]
    for key in keys[:-1]:
        frames.keep(key, ())
    assert frames.find(keys[0]) == ()
    frames.keep(keys[-1], ())
    assert frames.find(keys[0]) == ()
    assert frames.find(keys[1]) is None
