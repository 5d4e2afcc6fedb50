"""A server whose engine drafts still tells how probable every word was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from fireside.tuning.texts import told
from serving import Served, serving


@pytest.fixture(scope="module")
def drafting(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("drafting")
    with serving(home, model=f"file:{smollm2}", speculation="ngram", context_length=1024) as server:
        yield server


def asked(server: Served, **more: object) -> Any:
    (edit,) = told("editing", Random(1))
    body = {"messages": [{"role": "user", "content": edit.text}], "max_tokens": 48, "temperature": 0}
    url = f"{server.runtime.address}/v1/chat/completions"
    answer = httpx.post(url, json=body | more, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]


def test_every_word_is_weighed_though_the_engine_drafts(drafting: Served) -> None:
    drafted = asked(drafting)
    weighed = asked(drafting, logprobs=True, top_logprobs=2)
    assert all(len(token["top_logprobs"]) == 2 for token in weighed["logprobs"]["content"])
    assert all(token["logprob"] < 0 for token in weighed["logprobs"]["content"])
    assert weighed["message"]["content"] == drafted["message"]["content"]
