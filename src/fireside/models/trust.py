"""Which models may run code of their own: what was allowed, bound to exactly the files that were shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

from fireside.cards import CodeFile, ModelCard, ModelCode
from fireside.errors import Conflict, ModelDamaged, NotTrusted, StoreDamaged
from fireside.model_code import Looks, code_in, looks_in, named_in
from fireside.written import read_whole, write_whole

Files = dict[str, str]
"""names and SHA-256"""


class Trust:
    """The answers, in one file that only its owner reads and writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[Looks, Files]] = {}

    def judged(self, card: ModelCard) -> ModelCard:
        """Return the card, which needs no trust any more where exactly its code was allowed.

        Answers that can't be read allow nothing. For listings: code that looks as it did isn't read again.
        """
        if not card.needs_trust or card.path is None:
            return card
        try:
            allowed = self._answers().get(card.reference)
        except StoreDamaged:
            return card
        return msgspec.structs.replace(
            card, needs_trust=allowed is None or self._code_in(card.path) != allowed
        )

    def allowed_code(self, card: ModelCard) -> tuple[tuple[str, str], ...]:
        """Return the code that a model may run; NotTrusted before it was allowed.

        `card` is as the model's source tells it.
        """
        if not card.needs_trust:
            return ()
        allowed = self._answers().get(card.reference)
        if allowed is None or card.path is None or _code_in(card.path) != allowed:
            raise NotTrusted(
                f"{card.reference} brings code of its own, and would have to run it",
                hint=f"look at it and decide: fireside models trust {card.reference}",
                param="model",
            )
        return tuple(allowed.items())

    def code(self, card: ModelCard) -> ModelCode:
        """Return what a model would run, with its text."""
        if not card.needs_trust or card.path is None:
            return ModelCode(card.reference, digest="", trusted=True)
        folder = Path(card.path)
        files = code_in(folder)
        return ModelCode(
            reference=card.reference,
            digest=_digest(files),
            trusted=self._answers().get(card.reference) == files,
            named=named_in(folder),
            files=tuple(_shown(folder, name, sha256) for name, sha256 in files.items()),
        )

    def allow(self, card: ModelCard, digest: str) -> None:
        """Let a model run its code; Conflict where that isn't what `digest` says was looked at."""
        code = self.code(card)
        if not code.files or code.digest != digest:
            raise Conflict(
                f"the code of {card.reference} isn't what was shown" if code.files else "it brings no code",
                hint="look at it again",
            )
        with self._changing() as answers:
            answers[card.reference] = {file.name: file.sha256 for file in code.files}

    def revoke(self, reference: str) -> None:
        """Take an answer back; Conflict where none was given."""
        with self._changing() as answers:
            if answers.pop(reference, None) is None:
                raise Conflict(
                    f"{reference} was never allowed to run code", hint="fireside models trust --list"
                )

    def listed(self) -> tuple[str, ...]:
        """Return the references of all models that were allowed to run their code."""
        return tuple(sorted(self._answers()))

    def _answers(self) -> dict[str, Files]:
        try:
            return read_whole(self._path, dict[str, Files])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise StoreDamaged(
                f"{self._path} can't be read: {error}", hint="move it away, then allow the models again"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Files]]:
        """Give the answers to be changed; no other process changes them meanwhile."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._path.with_suffix(".lock"), mode=0o600):
            answers = self._answers()
            yield answers
            write_whole(self._path, msgspec.json.format(msgspec.json.encode(answers)))

    def _code_in(self, folder: str) -> Files | None:
        """Return the code in a folder, read again only once it looks different."""
        try:
            looks = looks_in(Path(folder))
            known = self._known.get(folder)
            if known is None or known[0] != looks:
                known = self._known[folder] = (looks, code_in(Path(folder)))
        except (ModelDamaged, OSError):
            return None
        return known[1]


def _code_in(folder: str) -> Files | None:
    """Return the code in a folder, read now; None where it can't be told apart."""
    try:
        return code_in(Path(folder))
    except (ModelDamaged, OSError):
        return None


def _shown(folder: Path, name: str, sha256: str) -> CodeFile:
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Conflict(f"{name} changes while it is read", hint="look again")
    return CodeFile(name, len(content), sha256, content.decode("utf-8", "replace"))


def _digest(files: Files) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()
