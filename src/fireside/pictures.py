"""Pictures that people show to a model, checked before anything decodes them: by what they are, not by name.

Sizes are read from the headers: PNG (W3C, section 11.2.1), JPEG (ITU T.81, section B.2.2), GIF (89a,
section 18). An engine decodes them, in its own process; a small file that grows to gigabytes never gets
there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from typing import Literal

import msgspec

from fireside.errors import BadPicture

MOST_BYTES = 5_000_000
MOST_PIXELS = 40_000_000
MOST_SIDE = 16_384
MOST_PICTURES = 16
"""in one message"""
MOST_SEGMENTS = 1_000
"""of a JPEG before the one that tells its size"""
HARMLESS_BYTES = 64 << 20
"""in an engine's memory, for what a picture has packed"""
MOST_UNPACKED = 1032
"""bytes that a packed one can become (zlib, "Maximum compression factor")"""
STEP_BYTES = 1 << 20
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""numbers of each pixel, by PNG's types of colour"""
MediaType = Literal["image/png", "image/jpeg", "image/gif"]
OTHERS = ((b"RIFF", "WebP"), (b"BM", "a bitmap"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"<svg", "SVG"))
PICTURES = (b"\x89PNG", b"GIF8", b"\xff\xd8\xff")
"""how those begin that can be shown"""
HINT = "send a PNG, JPEG or GIF"
_SIZES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
"""JPEG's markers that tell the size of a frame"""


class Picture(msgspec.Struct, frozen=True):
    """A picture whose kind and size are known."""

    media_type: MediaType
    width: int
    height: int
    data: bytes

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def picture_of(data: bytes, field: str = "picture") -> Picture:
    """Return the picture that `data` is; BadPicture for another file, and for one that is too large."""
    if len(data) > MOST_BYTES:
        raise BadPicture(
            f"{field}: the picture has {len(data):,} bytes; {MOST_BYTES:,} is the most",
            hint="make it smaller: models see little more than 1,000 pixels a side",
            param=field,
        )
    media_type, (width, height) = _looked_at(data, field)
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE and width * height <= MOST_PIXELS):
        raise BadPicture(
            f"{field}: a picture of {width:,} × {height:,} pixels",
            hint=f"make it smaller: {MOST_PIXELS:,} pixels are the most",
            param=field,
        )
    return Picture(media_type, width, height, data)


def decoded(text: str, field: str = "picture") -> Picture:
    """Return the picture that base64 text holds."""
    if len(text) > MOST_BYTES * 4 // 3 + 4:
        raise BadPicture(f"{field}: over {MOST_BYTES:,} bytes", hint="make it smaller", param=field)
    try:
        return picture_of(base64.b64decode(text, validate=True), field)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"{field}: not base64: {error}", hint=HINT, param=field) from error


def harmless(text: str, field: str = "picture") -> Picture:
    """Do what `decoded` does, and what `check_unpacked` does: in a thread, before an engine is given it."""
    picture = decoded(text, field)
    check_unpacked(picture, field)
    return picture


def from_url(url: str, field: str) -> Picture:
    """Return the picture of a `data:` URL. No other address is ever asked: nothing is fetched for a model."""
    scheme, comma, text = url.partition(",")
    if not comma or not scheme.lower().startswith("data:") or not scheme.lower().endswith(";base64"):
        raise BadPicture(
            f"{field}: only pictures in the request itself are looked at",
            hint='send "data:image/png;base64,…"; addresses are never fetched',
            param=field,
        )
    return decoded(text, field)


def _looked_at(data: bytes, field: str) -> tuple[MediaType, tuple[int, int]]:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return "image/png", struct.unpack_from(">II", data, 16)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return "image/gif", struct.unpack_from("<HH", data, 6)
        if data.startswith(b"\xff\xd8\xff"):
            return "image/jpeg", _jpeg_size(data)
    except struct.error:
        raise BadPicture(f"{field}: the picture is cut short", hint="send it again", param=field) from None
    kind = next((name for magic, name in OTHERS if data.startswith(magic)), "something else")
    raise BadPicture(f"{field}: not a picture that can be shown, but {kind}", hint=HINT, param=field)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_SEGMENTS):
        lead, marker, length = struct.unpack_from(">BBH", data, at)
        if lead != 0xFF:
            break
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + length  # one more 0xFF is padding
    raise struct.error


def check_unpacked(picture: Picture, field: str) -> None:
    """Raise BadPicture for a PNG with more packed in it than its pixels: decoders unpack it to the end.

    Takes up to a second for each picture; the event loop has no time for it.
    """
    if picture.media_type != "image/png":
        return
    depth, colour = struct.unpack_from("BB", picture.data.ljust(26, b"\0"), 24)
    row_bytes = 1 + (picture.width * CHANNELS.get(colour, 4) * depth + 7) // 8
    # Interlaced, the same pixels are told in seven pictures, whose rows are more.
    room = max(HARMLESS_BYTES, 2 * row_bytes * picture.height)
    packed = _packed(picture.data)
    if len(packed) * MOST_UNPACKED > room and not _unpacks_within(packed, room):
        raise BadPicture(f"{field}: the picture holds more than its size tells", hint=HINT, param=field)


def _packed(data: bytes) -> bytes:
    """Return what the data chunks of a PNG hold (sections 5.3 and 11.2.3)."""
    found, at = [], 8
    while len(head := data[at : at + 8]) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            found.append(data[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(found)


def _unpacks_within(packed: bytes, room: int) -> bool:
    """Return whether it is sound and unpacks to no more than `room` bytes."""
    unpacking, size = zlib.decompressobj(), 0
    try:
        while packed and size <= room and not unpacking.eof:
            size += len(unpacking.decompress(packed, STEP_BYTES))
            packed = unpacking.unconsumed_tail
    except zlib.error:
        return False
    return size <= room
