"""A model's card in words: what it is, what it can, what it needs, and where it lies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fireside.cli.languages import _, wanted
from fireside.language_names import language_of, name_of

if TYPE_CHECKING:
    from fireside.cards import ModelCard

Fields = list[tuple[str, str | None]]


def described(card: ModelCard, state: str, fit: str | None = None) -> tuple[Fields, ...]:
    """Return groups of names and values; what nobody says about the model has no value.

    `fit` tells how it runs here.
    """
    compared = _("beside the original"), _compared(card)
    here = [(_("on this machine"), fit), compared, *_whereabouts(card, state)]
    return _origin(card), _abilities(card), _make(card), here


def _origin(card: ModelCard) -> Fields:
    return [
        (_("model"), card.reference),
        (_("name"), card.name),
        (_("stands for"), card.alias_of),
        (_("converted from"), _converted(card)),
        (_("adapters"), ", ".join(card.adapters)),
        (_("origin"), card.origin),
        (_("revision"), card.revision),
        (_("licence"), card.licence or _("unknown")),
        (_("terms"), card.terms),
        (_("place"), _("this machine") if card.place == "here" else _("another server")),
    ]


def _converted(card: ModelCard) -> str | None:
    if card.conversion is None:
        return None
    was = card.conversion.was
    return f"{card.conversion.source} ({was})" if was else card.conversion.source


def _compared(card: ModelCard) -> str | None:
    """Return how a converted model does beside its original, where that was measured."""
    from fireside.cli.models_convert import in_words, loss

    measured = card.conversion and card.conversion.measured
    if not measured:
        return None
    return _("{words}; its perplexity is {loss}", words=in_words(measured), loss=loss(measured))


def _abilities(card: ModelCard) -> Fields:
    if card.purpose != "chat":
        return [(_("made for"), _purpose(card)), (_("languages"), _languages(card))]
    trained = {"instruct": _("following instructions"), "base": _("going on with a text"), None: None}
    template = {True: _("has a chat template"), False: _("has no chat template"), None: None}
    return [
        (_("made for"), trained[card.tuned_for]),
        (_("languages"), _languages(card)),
        (_("format"), template[card.has_template]),
        (_("pictures"), _yes_or_no(card.sees)),
        (_("functions"), _yes_or_no(card.takes_tools)),
        (_("thinks first"), _("if you wish") if card.reasons else None),
    ]


def _languages(card: ModelCard) -> str:
    chinese = wanted(os.environ) == "zh"
    return ", ".join(name_of(language_of(said) or said, chinese=chinese) for said in card.languages)


def _purpose(card: ModelCard) -> str:
    if card.purpose == "ranking":
        return _("ranking texts")
    if card.embedding_length is None:
        return _("embeddings")
    return _("embeddings of {count} numbers", count=f"{card.embedding_length:,}")


def _make(card: ModelCard) -> Fields:
    runs_on = {
        "llamacpp": _("llama.cpp, which comes with Fireside"),
        "transformers": _("PyTorch with transformers"),
        "remote": _("another server"),
    }
    trust = _("it brings code of its own, which runs only once you trust it") if card.needs_trust else None
    return [
        (_("architecture"), card.architecture),
        (_("parameters"), f"{card.parameters:,}" if card.parameters else None),
        (_("quantization"), card.quantization),
        (_("context"), f"{card.context_length:,}" if card.context_length else None),
        (_("tokenizer"), card.tokenizer),
        (_("runs on"), runs_on[card.engine]),
        (_("code"), trust),
    ]


def _whereabouts(card: ModelCard, state: str) -> Fields:
    from fireside.cli.output import size

    return [
        (_("size"), size(card.size_bytes) if card.size_bytes else _("unknown") if card.weights else None),
        (_("state"), state),
        (_("problem"), card.problem),
        (_("folder") if card.weights == "safetensors" else _("file"), card.path),
        ("SHA-256", card.sha256),
    ]


def _yes_or_no(answer: bool | None) -> str | None:
    return {True: _("yes"), False: _("no"), None: None}[answer]
