"""Models as Ollama's clients name and describe them."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import msgspec

from fireside.cards import ModelCard
from fireside.server.relay import slug


class Details(msgspec.Struct, frozen=True):
    family: str
    families: tuple[str, ...]
    parameter_size: str
    quantization_level: str
    parent_model: str = ""
    format: str = "gguf"


def tagged(card: ModelCard) -> str:
    """Return the card's name with the tag that Ollama gives to one that was named without."""
    return f"{slug(card.name)}:latest"


def digest_of(card: ModelCard) -> str:
    """Return the SHA-256 of the weights, or of what is known about them where nobody has it."""
    if card.sha256:
        return card.sha256
    return hashlib.sha256(f"{card.reference} {card.size_bytes}".encode()).hexdigest()


def details_of(card: ModelCard) -> Details:
    family = card.architecture or "unknown"
    return Details(
        family=family,
        families=(family,),
        parameter_size=size_text(card.parameters),
        quantization_level=card.quantization or "unknown",
    )


def size_text(parameters: int | None) -> str:
    """
    >>> size_text(134_515_008), size_text(7_241_732_096), size_text(None)
    ('134.52M', '7.2B', 'unknown')
    """
    if parameters is None:
        return "unknown"
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f}B"
    return f"{parameters / 1e6:.2f}M"


def modified_at(card: ModelCard) -> str:
    """Return when the file was last written; the epoch for one that isn't here yet."""
    path = Path(card.path) if card.path else None
    return time_text(path.stat().st_mtime if path and path.exists() else 0.0)


def time_text(seconds: float) -> str:
    """
    >>> time_text(0)
    '1970-01-01T00:00:00.000000Z'
    """
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
