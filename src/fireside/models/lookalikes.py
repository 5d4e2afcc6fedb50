"""Tells what a file is that should have been a GGUF model but isn't."""

from __future__ import annotations

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive, or PyTorch weights (pickle), which are never opened here"),
    (b"\x80\x02", "pickled weights, which are never opened here"),
    (b"\x80\x03", "pickled weights, which are never opened here"),
    (b"\x80\x04", "pickled weights, which are never opened here"),
    (b"\x80\x05", "pickled weights, which are never opened here"),
    (b"FUGG", "a big-endian GGUF file"),
    (b"lmgg", "a GGML file of an older format"),
    (b"tjgg", "a GGML file of an older format"),
    (b"fmgg", "a GGML file of an older format"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file itself"),
)


def seems_to_be(beginning: bytes) -> str:
    """Return in plain words what a file that begins with these bytes (64 are enough) seems to be.

    >>> seems_to_be(b"<!DOCTYPE html><html>")
    'a web page instead of the file itself'
    >>> seems_to_be(b"")
    'empty'
    """
    if not beginning:
        return "empty"
    for magic, kind in _BEGINNINGS:
        if beginning.startswith(magic):
            return kind
    if beginning[8:10] == b'{"' and int.from_bytes(beginning[:8], "little") < 1 << 32:
        return "a safetensors file"
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page instead of the file itself"
    if not any(beginning):
        return "a file of zeros, perhaps a download that was cut off"
    return "something else"
