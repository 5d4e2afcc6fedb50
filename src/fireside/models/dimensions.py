"""What a model's dimensions make of memory and of work, besides its weights."""

from __future__ import annotations

import msgspec

from fireside.footprint import READ_AT_ONCE
from fireside.models.gguf_cursor import Values

F16_BYTES, F32_BYTES = 2, 4
CELLS = 256
"""A cache has a multiple of so many places (llama.cpp, src/llama-kv-cache-iswa.cpp)."""
WINDOWED = {"gemma2": 2, "gemma3": 6, "cohere2": 4, "exaone4": 4, "gpt-oss": 2}
"""Of so many layers one sees everything and the others a window, for architectures whose header doesn't say
it (llama.cpp, src/llama-model.cpp, `set_swa_pattern`)"""


class Dimensions(msgspec.Struct, frozen=True):
    """Sizes of a transformer as its header tells them; 0 where it doesn't.

    Keys: ggml's docs/gguf.md.
    """

    width: int = 0
    """of what is computed for each token"""
    inner_width: int = 0
    """of the feed-forward part"""
    key_heads: int = 0
    """heads whose keys and values are kept, of all layers together"""
    head_bytes: int = 0
    """of one token's key and value in one head"""
    layers: int = 0
    query_values: int = 0
    """numbers that are compared with each earlier token's keys, of all layers together"""
    window: int = 0
    """tokens that some layers look back at; 0 where all see everything"""
    windowed_share: float = 0.0
    """of the layers"""
    experts_share: float = 1.0
    """of its experts, that each token meets"""

    @property
    def cache_token_bytes(self) -> int:
        """Bytes that one token of a conversation takes in the KV cache, where all layers see it.

        >>> Dimensions(key_heads=90, head_bytes=256).cache_token_bytes
        23040
        """
        return self.key_heads * self.head_bytes

    def cache_bytes(self, context_length: int) -> int:
        """Return the bytes of the KV cache of one conversation.

        >>> Dimensions(key_heads=18, head_bytes=1024, window=512, windowed_share=15 / 18).cache_bytes(2048)
        18087936
        """
        windowed = self.windowed_share * min(context_length, _cells(self.window + READ_AT_ONCE))
        return round(self.cache_token_bytes * ((1 - self.windowed_share) * context_length + windowed))

    def attended(self, before: float) -> float:
        """Return how many numbers of earlier tokens one token is compared with, in all layers together."""
        windowed = self.windowed_share * min(before, self.window)
        return self.query_values * ((1 - self.windowed_share) * before + windowed)

    @property
    def batch_token_bytes(self) -> int:
        """Bytes of buffers for each token that is read at once: about three inner rows and four outer ones.

        Measured on llama.cpp's own report ("compute buffer size"), to which the mask of attention adds
        two bytes for each token of the context.
        """
        return F32_BYTES * (3 * self.inner_width + 4 * self.width)


def dimensions_of(values: Values, architecture: str) -> Dimensions:
    """Return the dimensions that a header tells."""

    def told(key: str) -> int:
        return values.whole(f"{architecture}.{key}") or 0

    def in_all_layers(key: str) -> int:
        summed = values.sums.get(f"{architecture}.{key}")
        return told("block_count") * told(key) if summed is None else summed

    width, layers = told("embedding_length"), told("block_count")
    heads = in_all_layers("attention.head_count")
    usual = width * layers // heads if heads else 0
    key, value = (told(f"attention.{part}_length") or usual for part in ("key", "value"))
    experts = told("expert_count")
    return Dimensions(
        width=width,
        inner_width=told("feed_forward_length"),
        key_heads=in_all_layers("attention.head_count_kv") or heads,
        head_bytes=F16_BYTES * (key + value),
        layers=layers,
        query_values=heads * key,
        window=told("attention.sliding_window"),
        windowed_share=_windowed_share(values, architecture, layers),
        experts_share=min(1.0, told("expert_used_count") / experts) if experts else 1.0,
    )


def _windowed_share(values: Values, architecture: str, layers: int) -> float:
    """Return the share of layers that see a window only; 0 where nobody says which."""
    pattern = f"{architecture}.attention.sliding_window_pattern"
    windowed = values.sums.get(pattern)
    if windowed is not None:
        return min(1.0, windowed / layers) if layers else 0.0
    every = values.whole(pattern) or WINDOWED.get(architecture, 1)
    return (layers - layers // every) / layers if layers else 0.0


def _cells(tokens: int) -> int:
    return -(-tokens // CELLS) * CELLS
