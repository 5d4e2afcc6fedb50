"""What the files of a model's repository mean, told from their names alone: nothing is fetched for it.

Which library a repository needs, which quantisations it offers, which files belong to one of them,
and which of them is the best for a machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Literal

from fireside.errors import ModelNotFound

Kind = Literal["gguf", "safetensors", "adapter", "pickle", "tensorflow", "flax", "none"]
"""What a repository's weights are written for. Only the first two can be used here."""

UNUSABLE: dict[Kind, str] = {
    "adapter": "it holds an adapter (LoRA) for another model, and no model of its own",
    "pickle": "its weights are pickled, which can hide programs, so they are never opened",
    "tensorflow": "its weights are for TensorFlow, which Fireside has no engine for",
    "flax": "its weights are for Flax (JAX), which Fireside has no engine for",
    "none": "it has no GGUF or safetensors weights of a language model",
}
"""Why a repository of this kind can't be used, in words that go on after its name."""

_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q|TQ)[1-8](?:_[0-9A-Z]+)*|BF16|FP?16|FP?32|MXFP4(?:_MOE)?|NVFP4)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_OTHER_GGUF = re.compile(r"mmproj|imatrix", re.IGNORECASE)
"""projectors for pictures, and measurements made while quantising: parts, and no models"""
WHOLE = "model.safetensors"
_PROJECTOR = re.compile(r".*mmproj.*\.gguf", re.IGNORECASE)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_OTHER_SAFETENSORS = ("adapter", "consolidated")
_BESIDE_WEIGHTS = (".json", ".jinja", ".model", ".py", ".tiktoken", ".txt")
"""what lies beside safetensors: configuration, tokenizer, templates, and code, which nobody runs unasked"""
_INDEXES_OF_OTHERS = (".bin.index.json", ".h5.index.json", ".msgpack.index.json")
_ABOUT = ("license", "licence", "notice", "use_policy", "readme.md")
_IN_FOLDERS = re.compile(r"additional_chat_templates/[^/]+\.jinja|1_Pooling/config\.json")

PREFERRED = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "Q4_K_L", "IQ4_NL", "IQ4_XS", "MXFP4", "MXFP4_MOE", "Q4_1", "Q4_0"),
    *("Q5_K_M", "UD-Q5_K_XL", "Q5_K_S", "Q5_1", "Q5_0", "Q6_K", "UD-Q6_K_XL", "Q8_0", "BF16", "F16", "F32"),
)
"""Quantisations that lose little, the best bargain first; fewer bits are for where none of these fits."""
CONTEXT_BYTES = 1 << 30
"""kept free for a conversation, beside the weights"""


def kind_of(files: Iterable[str]) -> Kind:
    """Return what the weights among `files` are written for; the most usable where they are several.

    >>> kind_of(["config.json", "model.safetensors", "tf_model.h5"])
    'safetensors'
    >>> kind_of(["config.json", "flax_model.msgpack"]), kind_of(["config.json", "pytorch_model.bin"])
    ('flax', 'pickle')
    """
    names = frozenset(files)
    if any(map(_is_gguf_model, names)):
        return "gguf"
    if "config.json" in names and any(map(_is_safetensors_weight, names)):
        return "safetensors"
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("adapter", ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json")),
        ("pickle", (".bin", ".pt", ".pth", ".ckpt", ".pkl")),
        ("tensorflow", (".h5", "saved_model.pb", ".ckpt.index", ".tflite")),
        ("flax", (".msgpack",)),
    )
    return next((kind for kind, endings in kinds if any(n.endswith(endings) for n in names)), "none")


def quantizations(files: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the GGUF models among `files`: what each is called, and its files in their order.

    A model is called by its quantisation, or by its path where that isn't known or another has the same.
    The first file of several is the one that is loaded. Sets with a missing part are left out.

    >>> quantizations(["x-q8_0.gguf", "y-q2_k-00001-of-00002.gguf", "y-q2_k-00002-of-00002.gguf"])
    {'Q8_0': ('x-q8_0.gguf',), 'Q2_K': ('y-q2_k-00001-of-00002.gguf', 'y-q2_k-00002-of-00002.gguf')}
    >>> list(quantizations(["x.gguf", "a-Q4_0.gguf", "b-Q4_0.gguf", "mmproj-F16.gguf"]))
    ['a-Q4_0.gguf', 'b-Q4_0.gguf', 'x.gguf']
    """
    models = _gguf_models(files)
    called = [quantization_of(parts[0]) for parts in models]
    return {
        (label if label is not None and called.count(label) == 1 else parts[0]): parts
        for label, parts in zip(called, models, strict=True)
    }


def quantization_of(file: str) -> str | None:
    """Return the quantisation that a file's name, or else its folder's, tells; None where none does.

    >>> quantization_of("gemma-3-4b-it-q4_k_m.gguf"), quantization_of("UD-Q4_K_XL/x-00001-of-00002.gguf")
    ('Q4_K_M', 'UD-Q4_K_XL')
    """
    path = PurePosixPath(file)
    for text in (path.name, path.parent.name):
        if found := _QUANTIZATION.findall(text):
            label: str = found[-1].upper()
            return label.replace("FP16", "F16").replace("FP32", "F32") if label.startswith("FP") else label
    return None


def files_for(files: Iterable[str], wanted: str | None = None) -> tuple[str, ...]:
    """Return the files of one model, the one that is loaded first; of safetensors, all that belong together.

    `wanted` is a quantisation or the path of a GGUF file, and may be left out where there is only one model.
    ModelNotFound says in plain words what is there instead.

    >>> files_for(["x-Q4_K_M.gguf", "x-Q8_0.gguf", "README.md"], "q8_0")
    ('x-Q8_0.gguf',)
    >>> files_for(["config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json"])
    ('config.json', 'model.safetensors', 'tokenizer.json')
    """
    names = sorted(set(files))
    kind = kind_of(names)
    if kind == "gguf":
        return _wanted_gguf(quantizations(names), wanted)
    if kind != "safetensors":
        raise ModelNotFound(
            f"it can't be used: {UNUSABLE[kind]}",
            hint="look for a copy of it in GGUF: fireside models search",
        )
    if wanted is not None:
        raise ModelNotFound(
            f"it has no GGUF files, so no {wanted}", hint="name it without what stands behind the colon"
        )
    return _of_safetensors(names)


def projector_for(files: Iterable[str], model: str) -> str | None:
    """Return the file that lets a GGUF model see pictures, if one lies in its folder.

    >>> projector_for(["x-Q4_0.gguf", "mmproj-F32.gguf", "mmproj-F16.gguf"], "x-Q4_0.gguf")
    'mmproj-F16.gguf'
    """
    folder = PurePosixPath(model).parent
    beside = sorted(
        file
        for file in files
        if PurePosixPath(file).parent == folder and _PROJECTOR.fullmatch(PurePosixPath(file).name)
    )
    # Half as large as F32, and as good; smaller ones are worse at small print.
    return next((file for file in beside if quantization_of(file) == "F16"), next(iter(beside), None))


def best_quantization(sizes_bytes: Mapping[str, int], available_bytes: int | None) -> str:
    """Return which of the models called so is best where so much memory is free (None: nobody knows).

    The weights, a tenth of them for buffers and a conversation must fit. Where nothing does: the smallest.

    >>> sizes = {"Q2_K": 3_000_000_000, "Q4_K_M": 5_000_000_000, "Q8_0": 9_000_000_000}
    >>> best_quantization(sizes, 20_000_000_000), best_quantization(sizes, 5_000_000_000)
    ('Q4_K_M', 'Q2_K')
    """
    fitting = [
        name
        for name, size_bytes in sizes_bytes.items()
        if available_bytes is None or size_bytes * 1.1 + CONTEXT_BYTES <= available_bytes
    ]
    if not fitting:
        return min(sizes_bytes, key=sizes_bytes.__getitem__)
    good = next((name for name in PREFERRED if name in fitting), None)
    return good or max(fitting, key=sizes_bytes.__getitem__)


def _gguf_models(files: Iterable[str]) -> list[tuple[str, ...]]:
    sets: dict[tuple[str, int], dict[int, str]] = {}
    for file in sorted(filter(_is_gguf_model, set(files))):
        split = _SPLIT.fullmatch(file)
        key = (split["stem"], int(split["count"])) if split else (file, 1)
        sets.setdefault(key, {})[int(split["number"]) if split else 1] = file
    return [
        tuple(parts[number] for number in range(1, count + 1))
        for (_stem, count), parts in sets.items()
        if set(parts) == set(range(1, count + 1))
    ]


def _wanted_gguf(models: Mapping[str, tuple[str, ...]], wanted: str | None) -> tuple[str, ...]:
    offered = ", ".join(models)
    if not models:
        raise ModelNotFound("parts of its GGUF files are missing", hint="look for another copy of it")
    if wanted is None:
        if len(models) > 1:
            raise ModelNotFound(f"it has several models: {offered}", hint="name one behind a colon")
        return next(iter(models.values()))
    for name, parts in models.items():
        if name.upper() == wanted.upper() or wanted in parts or parts[0].endswith(f"/{wanted}"):
            return parts
    raise ModelNotFound(f"it has no {wanted}", hint=f"it has {offered}")


def _is_gguf_model(file: str) -> bool:
    return file.lower().endswith(".gguf") and not _OTHER_GGUF.search(PurePosixPath(file).name)


def _is_safetensors_weight(file: str) -> bool:
    return "/" not in file and file.endswith(".safetensors") and not file.startswith(_OTHER_SAFETENSORS)


def _of_safetensors(names: Iterable[str]) -> tuple[str, ...]:
    """Return what transformers reads of a repository: the weights once, and what lies beside them."""
    weights = [name for name in names if _is_safetensors_weight(name)]
    shards = [name for name in weights if _SHARD.fullmatch(name)]
    wanted = {WHOLE} if WHOLE in weights else {*(shards or weights)}
    return tuple(name for name in names if name in wanted or _lies_beside(name))


def _lies_beside(file: str) -> bool:
    if "/" in file:
        return _IN_FOLDERS.fullmatch(file) is not None
    if file.lower().startswith(_ABOUT):
        return True
    return file.endswith(_BESIDE_WEIGHTS) and not file.endswith(_INDEXES_OF_OTHERS)
