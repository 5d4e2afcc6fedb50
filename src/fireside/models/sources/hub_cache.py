"""The source `hf-cache:`: what other programs have fetched from the Hugging Face hub into its cache.

Layout: `models--OWNER--NAME/snapshots/COMMIT/…`, links to files named by their hashes, and `refs/main`
with the commit that is current (huggingface_hub's guide "Understand caching", and its constants.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fireside.models.folder import SNAPSHOT_OF
from fireside.models.foreign import real
from fireside.models.other_programs import Kept, OtherProgram, is_inside, weights_under
from fireside.models.stored_names import hub_parts

MAX_COMMIT_BYTES = 64
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubCache(OtherProgram):
    source = "hf-cache"
    program = "Hugging Face cache"

    def roots(self) -> tuple[Path, ...]:
        named = self.places.named("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
        home = self.places.named("HF_HOME") or self.places.cache / "huggingface"
        return (named or home / "hub",)

    def kept_in(self, root: Path) -> Iterator[Kept]:
        for repository in sorted(root.glob(f"{SNAPSHOT_OF}*")):
            name = repository.name.removeprefix(SNAPSHOT_OF).replace("--", "/")
            yield from self._in_repository(root, repository, name)

    def kept_at(self, root: Path, name: str) -> Kept | None:
        repository, _file = hub_parts(name)
        folder = root / (SNAPSHOT_OF + repository.replace("/", "--"))
        every = self._in_repository(root, folder, repository)
        return next((kept for kept in every if kept.name == name), None)

    def _in_repository(self, root: Path, repository: Path, name: str) -> Iterator[Kept]:
        """Return the models in the current snapshot of a repository: itself, or each of its .gguf files."""
        snapshot = _current(repository)
        home = real(root)
        if snapshot is None or not is_inside(snapshot, home):
            return
        if (snapshot / "config.json").exists() and not any(snapshot.glob("*.gguf")):
            yield Kept(name, snapshot, title=name, revision=snapshot.name)
            return
        for kept in weights_under(snapshot, self.program, home):
            blob = real(kept.path).name
            yield msgspec.structs.replace(
                kept,
                name=f"{name}:{kept.name}",
                revision=snapshot.name,
                sha256=blob if _SHA256.fullmatch(blob) else None,
            )

    def removal(self, name: str) -> str:
        return f"delete it with the hub's own command: hf cache rm model/{hub_parts(name)[0]}"


def _current(repository: Path) -> Path | None:
    """Return the snapshot that `main` means, or the newest one."""
    snapshots = repository / "snapshots"
    main = repository / "refs" / "main"
    if main.is_file():
        with main.open("rb") as file:
            commit = file.read(MAX_COMMIT_BYTES).decode("utf-8", "replace").strip()
        if _COMMIT.fullmatch(commit) and (snapshots / commit).is_dir():
            return snapshots / commit
    every = [folder for folder in snapshots.glob("*") if folder.is_dir()]
    return max(every, key=lambda folder: folder.stat().st_mtime_ns, default=None)
