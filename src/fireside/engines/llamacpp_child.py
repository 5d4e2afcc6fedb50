"""The engine's own process: llama.cpp's server, in `xllamacpp`, on a loopback port.

Run as `python -m fireside.engines.llamacpp_child`. Its configuration is one line of JSON on
standard input, which then stays open: its end means that the parent has died. It answers with
lines of JSON on standard output; everything else that is printed goes to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from fireside.cards import Pooling
from fireside.engines import machine
from fireside.footprint import READ_AT_ONCE, read_at_once
from fireside.profiles import MATCHED_TOKENS, CacheType, Waiting

CPU_BATCH = READ_AT_ONCE
"""A closed connection is noticed between two batches: 256 took 1.7 s on
one busy core, and reading is no slower with half of that (attention gets slow below 64)."""
GRAPHICS_BATCH = 512


class Task(msgspec.Struct, frozen=True):
    """What the parent asks for. `key` is the only one that the server will accept."""

    path: str
    key: str
    context_length: int
    slots: int
    threads: int
    prompt_threads: int
    prompt_cache_mib: int
    pooling: Pooling | None
    """for embeddings; None for a model that writes"""
    slot_save_path: str | None = None
    """the folder for the states of slots; nothing is saved without one"""
    flash_attention: bool = False
    """on the CPU; on graphics processors it is the engine's choice"""
    adapters: tuple[tuple[str, float], ...] = ()
    """the files of LoRA adapters, and how much of each is added"""
    projector: str | None = None
    """the file that turns pictures into what the model reads"""
    batch: int | None = None
    """tokens that are read at once; None for the usual number"""
    cache_type: CacheType = "f16"
    """of keys, and with flash attention of values"""
    waiting: Waiting | None = None
    drafted_tokens: int = 0
    """that n-gram speculation tries at once; 0 is no speculation"""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """The engine's library was found; the model is loaded next."""

    build: str
    graphics: tuple[str, ...] | None
    """the graphics processors that the engine can use; None where only the load will tell"""


class Listening(msgspec.Struct, frozen=True, tag="listening"):
    address: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there will be no engine: a library is missing, memory ran out, or the load failed."""

    what: Literal["library", "memory", "load"]
    text: str


Answer = Prepared | Listening | Refused


def main() -> None:
    machine.tie_to_parent()
    # What it writes holds what people said.
    os.umask(0o077)
    answers = claim_stdout()

    def answer(what: Answer) -> None:
        os.write(answers, msgspec.json.encode(what) + b"\n")

    try:
        import xllamacpp

        # Only now: the parent still looks at the machine while the library is loaded.
        line = sys.stdin.buffer.readline()
        if not line:
            os._exit(0)
        server = _serve(xllamacpp, msgspec.json.decode(line, type=Task), answer)
    except ImportError as error:
        answer(Refused("library", str(error)))
    except MemoryError as error:
        answer(Refused("memory", str(error)))
    except RuntimeError as error:
        answer(Refused("load", str(error)))
    else:
        answer(Listening(server.listening_address))
        _wait_for_the_parents_end()
    # The server's own threads must not get a say: leaving at once is the promise.
    os._exit(0)


def claim_stdout() -> int:
    """Return a descriptor of standard output, and let nobody else write to it."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _serve(xllamacpp: Any, task: Task, answer: Callable[[Answer], None]) -> Any:
    graphics = _graphics(xllamacpp)
    answer(Prepared(f"xllamacpp {xllamacpp.__version__}", graphics))
    return xllamacpp.Server(_parameters(xllamacpp, task, bool(graphics)))


def _graphics(xllamacpp: Any) -> tuple[str, ...]:
    kinds = xllamacpp.ggml_backend_dev_type
    wanted = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return tuple(
        str(device["description"]) for device in xllamacpp.get_device_info() if device["type"] in wanted
    )


def _parameters(xllamacpp: Any, task: Task, has_graphics: bool) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = task.path
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, scale) for path, scale in task.adapters]
    if task.projector:
        params.mmproj.path = task.projector
        params.mmproj_use_gpu = has_graphics
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [task.key]
    params.ui = False
    # Not unified: each slot really has the whole context, whatever the others hold.
    params.kv_unified = False
    params.n_parallel = task.slots
    params.n_ctx = task.context_length * task.slots
    params.n_batch = params.n_ubatch = batch_of(task, has_graphics)
    if task.pooling:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type[f"LLAMA_POOLING_TYPE_{task.pooling.upper()}"]
    params.cpuparams.n_threads = task.threads
    params.cpuparams_batch.n_threads = task.prompt_threads
    params.cache_idle_slots = False
    params.cache_ram_mib = task.prompt_cache_mib
    if task.slot_save_path:
        params.slot_save_path = task.slot_save_path + os.sep
    params.use_jinja = True
    # With n_ctx given it never shrinks the context: it only decides how many layers a graphics
    # processor takes. On the CPU it changes nothing and costs a fifth of the load.
    params.fit_params = has_graphics
    if not has_graphics and not task.pooling:
        # Long conversations are read and written twice as fast without (docs/decisions/0008-engine-child.md).
        chosen = "ENABLED" if task.flash_attention else "DISABLED"
        params.flash_attn_type = xllamacpp.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{chosen}"]
    _set_cache_types(xllamacpp, params, task, has_graphics)
    if task.drafted_tokens:
        params.speculative.types = [
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE,
        ]
        params.speculative.ngram_simple.size_n = MATCHED_TOKENS
        params.speculative.ngram_simple.size_m = task.drafted_tokens
    # A word for nobody takes as long as one for somebody (docs/decisions/0023-threads.md). Graphics
    # processors make their programs ready by it, which wasn't measured.
    params.warmup = has_graphics
    # The level at which it says how many layers went to the graphics processor.
    params.verbosity = 4
    return params


def _set_cache_types(xllamacpp: Any, params: Any, task: Task, has_graphics: bool) -> None:
    """Keys may be kept in 8 bits; values only with flash attention (llama.cpp, llama-context.cpp)."""
    if task.cache_type == "q8_0" and not task.pooling:
        params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_Q8_0
        if task.flash_attention or has_graphics:
            params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0


def batch_of(task: Task, has_graphics: bool) -> int:
    """Return how many tokens are read at once: pictures and what is pooled can't be read in pieces."""
    if task.pooling not in (None, "last"):
        return task.context_length
    usual = GRAPHICS_BATCH if has_graphics else CPU_BATCH
    return read_at_once(task.batch, sees=task.projector is not None, usual=usual)


def _wait_for_the_parents_end() -> None:
    while sys.stdin.buffer.read(4096):
        pass


if __name__ == "__main__":
    main()
