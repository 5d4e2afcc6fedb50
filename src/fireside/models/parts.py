"""Parts of models that are named apart: LoRA adapters and projectors, checked before an engine sees them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fireside.errors import ModelDamaged
from fireside.models.gguf import Header, read_header

OWN_WIDTH = frozenset(("mlp", "mlp_norm", "ldp", "ldpv2", "resampler"))
"""older kinds of projectors: the width that their files tell is CLIP's own, and the engine finds out"""


class Part(msgspec.Struct, frozen=True):
    """What the file of a part is."""

    identity: str
    """changes whenever the file does"""
    size_bytes: int


def read_adapter(path: Path, *, architecture: str | None) -> Part:
    """Return what a LoRA adapter is, which must have been made for models of this `architecture`.

    ModelNotFound where there is no readable file, ModelDamaged for one that isn't sound or doesn't fit.
    """
    header = read_header(path)
    if header.kind != "adapter" or header.part_type not in ("lora", None):
        raise ModelDamaged(
            f"{path} is no LoRA adapter", hint="name a .gguf file that convert_lora_to_gguf.py made"
        )
    if architecture and header.architecture != architecture:
        raise ModelDamaged(
            f"{path} was made for models of the kind {header.architecture}, and this one is {architecture}",
            hint="use an adapter that was trained on this model",
        )
    return _part(path, header)


def read_projector(path: Path, *, width: int | None) -> Part:
    """Return what a projector is, which must be for pictures and for a model of this `width`.

    ModelNotFound where there is no readable file, ModelDamaged for one that isn't sound or doesn't fit.
    """
    header = read_header(path)
    if header.kind != "mmproj" or not header.has_vision:
        raise ModelDamaged(
            f"{path} is no projector for pictures", hint="name the mmproj….gguf file of this model"
        )
    told = None if header.part_type in OWN_WIDTH else header.projects_to
    if width and told and told != width:
        raise ModelDamaged(
            f"{path} was made for another model: it makes {told:,} numbers where this one reads {width:,}",
            hint="use the projector that was published beside this model",
        )
    return _part(path, header)


def _part(path: Path, header: Header) -> Part:
    changed = path.stat().st_mtime_ns
    return Part(f"{header.size_bytes}-{changed}-{header.header_sha256[:16]}", header.size_bytes)
