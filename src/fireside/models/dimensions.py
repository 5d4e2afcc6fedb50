"""What a model's dimensions make of memory, besides its weights."""

from __future__ import annotations

import msgspec

from fireside.models.gguf_cursor import Values

F16_BYTES, F32_BYTES = 2, 4


class Dimensions(msgspec.Struct, frozen=True):
    """Sizes of a transformer as its header tells them; 0 where it doesn't.

    Keys: ggml's docs/gguf.md. Layers that look only at a window are counted as if they saw everything.
    """

    width: int = 0
    """of what is computed for each token"""
    inner_width: int = 0
    """of the feed-forward part"""
    key_heads: int = 0
    """heads whose keys and values are kept, of all layers together"""
    head_bytes: int = 0
    """of one token's key and value in one head"""

    @property
    def cache_token_bytes(self) -> int:
        """Bytes that one token of a conversation takes in the KV cache.

        >>> Dimensions(key_heads=90, head_bytes=256).cache_token_bytes
        23040
        """
        return self.key_heads * self.head_bytes

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

    heads, width = told("attention.head_count"), told("embedding_length")
    usual = width // heads if heads else 0
    key, value = (told(f"attention.{part}_length") or usual for part in ("key", "value"))
    in_each = values.sums.get(f"{architecture}.attention.head_count_kv")
    if in_each is None:
        in_each = told("block_count") * (told("attention.head_count_kv") or heads)
    return Dimensions(
        width=width,
        inner_width=told("feed_forward_length"),
        key_heads=in_each,
        head_bytes=F16_BYTES * (key + value),
    )
