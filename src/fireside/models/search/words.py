"""What the words of a search mean: `german instruct 3b gguf`. Pure."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from fireside.language_names import language_of
from fireside.offers import Wanted

MAX_WORDS = 16
MAX_LENGTH = 200
"""of a search, in characters; longer ones are cut"""

_MEANINGS: dict[str, dict[str, Any]] = {
    word: meaning
    for words, meaning in (
        (
            "instruct instruction instruction-tuned chat assistant 对话 聊天 指令",
            {"tuned_for": "instruct"},
        ),
        ("base pretrained foundation 基座", {"tuned_for": "base"}),
        ("code coding coder programming 代码 编程", {"code": True}),
        ("vision image images pictures multimodal vlm 视觉", {"sees": True}),
        ("embedding embeddings embed 嵌入", {"purpose": "embedding"}),
        ("rerank reranker reranking 重排", {"purpose": "ranking"}),
        ("gguf llama.cpp llamacpp", {"weights": "gguf"}),
        ("safetensors pytorch transformers", {"weights": "safetensors"}),
        ("tiny mini 极小", {"most_parameters": 1_000_000_000}),
        ("small little 小", {"most_parameters": 4_000_000_000}),
        ("medium mid 中", {"least_parameters": 4_000_000_000, "most_parameters": 15_000_000_000}),
        ("large big 大", {"least_parameters": 15_000_000_000}),
    )
    for word in words.split()
}
_FILLERS = frozenset({"a", "an", "the", "for", "and", "with", "in", "model", "models", "llm", "模型"})
_PARAMETERS = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)([bm])")
_NEAR = 0.35
"""how far from a size that was named others still count, as a share of it"""


def understand(query: str) -> Wanted:
    """Return what the words of a search mean; those that mean nothing here are looked for in names.

    >>> wanted = understand("German instruct 3b gguf")
    >>> wanted.languages, wanted.tuned_for, wanted.weights, wanted.words
    (('de',), 'instruct', 'gguf', ())
    >>> wanted.least_parameters, wanted.most_parameters
    (1950000000, 4050000000)
    >>> understand("qwen coder for 中文").words, understand("qwen coder for 中文").code
    (('qwen',), True)
    """
    wanted = Wanted()
    for word in re.split(r"[\s,;]+", query[:MAX_LENGTH].strip())[:MAX_WORDS]:
        if word and word.casefold() not in _FILLERS:
            wanted = _with(wanted, word)
    return wanted


def _with(wanted: Wanted, word: str) -> Wanted:
    plain = word.casefold()
    if plain in _MEANINGS:
        return replace(wanted, **_MEANINGS[plain])
    if size := parameters_in(plain):
        least, most = round(size * (1 - _NEAR)), round(size * (1 + _NEAR))
        return replace(wanted, least_parameters=least, most_parameters=most)
    if tag := language_of(word):
        return replace(wanted, languages=tuple(dict.fromkeys((*wanted.languages, tag))))
    return replace(wanted, words=(*wanted.words, word))


def parameters_in(word: str) -> int | None:
    """Return the count of parameters that a word writes, as models' names do; None for another word.

    >>> parameters_in("7b"), parameters_in("0.5B"), parameters_in("360m"), parameters_in("q4")
    (7000000000, 500000000, 360000000, None)
    """
    found = _PARAMETERS.fullmatch(word.casefold())
    if not found:
        return None
    return round(float(found[1]) * (1e9 if found[2] == "b" else 1e6)) or None


def suits(wanted: Wanted, parameters: int | None) -> bool:
    """Return whether a count of parameters lies within what was asked for; an unknown one may."""
    if parameters is None:
        return True
    least, most = wanted.least_parameters or 0, wanted.most_parameters or parameters
    return least <= parameters <= most
