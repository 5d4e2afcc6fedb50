"""Which of a repository's files a reference means, as a record and as a card. Pure: nobody is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from fireside.cards import ModelCard
from fireside.errors import ModelNotFound
from fireside.models.hub import HubFile, Repository
from fireside.models.licences import licence_name
from fireside.models.repository import (
    best_quantization,
    files_for,
    kind_of,
    projector_for,
    quantization_of,
    quantizations,
)
from fireside.models.search.offering import with_abilities
from fireside.models.sources.hub_records import HubRecord, StoredFile
from fireside.models.terms import terms_of

OTHER_LIBRARIES = {"mlx": "MLX", "diffusers": "diffusers", "openvino": "OpenVINO"}
"""libraries whose safetensors no engine here reads, by the hub's names for them"""


def record_of(repository: Repository, name: str, available_bytes: int | None) -> HubRecord:
    """Return what a reference to `repository` means where so much memory is free (None: nobody knows).

    ModelNotFound says in plain words why nothing of it can be used, or what it has instead.
    """
    variant, files = _chosen(repository, name.partition(":")[2] or None, available_bytes)
    everything = {file.path: file for file in repository.files}
    projector = projector_for(everything, files[0].path) if variant else None
    beside = (everything[projector],) if projector else ()
    return HubRecord(
        repository=repository.id,
        variant=variant,
        revision=repository.revision,
        files=tuple(
            StoredFile(file.path, file.size_bytes, file.sha256, file.git_sha1) for file in (*files, *beside)
        ),
        origin=f"{repository.address} at {repository.revision[:8]}",
        sha256=_sha256_of(files),
        licence=licence_name(repository.licence),
        languages=repository.languages,
        base_models=repository.base_models,
        terms=terms_of(repository.licence, gated=repository.is_gated, where=repository.address),
    )


def offered(repository: Repository, record: HubRecord) -> ModelCard:
    """Return the card of a model that isn't here, as far as the hub tells."""
    in_folder = record.variant is None
    card = ModelCard(
        reference=record.reference,
        name=repository.id.partition("/")[2],
        origin=record.origin,
        licence=record.licence,
        size_bytes=record.size_bytes,
        installed=False,
        sha256=record.sha256,
        architecture=repository.architecture,
        parameters=repository.parameters,
        quantization=None if in_folder else quantization_of(record.files[0].path),
        context_length=repository.context_length,
        engine="transformers" if in_folder else "llamacpp",
        weights="safetensors" if in_folder else "gguf",
        revision=record.revision,
        terms=record.terms,
        languages=record.languages,
    )
    return with_abilities(card, repository.said, "safetensors" if in_folder else "gguf")


def _chosen(
    repository: Repository, wanted: str | None, available_bytes: int | None
) -> tuple[str | None, tuple[HubFile, ...]]:
    """Return what the model is called behind the colon (None: it is the whole folder), and its files."""
    files = {file.path: file for file in repository.files}
    kind, models = kind_of(files), quantizations(files)
    if kind == "safetensors" and repository.library in OTHER_LIBRARIES:
        raise ModelNotFound(
            f"{repository.id} can't be used: it is made for {OTHER_LIBRARIES[repository.library]}",
            hint="look for a copy of it in GGUF: fireside models search",
        )
    if kind == "gguf" and wanted is None and models:
        sizes = {label: sum(files[path].size_bytes for path in paths) for label, paths in models.items()}
        wanted = best_quantization(sizes, available_bytes)
    try:
        paths = files_for(files, wanted)
    except ModelNotFound as error:
        raise ModelNotFound(f"{repository.id}: {error.message}", hint=error.hint, param="model") from error
    variant = next((label for label, parts in models.items() if parts == paths), None)
    return variant, tuple(files[path] for path in paths)


def _sha256_of(files: Iterable[HubFile]) -> str:
    """Return the hash of one file, or that of the list of hashes and names where they are several."""
    first, *more = files
    if not more and first.sha256:
        return first.sha256
    lines = [f"{file.sha256 or file.git_sha1}  {file.path}\n" for file in (first, *more)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
