"""Conversations of other programs, and of other Firesides, on their way in.

What a file holds is recognised by its content. Each conversation is one transaction: where a file
breaks, what stood before stays, and importing again adds only the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fireside.cards import ImportSummary
from fireside.errors import BadImport
from fireside.store.archives import Document, Limits, Refused, documents
from fireside.store.import_chatgpt import read_chatgpt
from fireside.store.import_claude import read_claude
from fireside.store.import_elements import Element, decoded, read_elements
from fireside.store.import_fireside import check_version, read_fireside
from fireside.store.imported import ImportedConversation, MayName
from fireside.store.store import Store
from fireside.store.titles import one_line

Progress = Callable[[int, int], None]
_MAX_SKIPPED = 1_000
_OURS = "fireside:"


class _Shape(msgspec.Struct):
    """The fields by which a conversation's program is known, and its names for messages."""

    mapping: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    chat_messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_READERS: dict[str, Callable[[bytes], ImportedConversation]] = {
    "mapping": read_chatgpt,
    "chat_messages": read_claude,
    "messages": read_fireside,
}


def import_file(
    store: Store,
    path: Path,
    *,
    progress: Progress | None = None,
    limits: Limits | None = None,
    called: str | None = None,
    may_name: MayName = lambda reference: True,
) -> ImportSummary:
    """Import the ChatGPT, Claude or Fireside export at `path`: a zip, a folder or a JSON file.

    A file may be `called` otherwise than it is named here, in what is said about it.

    `progress` is told the bytes done and the bytes in all. Raises BadImport, also after some
    conversations were imported: they stay. One that can't be read is skipped, with a line why.
    Models that the person `may_name` not are left out of the defaults.
    """
    limits = limits or Limits()
    with documents(path, limits, called=called) as found:
        reported = _Reported(progress, sum(document.size_bytes for document in found))
        run = _Run(store, limits, reported, may_name)
        broken = [error for document in found if (error := run.take(document))]
    if broken:
        raise _with_counts(broken[0], run.summary())
    if not run.recognised and (found_instead := run.aside or "".join(run.skipped[:1])):
        raise BadImport(
            f"{called or path.name} holds no conversations: {found_instead}",
            hint="Fireside reads exports of ChatGPT, Claude and Fireside itself",
        )
    return run.summary()


class _Reported:
    """Passes blocks on and says how far they have come."""

    def __init__(self, progress: Progress | None, total_bytes: int) -> None:
        self._progress, self._total_bytes, self._done_bytes = progress, total_bytes, 0

    def __call__(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield block
            self._done_bytes += len(block)
            if self._progress:
                # What a zip claims about its members need not be true.
                self._progress(min(self._done_bytes, self._total_bytes), self._total_bytes)


class _Run:
    """The counts of one import."""

    def __init__(self, store: Store, limits: Limits, reported: _Reported, may_name: MayName) -> None:
        self._store, self._limits, self._reported, self._may_name = store, limits, reported, may_name
        self._conversations = self._messages = self._already_there = self._unlisted = 0
        self.recognised = self.unknown = 0
        self.skipped: list[str] = []
        self.aside = ""

    def take(self, document: Document) -> BadImport | None:
        """Import one document; return what ended it early.

        A document that isn't known to hold conversations, and holds none, is left aside.
        """
        recognised, listed = self.recognised, len(self.skipped)
        error = self._take_all(document)
        if document.sure or self.recognised > recognised or isinstance(error, Refused):
            return error
        self.aside = self.aside or (error.message if error else "".join(self.skipped[listed : listed + 1]))
        del self.skipped[listed:]
        return None

    def _take_all(self, document: Document) -> BadImport | None:
        try:
            opening, elements = read_elements(document.name, self._reported(document.blocks()))
            check_version(document.name, opening)
            for element in elements:
                self._take(document.name, element)
        except BadImport as error:
            return error
        return None

    def _take(self, name: str, element: Element) -> None:
        if self.recognised + self.unknown >= self._limits.conversations:
            raise BadImport(
                f"{name} holds more than {self._limits.conversations:,} conversations",
                hint="import it in pieces",
            )
        try:
            conversation = _read(element)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.unknown += 1
            self._skip(f"{name}, conversation {element.number}: {error}")
            return
        self.recognised += 1
        if not conversation.messages and not conversation.origin.startswith(_OURS):
            self._skip(
                f"{name}, conversation {element.number}: {conversation.title!r} has no messages to show"
            )
        elif self._is_ours(conversation) or not self._store.add_imported(
            conversation.without_models(self._may_name)
        ):
            self._already_there += 1
        else:
            self._conversations += 1
            self._messages += len(conversation.messages)

    def _is_ours(self, conversation: ImportedConversation) -> bool:
        """A store that reads its own export has nothing to add."""
        program, _, identity = conversation.origin.partition(":")
        return f"{program}:" == _OURS and self._store.has_conversation(identity)

    def _skip(self, line: str) -> None:
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append(one_line(line))
        else:
            self._unlisted += 1

    def summary(self) -> ImportSummary:
        more = (f"and {self._unlisted:,} more",) if self._unlisted else ()
        return ImportSummary(self._conversations, self._messages, self._already_there, (*self.skipped, *more))


def _read(element: Element) -> ImportedConversation:
    if element.fault:
        raise msgspec.ValidationError(element.fault)
    shape = decoded(element.data, _Shape)
    for field, reader in _READERS.items():
        if getattr(shape, field) is not msgspec.UNSET:
            return reader(element.data)
    raise msgspec.ValidationError("it is not a conversation of ChatGPT, Claude or Fireside")


def _with_counts(error: BadImport, summary: ImportSummary) -> BadImport:
    done = f"{summary.conversations:,} conversations were imported"
    if summary.already_there:
        done += f", {summary.already_there:,} were there already"
    return BadImport(f"{error.message}; {done}", hint=error.hint)
