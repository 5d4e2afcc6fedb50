"""What a model of one or several GGUF files is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fireside.errors import ModelDamaged, ModelNotFound
from fireside.messages import Defaults
from fireside.models.facts import Facts, recommended
from fireside.models.gguf import Header, read_header
from fireside.models.tuning import tuned_for

PART_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
"""how llama.cpp finds the other files of a model (`llama_split_path`, src/llama.cpp)"""
OLLAMAS_OWN = frozenset(("deepseekocr", "glm4moelite", "glmocr", "gptoss", "mllama", "qwen25vl"))
"""architectures by names that only Ollama's files have (its llama/compat/README.md)"""
MAX_PARTS = 1_000
MAX_PROJECTORS = 16


def gguf_facts(path: Path) -> Facts:
    """Return what the model whose first or only file is at `path` says about itself.

    ModelNotFound where there is no readable file, ModelDamaged for what is no sound, whole model.
    """
    header = read_header(path)
    _check_whole_model(path, header)
    parts = parts_of(path)
    headers = [header, *(_part(part, number, header) for number, part in enumerate(parts[1:], start=1))]
    _check_tensors(path, headers)
    writes = header.pooling is None
    hints = (*header.hints, path.stem)
    return Facts(
        name=header.name,
        size_bytes=sum(part.size_bytes for part in headers),
        identity=_identity(parts, headers),
        dimensions=header.dimensions,
        architecture=header.architecture,
        engine="llamacpp",
        weights="gguf",
        parameters=header.parameters or sum(part.elements for part in headers),
        quantization=header.quantization,
        context_length=header.context_length,
        has_template=header.has_template,
        reasons=header.reasons,
        takes_tools=header.takes_tools,
        tuned_for=tuned_for(hints, header.architecture, has_template=header.has_template) if writes else None,
        tokenizer=header.tokenizer,
        sees=writes and projector_beside(path, header) is not None,
        pooling=header.pooling,
        embedding_length=header.embedding_length,
        licence=header.licence,
        terms=header.licence_link,
        languages=header.languages,
        defaults=Defaults(sampling=recommended(dict(header.recommended))),
    )


def parts_of(path: Path) -> list[Path]:
    """Return all files of the model whose first or only one is at `path`; raises what `gguf_facts` does."""
    return [path, *_other_parts(path, read_header(path))]


def projector_beside(path: Path, header: Header | None = None) -> Path | None:
    """Return the projector that lets the model at `path` see, where one lies in its folder; the smallest.

    It is one whose vectors are as wide as the model's. Its name says `mmproj`, as everybody's does.
    """
    header = header or read_header(path)
    named = [beside for beside in path.parent.glob("*.gguf") if "mmproj" in beside.name.lower()]
    fitting = [beside for beside in sorted(named)[:MAX_PROJECTORS] if _fits(beside, header)]
    return min(fitting, key=lambda beside: beside.stat().st_size, default=None)


def _fits(projector: Path, header: Header) -> bool:
    try:
        other = read_header(projector)
    except (ModelNotFound, ModelDamaged):
        return False
    widths = (other.projects_to, header.dimensions.width)
    return other.kind == "mmproj" and other.has_vision and (None in widths or widths[0] == widths[1])


def _check_whole_model(path: Path, header: Header) -> None:
    if header.kind == "mmproj":
        raise ModelDamaged(
            f"{path} is a projector (mmproj), the part that lets a model see, and not a whole model",
            hint="name the model's own .gguf file; one that lies beside it is used with it",
        )
    if header.kind != "model":
        raise ModelDamaged(
            f"{path} carries a part ({header.kind}) and not a whole model",
            hint="name the model's own .gguf file; an adapter goes with it: fireside models alias --help",
        )
    elsewhere = "get the model as llama.cpp reads it, for example from the hub"
    if header.has_vision:
        raise ModelDamaged(f"{path} has its vision part inside, which only Ollama reads", hint=elsewhere)
    if header.architecture in OLLAMAS_OWN:
        raise ModelDamaged(
            f"{path} is written in a form ({header.architecture}) that only Ollama reads", hint=elsewhere
        )


def _other_parts(path: Path, header: Header) -> list[Path]:
    """Return where the other files of a model in several are expected."""
    if header.split_count == 1:
        return []
    named = PART_NAME.fullmatch(path.name)
    if header.split_count > MAX_PARTS:
        raise ModelDamaged(
            f"{path} claims to be one of {header.split_count:,} parts", hint="download it again"
        )
    if named is None or (int(named[2]), int(named[3])) != (header.split_number + 1, header.split_count):
        raise ModelDamaged(
            f"{path} is part {header.split_number + 1} of {header.split_count} and was renamed",
            hint=f"the parts find each other by names like model-00001-of-{header.split_count:05}.gguf",
        )
    parts = [
        path.with_name(f"{named[1]}-{number:05}-of-{named[3]}.gguf")
        for number in range(1, header.split_count + 1)
    ]
    if header.split_number:
        raise ModelDamaged(
            f"{path} is part {header.split_number + 1} of {header.split_count}",
            hint=f"name the first one: {parts[0]}",
        )
    return parts[1:]


def _part(path: Path, number: int, first: Header) -> Header:
    if not path.exists():
        raise ModelDamaged(
            f"{path.name} is missing, part {number + 1} of {first.split_count}",
            hint=f"all the parts have to lie in {path.parent}",
        )
    header = read_header(path)
    if (header.split_number, header.split_count) != (number, first.split_count):
        raise ModelDamaged(
            f"{path} is not part {number + 1} of {first.split_count} of this model",
            hint="download the parts again",
        )
    return header


def _check_tensors(path: Path, headers: list[Header]) -> None:
    found = sum(header.tensors for header in headers)
    told = headers[0].split_tensors if len(headers) > 1 else None
    if not found or told not in (None, found):
        raise ModelDamaged(
            f"the parts of {path} have {found:,} tensors instead of {told or 0:,}",
            hint="download the parts again",
        )


def _identity(parts: list[Path], headers: list[Header]) -> str:
    """Return what changes with the files, without reading gigabytes of weights."""
    each = [
        f"{header.size_bytes}-{part.stat().st_mtime_ns}-{header.header_sha256[:16]}"
        for part, header in zip(parts, headers, strict=True)
    ]
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()
