"""Which models that lie elsewhere are listed with those that were fetched: references in one small file."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import msgspec

from fireside.errors import StoreError
from fireside.written import read_whole, write_whole

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
            return read_whole(self._file, _Written).references
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
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, msgspec.json.encode(_Written(references)))
        except OSError as error:
            raise StoreError(
                f"{self._file} can't be written: {error.strerror}", hint="make room, and the folder writable"
            ) from error
