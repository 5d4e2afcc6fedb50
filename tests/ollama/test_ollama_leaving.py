"""Whoever leaves frees what was busy with them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from serving import Served, wait_for

LONG: list[Any] = [{"role": "user", "content": "Tell me a very long story."}]
ENDLESS = {"num_predict": 7000, "temperature": 0}
REQUESTS = [
    ("/api/chat", {"messages": LONG, "options": ENDLESS}),
    ("/api/generate", {"prompt": LONG[0]["content"], "options": ENDLESS}),
    ("/v1/messages", {"messages": LONG, "max_tokens": 7000, "temperature": 0}),
]


def users(served: Served) -> int:
    return sum(engine["users"] for engine in served.get("/status")["engines"])


@pytest.mark.parametrize(("path", "body"), REQUESTS, ids=[path for path, _ in REQUESTS])
@pytest.mark.parametrize("stream", [True, False])
def test_whoever_leaves_frees_the_place(
    served: Served, path: str, body: dict[str, Any], stream: bool
) -> None:
    asked = {"model": "default", "stream": stream, **body}
    with httpx.Client(base_url=served.runtime.address, timeout=60, trust_env=False) as client:
        if stream:
            with client.stream("POST", path, json=asked) as response:
                data = response.iter_bytes()
                next(data)
                assert users(served) == 1
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post(path, json=asked, timeout=2)
    wait_for(lambda: users(served) == 0, "the place is free", patience_s=5)
