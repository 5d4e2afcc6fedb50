"""Parts of models: LoRA adapters and projectors, checked like whole models before an engine sees them.

Keys: ggml's docs/gguf.md, and what llama.cpp's converters write (convert_lora_to_gguf.py, clip-impl.h).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path

import msgspec

from fireside.errors import ModelDamaged, ModelNotFound
from fireside.models.gguf import Opened, opened, parsed, read_file
from fireside.models.gguf_cursor import Damaged, Values

PROJECTOR_ARCHITECTURE = "clip"
OWN_WIDTH = frozenset(("mlp", "mlp_norm", "ldp", "ldpv2", "resampler"))
"""older kinds: the width that their files tell is CLIP's own, and the engine finds out whether they fit"""


class Part(msgspec.Struct, frozen=True):
    """What the file of a part says about itself."""

    architecture: str
    identity: str
    """changes whenever the file does"""
    size_bytes: int
    sees: bool = False
    """whether it is for pictures"""
    width: int | None = None
    """numbers in what it makes of a piece of a picture: as many as the model has for a token"""


def read_adapter(path: Path, *, architecture: str | None = None) -> Part:
    """Return what a LoRA adapter says about itself.

    ModelNotFound where there is no readable file, ModelDamaged for one that isn't sound or that was made
    for another `architecture`.
    """
    part = read_file(path, _adapter)
    if architecture and part.architecture != architecture:
        raise ModelDamaged(
            f"{path} was made for models of the kind {part.architecture}, and this one is {architecture}",
            hint="use an adapter that was trained on this model",
        )
    return part


def read_projector(path: Path, *, width: int | None = None) -> Part:
    """Return what a projector for pictures says about itself.

    ModelNotFound where there is no readable file, ModelDamaged for one that isn't sound, isn't for pictures,
    or doesn't fit a model of this `width`.
    """
    part = read_file(path, _projector)
    if width and part.width and part.width != width:
        raise ModelDamaged(
            f"{path} was made for another model: it makes {part.width:,} numbers, this one reads {width:,}",
            hint="use the projector that was published beside this model",
        )
    return part


def projector_beside(path: Path, *, width: int) -> Path | None:
    """Return the projector (`mmproj….gguf`) that lies beside a model and fits it.

    None where none or several do; damaged ones don't count: a model is whole without eyes.
    """
    if path.name.lower().startswith("mmproj"):
        return None
    found = []
    for one in sorted(path.parent.glob("mmproj*.gguf")):
        with contextlib.suppress(ModelDamaged, ModelNotFound):
            read_projector(one, width=width)
            found.append(one)
    return found[0] if len(found) == 1 else None


@functools.lru_cache(maxsize=64)
def _adapter(path: Path, size: int, mtime_ns: int) -> Part:
    header = _opened(path, size, _check_adapter)
    return Part(header.architecture, _identity(header, size, mtime_ns), size)


@functools.lru_cache(maxsize=64)
def _projector(path: Path, size: int, mtime_ns: int) -> Part:
    header = _opened(path, size, _check_projector)
    kind = header.values.text("clip.vision.projector_type") or header.values.text("clip.projector_type")
    return Part(
        header.architecture,
        _identity(header, size, mtime_ns),
        size,
        sees=bool(header.values.scalars.get("clip.has_vision_encoder")),
        width=None if kind in OWN_WIDTH else header.values.whole("clip.vision.projection_dim"),
    )


def _opened(path: Path, size: int, check_purpose: Callable[[Values], None]) -> Opened:
    return parsed(path, size, lambda data, whole: opened(data, whole, check_purpose))


def _identity(header: Opened, size: int, mtime_ns: int) -> str:
    return f"{size}-{mtime_ns}-{header.sha256[:16]}"


def _check_adapter(values: Values) -> None:
    if values.text("general.type") != "adapter" or values.scalars.get("adapter.type", "lora") != "lora":
        raise Damaged("it is no LoRA adapter", hint="name a .gguf file that convert_lora_to_gguf.py made")


def _check_projector(values: Values) -> None:
    # Older converters didn't write a type.
    if values.text("general.architecture") != PROJECTOR_ARCHITECTURE:
        raise Damaged("it is no projector", hint="name the mmproj….gguf file that lies beside the model")
    if not values.scalars.get("clip.has_vision_encoder"):
        raise Damaged("it isn't for pictures", hint="name a projector with a vision encoder")
