"""Files that go with a message: texts, and pictures for a model that sees."""

from __future__ import annotations

import base64
from pathlib import Path

from fireside.cli.languages import _
from fireside.errors import BadRequest, TooLarge
from fireside.messages import FilePart, ImagePart
from fireside.pictures import MOST_BYTES, PICTURES, picture_of

FILE_BYTES = 1_000_000
"""More than this fills the largest usual window several times over."""


def read_part(path: Path) -> FilePart | ImagePart:
    """Return what goes with a message; BadRequest or TooLarge says what is wrong with the file."""
    data = _read(path)
    if data.startswith(PICTURES):
        picture_of(data, path.name)
        return ImagePart(path.name, base64.b64encode(data).decode())
    return FilePart(path.name, _text(path, data))


def _read(path: Path) -> bytes:
    try:
        # Asked first: opening a pipe would wait for ever, and a device has no end.
        if not path.is_file():
            reason = _("it is a folder") if path.is_dir() else _("there is no such file")
            raise BadRequest(_("{path} can't be attached: {reason}", path=path, reason=reason))
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadRequest(_("{path} can't be attached: {reason}", path=path, reason=reason)) from None


def _text(path: Path, data: bytes) -> str:
    if len(data) > FILE_BYTES:
        from fireside.cli.output import size

        raise TooLarge(
            _("{path} is too large: {limit} is the most", path=path, limit=size(FILE_BYTES)),
            hint=_("attach the part that matters"),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(
            _("{path} is not a UTF-8 text: byte {byte} doesn't fit", path=path, byte=error.start + 1),
            hint=_("only text files and pictures can be attached"),
        ) from None
    if "\0" in text:
        hint = _("only text files and pictures can be attached")
        raise BadRequest(_("{path} is not a text", path=path), hint=hint)
    return text
