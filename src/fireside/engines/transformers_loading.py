"""Loads a model's folder in the child of the `transformers` engine, and nothing but that folder.

Weights come from safetensors only: files of other kinds can run code when they are opened. Code that the
folder brings runs only if the person allowed exactly these files (`fireside models trust`).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from fireside.engines import processor
from fireside.engines.transformers_task import Task
from fireside.model_code import code_in, named_in

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


_NO_MEMORY = (
    *("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory"),
    "failed to map segment",
)


def short_of_memory(error: BaseException) -> bool:
    """Return whether `error` says that memory ran out, the processor's or the graphics processor's."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY)


def leave(error: BaseException) -> NoReturn:
    """End the process because memory ran out: what is left can't be relied on, and a new one starts clean."""
    sys.stderr.write(f"out of memory: {type(error).__name__}: {error}\n")
    sys.stderr.flush()
    os._exit(1)


class ChangedCode(Exception):
    """The model's code isn't what was allowed."""


class Unsupported(Exception):
    """What the settings ask for can't be had here."""


def go_offline(home: str) -> None:
    """Before transformers is imported: nothing is fetched, and nothing of the person's caches is used."""
    os.environ.update(OFFLINE | {"HF_HOME": home, "HF_MODULES_CACHE": str(Path(home) / "modules")})


def check_code(folder: Path, allowed: dict[str, str]) -> None:
    """Raise ChangedCode where the folder's code isn't exactly the `allowed` one, or leads out of it."""
    named_in(folder)
    found = code_in(folder)
    if found != allowed:
        changed = sorted(name for name in found.keys() | allowed if found.get(name) != allowed.get(name))
        raise ChangedCode(", ".join(changed))


def load_tokenizer(task: Task) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(task.path, local_files_only=True, trust_remote_code=bool(task.code))


def load_model(task: Task) -> Any:
    """Return the model, ready to write. Unsupported where the settings ask for what isn't here."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(task.threads)
    torch.set_grad_enabled(False)
    has_graphics = torch.cuda.is_available() or torch.backends.mps.is_available()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            task.path,
            dtype=_dtype(task, torch),
            # Layers that have no room on a graphics processor are left in the computer's memory.
            device_map="auto" if has_graphics else "cpu",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=bool(task.code),
            quantization_config=_quantization(task, torch),
        )
    except SafetensorError as error:
        raise ValueError(f"the weights can't be read: {error}") from error
    return model.eval()


def _dtype(task: Task, torch: Any) -> Any:
    """Return the type of the weights in memory.

    Where the processor multiplies bfloat16 itself it is faster than float32 and half as large; elsewhere it
    is slower (docs/decisions/0017-transformers-engine.md).
    """
    if task.weights in ("bfloat16", "float16", "float32"):
        return getattr(torch, task.weights)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if torch.backends.mps.is_available():
        return torch.bfloat16
    return torch.bfloat16 if processor.multiplies_bfloat16() else torch.float32


def _quantization(task: Task, torch: Any) -> Any:
    if task.weights not in ("8bit", "4bit"):
        return None
    if not torch.cuda.is_available():
        raise Unsupported(f"`{task.weights}` weights need an NVIDIA graphics processor, and none can be used")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise Unsupported(f"`{task.weights}` weights need the package bitsandbytes, which isn't installed")
    from transformers import BitsAndBytesConfig

    if task.weights == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
