"""The engine's own process when it is a `llama-server`: the one built here, or the person's own.

Run as `python -m fireside.engines.llamacpp_native PATH`. It speaks with its parent as `llamacpp_child` does:
its task is a line of JSON on standard input, its answers are lines on standard output. The process *becomes*
the server, so that its id, memory and end are the server's; a watcher stays behind that passes on what the
server says, answers for it, and ends it when the parent has gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fireside.engines import machine
from fireside.engines.llamacpp_child import Answer, Listening, Prepared, Refused, Task, batch_of, claim_stdout
from fireside.profiles import MATCHED_TOKENS

LISTENING = re.compile(rb"listening on (http://[\d.]+:\d+)")
"""what every version of the server has said once it answers (tools/server/server.cpp)"""
REASON_BYTES = 400
POLLING = {"active": 100, None: 2, "passive": 0}
"""Percent of the longest time for which threads look for work before they sleep.

The server's own 50 keep the cores busy for up to seconds after a reply, and gain nothing over 2 while one is
written. With Fireside's changes 2 are 5 ms, whatever a look takes on this processor.
"""


def main() -> None:
    machine.tie_to_parent()
    # What it writes holds what people said.
    os.umask(0o077)
    path = Path(sys.argv[1])
    answers = claim_stdout()
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    task = msgspec.json.decode(line, type=Task)
    said, says = os.pipe()
    server = os.getpid()
    if os.fork() == 0:
        os.close(says)
        _watch(server, said, answers, path)
    os.close(said)
    os.close(answers)
    os.dup2(says, 1)
    os.dup2(says, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # The key is in the environment: command lines can be read by everybody on the machine.
    os.execve(path, [str(path), *arguments(task)], os.environ | {"LLAMA_API_KEY": task.key})  # noqa: S606


def arguments(task: Task) -> list[str]:
    """Return what a `llama-server` is told, so that it serves as the prebuilt engine does.

    Options: llama.cpp's tools/server/README.md; the reasons are in `llamacpp_child`.
    """
    told = {
        "--model": task.path,
        "--host": "127.0.0.1",
        "--port": 0,
        "--parallel": task.slots,
        "--ctx-size": task.context_length * task.slots,
        "--batch-size": batch_of(task, has_graphics=False),
        "--ubatch-size": batch_of(task, has_graphics=False),
        "--threads": task.threads,
        "--threads-batch": task.prompt_threads,
        "--cache-ram": task.prompt_cache_mib,
        "--fit": "off",
        "--verbosity": 4,
    }
    if task.slot_save_path:
        told["--slot-save-path"] = task.slot_save_path + os.sep
    if task.pooling:
        told["--pooling"] = task.pooling
    else:
        told["--flash-attn"] = "on" if task.flash_attention else "off"
        if task.cache_type != "f16":
            told["--cache-type-k"] = task.cache_type
            if task.flash_attention:
                told["--cache-type-v"] = task.cache_type
        if task.drafted_tokens:
            told["--spec-type"] = "ngram-simple"
            told["--spec-ngram-simple-size-n"] = MATCHED_TOKENS
            told["--spec-ngram-simple-size-m"] = task.drafted_tokens
    # Those that read have their own, as soon as their number is told.
    told["--poll"] = told["--poll-batch"] = POLLING[task.waiting]
    if task.projector:
        told["--mmproj"] = task.projector
    adapters = [word for path, scale in task.adapters for word in ("--lora-scaled", f"{path}:{scale}")]
    plain = ["--no-kv-unified", "--no-cache-idle-slots", "--no-ui", "--jinja", "--no-warmup"]
    if task.pooling:
        plain.append("--embedding")
    return [*(str(word) for pair in told.items() for word in pair), *adapters, *plain]


def _watch(server: int, said: int, answers: int, path: Path) -> None:
    """Pass on what the server says until it ends, and end it when the parent has gone."""

    def answer(what: Answer) -> None:
        # A parent that has gone hears nothing; the end of standard input says so, too.
        with contextlib.suppress(BrokenPipeError):
            os.write(answers, msgspec.json.encode(what) + b"\n")

    answer(Prepared(build_of(path), None))
    _end_with_the_parent(server)
    told = False
    last = b""
    for line in _lines(said):
        os.write(2, line)
        if not told and (found := LISTENING.search(line)):
            told = True
            answer(Listening(found.group(1).decode()))
        last = line.strip() or last
    if not told:
        answer(Refused("load", last[:REASON_BYTES].decode("utf-8", "replace")))
    os._exit(0)


def _end_with_the_parent(server: int) -> None:
    def wait() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def build_of(path: Path) -> str:
    """Return what tells one build from another: a file that was replaced is another build."""
    status = path.stat()
    return f"llama-server {status.st_size}-{status.st_mtime_ns}"


def _lines(descriptor: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb") as pipe:
        yield from pipe


if __name__ == "__main__":
    main()
