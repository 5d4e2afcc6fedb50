"""What is offered of a model that the hub lists: its files become a reference, a size and plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from fireside.cards import ModelCard, Purpose, TunedFor
from fireside.models import tuning
from fireside.models.bits import about_bytes
from fireside.models.licences import licence_name
from fireside.models.repository import (
    UNUSABLE,
    Kind,
    best_quantization,
    files_for,
    kind_of,
    quantization_of,
    quantizations,
)
from fireside.models.search.listed import Listed
from fireside.models.search.words import parameters_in
from fireside.models.terms import conditions_of
from fireside.offers import Offer

LIBRARIES: dict[Kind, str] = {
    "gguf": "GGUF",
    "safetensors": "safetensors",
    "adapter": "adapter",
    "pickle": "pickle",
    "tensorflow": "TensorFlow",
    "flax": "Flax",
    "none": "other",
}
INSTEAD = "look for a copy of it in GGUF: add `gguf` to the words"
NEEDS_TRANSFORMERS = "it needs PyTorch and transformers, which aren't installed"
INSTALL = "pip install 'fireside[transformers]', or look for a copy of it in GGUF"
UNNAMED = "its GGUF files don't tell their quantisation"
_EMBEDS = frozenset({"feature-extraction", "sentence-similarity"})
_WRITES = frozenset(
    {None, "text-generation", "image-text-to-text", "any-to-any", "visual-question-answering"}
)
_LABEL = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
MAX_LANGUAGES = 60


def offer_of(model: Listed, memory_bytes: int | None, *, has_transformers: bool) -> Offer | None:
    """Return what is offered of `model` to a machine with so much memory; None for what is no such model.

    The size is exact where the hub told those of all files; `has_transformers` says what runs safetensors.
    """
    if purpose_of(model) is None:
        return None
    kind = kind_of(model.files)
    label, size, exact = _weights(model, kind, memory_bytes)
    licence = model.licence
    obstacle = _obstacle(kind, label, has_transformers=has_transformers)
    card = ModelCard(
        reference=f"hf:{model.name}" + (f":{label}" if label else ""),
        name=model.name.partition("/")[2],
        origin=model.name.partition("/")[0],
        licence=licence_name(licence),
        terms=conditions_of(licence),
        size_bytes=size,
        installed=False,
        architecture=model.architecture,
        parameters=model.parameters,
        quantization=quantization_of(label) if label else None,
        context_length=model.context_length,
        engine="transformers" if kind == "safetensors" else "llamacpp",
        weights=kind if kind in ("gguf", "safetensors") else None,
        languages=model.languages[:MAX_LANGUAGES],
    )
    return Offer(
        card=with_abilities(card, model, kind),
        library=LIBRARIES[kind],
        size_is_exact=exact,
        gated=model.gated,
        obstacle=obstacle,
        instead=INSTALL if obstacle == NEEDS_TRANSFORMERS else INSTEAD if obstacle else None,
        code=is_for_code(model),
        active_parameters=active_parameters(model.name),
        downloads=model.downloads,
        likes=model.likes,
        updated_at=model.updated_at,
    )


def with_abilities(card: ModelCard, model: Listed, kind: Kind) -> ModelCard:
    """Return the card with what the model is for and what it can do, as far as the hub tells."""
    purpose = purpose_of(model) or "chat"
    return replace(
        card,
        purpose=purpose,
        tuned_for=tuned_for(model) if purpose == "chat" else None,
        has_template=model.has_template,
        sees=sees(model, kind),
        needs_trust=kind == "safetensors" and "custom_code" in model.tags,
    )


def purpose_of(model: Listed) -> Purpose | None:
    """Return what a model is for; None where that is nothing that Fireside does.

    >>> purpose_of(Listed("a/bge-m3", task="sentence-similarity")), purpose_of(Listed("a/Qwen3-Embedding"))
    ('embedding', 'embedding')
    >>> purpose_of(Listed("a/flux", task="text-to-image")), purpose_of(Listed("a/Qwen3-4B"))
    (None, 'chat')
    """
    name = model.name.lower()
    if model.task == "text-ranking" or "rerank" in name:
        return "ranking"
    if model.task in _EMBEDS or "embed" in name.partition("/")[2]:
        return "embedding"
    return "chat" if model.task in _WRITES else None


def tuned_for(model: Listed) -> TunedFor | None:
    """Return what a model was trained for, as its name tells, or else whether it comes with a chat template.

    >>> tuned_for(Listed("a/Qwen3-4B-Base", tags=("conversational",))), tuned_for(Listed("a/gemma-3-4b-it"))
    ('base', 'instruct')
    >>> tuned_for(Listed("a/Qwen3-4B", tags=("conversational",))), tuned_for(Listed("a/Falcon-7B"))
    ('instruct', None)
    """
    name = model.name.partition("/")[2]
    has_template = "conversational" in model.tags or bool(model.has_template)
    return tuning.tuned_for([name], model.architecture or "", has_template=has_template)


def sees(model: Listed, kind: Kind) -> bool:
    """Return whether pictures would reach it: GGUF with a projector beside it, for no other is shown any."""
    return kind == "gguf" and any("mmproj" in file.lower() for file in model.files)


def is_for_code(model: Listed) -> bool:
    return "code" in model.tags or "code" in model.name.partition("/")[2].lower()


def active_parameters(name: str) -> int | None:
    """Return how many parameters of a mixture of experts a token meets, as its name tells it.

    >>> active_parameters("a/Qwen3-30B-A3B-GGUF"), active_parameters("a/Qwen3-8B-GGUF")
    (3000000000, None)
    """
    found = re.search(r"\d[bB]-[aA](\d{1,3}(?:\.\d{1,2})?[bB])(?![A-Za-z0-9])", name)
    return parameters_in(found[1]) if found else None


def _weights(model: Listed, kind: Kind, memory_bytes: int | None) -> tuple[str | None, int, bool]:
    """Return what stands behind a reference's colon, the bytes to fetch (0: unknown), whether exactly."""
    if kind == "gguf":
        models = quantizations(model.files)
        sizes, exact = _sizes(model, models)
        if not models:
            return None, 0, False
        best = best_quantization(sizes or dict.fromkeys(models, 0), memory_bytes if sizes else None)
        return (best if len(models) > 1 or _LABEL.fullmatch(best) else None), sizes.get(best, 0), exact
    if kind == "safetensors":
        files = files_for(model.files)
        if all(file in model.sizes for file in files):
            return None, sum(model.sizes[file] for file in files), True
        return None, about_bytes(model.parameters or 0, "BF16"), False
    return None, 0, False


def _sizes(model: Listed, models: Mapping[str, tuple[str, ...]]) -> tuple[dict[str, int], bool]:
    """Return the bytes of each quantisation, and whether they are those of the files."""
    if all(file in model.sizes for files in models.values() for file in files):
        return {label: sum(model.sizes[file] for file in files) for label, files in models.items()}, True
    if not model.parameters:
        return {}, False
    return {label: about_bytes(model.parameters, quantization_of(label)) for label in models}, False


def _obstacle(kind: Kind, label: str | None, *, has_transformers: bool) -> str | None:
    if kind == "safetensors" and not has_transformers:
        return NEEDS_TRANSFORMERS
    if kind in UNUSABLE:
        return UNUSABLE[kind]
    if label is not None and not _LABEL.fullmatch(label):
        return UNNAMED
    return None
