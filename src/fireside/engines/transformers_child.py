"""The engine's own process: a model of PyTorch's kind, by transformers, behind a key on a loopback port.

Run as `python -m fireside.engines.transformers_child`. Its configuration is one line of JSON on standard
input, which then stays open: its end means that the parent has died. It answers with lines of JSON on
standard output; everything else that is printed goes to standard error. Why it hosts the library and not
the library's own server: docs/decisions/0017-transformers-engine.md.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from fireside.engines import machine
from fireside.engines.transformers_loading import (
    ChangedCode,
    Unsupported,
    check_code,
    go_offline,
    leave,
    load_model,
    load_tokenizer,
    short_of_memory,
)
from fireside.engines.transformers_task import Answer, Listening, Prepared, Refused, Task
from fireside.errors import ModelDamaged

Tell = Callable[[Answer], None]


def main() -> None:
    machine.tie_to_parent()
    os.umask(0o077)
    answers = os.dup(1)
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    task = msgspec.json.decode(line, type=Task)

    def tell(what: Answer) -> None:
        os.write(answers, msgspec.json.encode(what) + b"\n")

    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    try:
        _serve(task, tell)
    except ImportError as error:
        tell(Refused("memory" if short_of_memory(error) else "library", str(error)))
    except ChangedCode as error:
        tell(Refused("code", str(error)))
    except ModelDamaged as error:
        tell(Refused("load", error.message))
    except Unsupported as error:
        tell(Refused("setting", str(error)))
    except MemoryError as error:
        tell(Refused("memory", str(error)))
    except (RuntimeError, ValueError, OSError, TypeError, KeyError, AttributeError) as error:
        tell(Refused("memory" if short_of_memory(error) else "load", f"{type(error).__name__}: {error}"))
    finally:
        # At once: the thread that waits for the parent's end, and the library's own, would not let it leave.
        if sys.exc_info()[0]:
            traceback.print_exc()
        os._exit(1 if sys.exc_info()[0] else 0)


def _leave_with_the_parent() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def _serve(task: Task, tell: Tell) -> None:
    go_offline(task.home)
    # Each takes seconds; a line shows that it goes on.
    _say("importing torch")
    import torch

    _say("importing transformers")
    import transformers

    from fireside.engines.transformers_app import Model, application
    from fireside.engines.transformers_text import Texts
    from fireside.engines.transformers_writing import Writer

    graphics = [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
    tell(Prepared(f"transformers {transformers.__version__}, torch {torch.__version__}", tuple(graphics)))
    if task.code:
        check_code(Path(task.path), task.code)
    _say("reading the tokenizer")
    texts = Texts(load_tokenizer(task))
    _say("reading the weights")
    model = load_model(task)
    writer = Writer(model, texts, task.context_length)
    # Named, so that asyncio sends small answers at once (TCP_NODELAY): `create_server` names no protocol.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    app = application(Model(texts, writer), task.key)
    tell(_described(model, writer, texts, listening))
    asyncio.run(_listen(app, listening))


def _described(model: Any, writer: Any, texts: Any, listening: socket.socket) -> Listening:
    placed = {str(place) for place in getattr(model, "hf_device_map", {}).values()}
    return Listening(
        address=f"http://127.0.0.1:{listening.getsockname()[1]}",
        device="cpu" if model.device.type == "cpu" else "gpu",
        dtype=str(model.dtype).removeprefix("torch."),
        cuttable=writer.cuttable,
        reasons=any(sign in (texts.template or "") for sign in ("<think>", "enable_thinking")),
        offloaded=bool(placed & {"cpu", "disk"}) and len(placed) > 1,
    )


async def _listen(app: Any, listening: socket.socket) -> None:
    import uvicorn

    asyncio.get_running_loop().set_exception_handler(_look_for_memory)
    settings = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", ws="none", http="h11", server_header=False
    )
    await uvicorn.Server(settings).serve(sockets=[listening])


def _look_for_memory(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A loop goes on when it has no memory for what comes in; nobody would learn why nothing is answered."""
    error = context.get("exception")
    if error is not None and short_of_memory(error):
        leave(error)
    loop.default_exception_handler(context)


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
