"""Requests made up from the interface's own document: none of them may break the server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

import made_bert
from fireside.app import App
from fireside.engines.leases import Engines
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart
from serving import PATIENCE_S, wait_for

TOKEN = "the-token"
ASKING_OTHERS = ("/fireside/v1/models/pull", "/fireside/v1/models/search", "/api/pull")
WRITING = ("/fireside/v1/backup", "/fireside/v1/restore")
LEFT_OUT = (*ASKING_OTHERS, *WRITING, "/fireside/v1/models/measure")
"""these would ask the package index or the hub, write wherever a made-up path leads, or take long"""
EXAMPLES = 6


@pytest.fixture
def address(tmp_path: Path, smollm2: Path) -> Iterator[str]:
    """Where an interface listens that has a scripted engine."""
    ready: list[uvicorn.Server] = []
    loop = asyncio.new_event_loop()
    embedder = tmp_path / "embedder.gguf"
    embedder.write_bytes(made_bert.bert())

    async def serve() -> None:
        chosen = Settings(model=f"file:{smollm2}", embedding_model=f"file:{embedder}")
        start = ScriptedStart(lambda model: ScriptedEngine(model=model))
        app = App.open(chosen, Home(tmp_path, tmp_path), Engines(start, chosen))
        runtime = Runtime(1, "http://127.0.0.1:3473", TOKEN, "0", "serve")
        config = uvicorn.Config(
            build(app, runtime, Activity(), lambda: None), port=0, log_level="critical", lifespan="off"
        )
        ready.append(uvicorn.Server(config))
        await ready[0].serve()
        await app.aclose()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        wait_for(lambda: ready and ready[0].started, "the interface listens")
        yield f"http://127.0.0.1:{ready[0].servers[0].sockets[0].getsockname()[1]}"
    finally:
        ready[0].should_exit = True
        thread.join(PATIENCE_S)
        loop.close()


@pytest.mark.filterwarnings("ignore")
def test_no_request_that_the_document_allows_or_forbids_breaks_the_server(address: str) -> None:
    import schemathesis
    from schemathesis import GenerationMode

    owner = {"authorization": f"Bearer {TOKEN}"}
    with requests.Session() as session:
        session.trust_env = False
        document = session.get(f"{address}/openapi.json", headers=owner, timeout=PATIENCE_S).json()
        asked: set[str] = set()
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            if operation.path in LEFT_OUT:
                continue
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(
                    max_examples=EXAMPLES,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                def ask(case: Any) -> None:
                    answer = case.call(base_url=address, session=session, headers=owner, timeout=PATIENCE_S)
                    assert answer.status_code < 500, (case.method, case.path, case.body, answer.content)
                    asked.add(case.path)

                with contextlib.suppress(Unsatisfiable):  # some routes can't be asked wrongly
                    ask()
    assert {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"} <= asked
