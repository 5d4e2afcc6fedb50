"""Which models that lie elsewhere are listed with those that were fetched: references in one small file."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path

import msgspec

from fireside.errors import StoreError

log = logging.getLogger(__name__)


class _Written(msgspec.Struct):
    references: tuple[str, ...]


class Imported:
    """The references in `folder`/imported.json; nothing of the models themselves is kept here."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "imported.json"
        self._writing = threading.Lock()

    def references(self) -> tuple[str, ...]:
        """Return them in the order in which they were imported; none where the file can't be read."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Written).references
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s can't be read, so nothing counts as imported: %s", self._file, error)
            return ()

    def add(self, reference: str) -> None:
        """Remember a reference; nothing happens where it is remembered already."""
        with self._writing:
            have = self.references()
            if reference not in have:
                self._write((*have, reference))

    def forget(self, reference: str) -> bool:
        """Forget a reference; return whether it was remembered."""
        with self._writing:
            have = self.references()
            if reference not in have:
                return False
            self._write(tuple(one for one in have if one != reference))
            return True

    def _write(self, references: tuple[str, ...]) -> None:
        """Put the new list in the place of the old one, whole or not at all."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".imported-", dir=self._file.parent)
            part = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(_Written(references)))
                    file.flush()
                    os.fsync(descriptor)
                part.replace(self._file)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self._file} can't be written: {error.strerror}", hint="make room, and the folder writable"
            ) from error
