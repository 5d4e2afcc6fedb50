"""llama.cpp's own server, alone in a process: a real server elsewhere, as other people run it.

`python llama_server.py MODEL PORT SLOTS` listens until it is ended; the model's name is `small`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PATIENCE_S = 60.0
CONTEXT_LENGTH = 1024
"""tokens in each slot"""


@contextmanager
def llama_server(weights: Path, *, slots: int = 2, port: int = 0, key: str = "") -> Iterator[str]:
    """Run the server and give its base URL."""
    port = port or free_port()
    child = subprocess.Popen([sys.executable, __file__, str(weights), str(port), str(slots), key])
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, child)
        yield url
    finally:
        child.kill()
        child.wait(PATIENCE_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert child.poll() is None, "llama.cpp's server has ended"
        try:
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("llama.cpp's server doesn't answer")


def main(weights: str, port: str, slots: str, key: str = "") -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {"small"}
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.ui = False
    params.n_parallel = int(slots)
    params.n_ctx = CONTEXT_LENGTH * int(slots)
    params.kv_unified = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.endpoint_slots = True
    params.use_jinja = True
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    while server.listening_address:
        time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
