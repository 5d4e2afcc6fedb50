"""Makes small pictures: whole ones of one colour or of noise, and headers of others."""

from __future__ import annotations

import random
import struct
import zlib

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def png(
    colour: tuple[int, int, int] = RED, *, side: int = 24, told: tuple[int, int] | None = None, more: int = 0
) -> bytes:
    """Return a picture of one colour; its header tells another size where one is `told`.

    `more` zeros are packed behind its pixels.
    """
    rows = b"".join(b"\0" + bytes(colour) * side for _ in range(side))
    return _png(rows + bytes(more), told or (side, side))


def noise(side: int = 96) -> bytes:
    """Return a picture in which no two places are alike."""
    chance = random.Random(3)
    return _png(b"".join(b"\0" + chance.randbytes(3 * side) for _ in range(side)), (side, side))


def _png(rows: bytes, size: tuple[int, int]) -> bytes:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif(width: int = 1, height: int = 1) -> bytes:
    """Return a picture of one white pixel that tells this size."""
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + b"\xff\xff\xff\x00\x00\x00"
    return screen + b"\x2c" + bytes(4) + struct.pack("<HH", 1, 1) + b"\x00\x02\x02\x44\x01\x00\x3b"


def jpeg_header(width: int, height: int) -> bytes:
    """Return the beginning of a JPEG file."""
    application = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + application + b"\xff" + frame
