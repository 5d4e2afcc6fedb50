"""What a model's own files say about it, as a card: nothing is loaded, and nothing in the files is run."""

from __future__ import annotations

from pathlib import Path

from fireside.cards import ModelCard, purpose_of
from fireside.models.gguf import read_header
from fireside.models.parts import projector_beside


def inspect(path: Path, *, reference: str, origin: str, name: str | None = None) -> ModelCard:
    """Return the card of the model at `path`. `name` stands in where the file has none of its own.

    ModelNotFound where there is no readable file, ModelDamaged for what is no sound model.
    """
    header = read_header(path)
    purpose = purpose_of(header.pooling)
    return ModelCard(
        reference=reference,
        name=header.name or name or path.stem,
        origin=origin,
        licence=header.licence,
        size_bytes=header.size_bytes,
        installed=True,
        path=str(path),
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        context_length=header.context_length,
        has_template=header.has_template,
        pooling=header.pooling,
        purpose=purpose,
        embedding_length=header.embedding_length if purpose == "embedding" else None,
        reasons=header.reasons,
        sees=purpose == "chat" and projector_beside(path, width=header.dimensions.width) is not None,
        languages=header.languages,
    )
