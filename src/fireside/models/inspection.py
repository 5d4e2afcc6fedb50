"""What a model's own files say about it, as a card: nothing is loaded, and nothing in the files is run."""

from __future__ import annotations

from pathlib import Path

from fireside.cards import ModelCard, purpose_of
from fireside.errors import ModelNotFound
from fireside.models.facts import Facts
from fireside.models.folder import folder_facts
from fireside.models.gguf_model import gguf_facts
from fireside.models.licences import licence_name

OF_THE_CARD = frozenset(ModelCard.__struct_fields__) & frozenset(Facts.__struct_fields__)


def read_facts(path: Path) -> Facts:
    """Return what the files of the model at `path` say: a .gguf file, the first of several, or a folder.

    ModelNotFound where there is no readable model, ModelDamaged for what is no sound one.
    """
    try:
        return folder_facts(path) if path.is_dir() else gguf_facts(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelNotFound(
            f"{path} can't be read: {reason}", hint="make it readable for you, or name another"
        ) from error


def inspect(path: Path, *, reference: str, origin: str, name: str | None = None) -> ModelCard:
    """Return the card of the model at `path`. `name` stands in where the files have none of their own.

    Raises what `read_facts` does.
    """
    facts = read_facts(path)
    purpose = purpose_of(facts.pooling)
    told = {field: getattr(facts, field) for field in OF_THE_CARD}
    told["sees"] = facts.sees and facts.engine == "llamacpp"  # no other engine is shown pictures
    told["licence"] = licence_name(facts.licence)
    told["name"] = facts.name or name or path.stem
    told["embedding_length"] = facts.embedding_length if purpose == "embedding" else None
    return ModelCard(
        **told, reference=reference, origin=origin, installed=True, path=str(path), purpose=purpose
    )
