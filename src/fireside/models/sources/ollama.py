"""The source `ollama:`: Ollama's models, whose manifests name files by their hashes.

Layout: `manifests-v2` or `manifests`/HOST/NAMESPACE/MODEL/TAG, JSON in Docker's form, and `blobs/sha256-…`
(manifest/manifest.go and manifest/paths.go of ollama/ollama).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fireside.messages import Defaults
from fireside.models.facts import RECOMMENDED, recommended
from fireside.models.foreign import Damaged, Table, read_table, real, shown
from fireside.models.other_programs import Kept, OtherProgram, is_inside
from fireside.models.stored_names import ollama_name, ollama_parts

SYSTEM_WIDE = (Path("/usr/share/ollama/.ollama/models"),)
"""where its service on Linux keeps them (docs/faq.mdx of ollama/ollama)"""
MANIFESTS = ("manifests-v2", "manifests")
LIST = "application/vnd.ollama.manifest.list.v2+json"
LAYER = "application/vnd.ollama.image."
RUNNERS = ("ollama", "llamacpp", "")
"""for whom a manifest of several may be; the others are in MLX's form"""
MAX_MANIFEST_BYTES = 1 << 20
MAX_TEXT_BYTES = 64 << 10
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
LICENCES = (
    (("apache license", "version 2.0"), "Apache-2.0"),
    (("mit license",), "MIT"),
    (("permission is hereby granted, free of charge",), "MIT"),
    (("gemma terms of use",), "Gemma Terms of Use"),
)
"""what tells well-known licences by their text"""


class Ollama(OtherProgram):
    source = "ollama"
    program = "Ollama"

    def roots(self) -> tuple[Path, ...]:
        if named := self.places.named("OLLAMA_MODELS"):
            return (named,)
        own = self.places.home / ".ollama" / "models"
        return (own, *SYSTEM_WIDE) if self.places.is_linux else (own,)

    def kept_in(self, root: Path) -> Iterator[Kept]:
        seen = set()
        for manifests in (root / name for name in MANIFESTS):
            for file in sorted(manifests.glob("*/*/*/*")):
                host, namespace, model, tag = file.relative_to(manifests).parts
                name = ollama_name(host, namespace, model, tag)
                if name not in seen and not file.is_dir():
                    seen.add(name)
                    yield _kept(root, file, name)

    def kept_at(self, root: Path, name: str) -> Kept | None:
        files = (root.joinpath(kind, *ollama_parts(name)) for kind in MANIFESTS)
        return next((_kept(root, file, name) for file in files if file.exists()), None)

    def removal(self, name: str) -> str:
        return f"delete it in Ollama: ollama rm {name}"


def _kept(root: Path, file: Path, name: str) -> Kept:
    try:
        return _Manifest(root, file, name).kept()
    except Damaged as damage:
        return Kept(name, file, title=name, problem=str(damage), hint=damage.hint or f"ollama pull {name}")


class _Manifest:
    """What a manifest says of one model; Damaged for what can't be used."""

    def __init__(self, root: Path, file: Path, name: str) -> None:
        self._root = root
        self._home = real(root)
        self._name = name
        if not is_inside(file, self._home):
            raise Damaged("its manifest is a link that leads out of Ollama's folder")
        told = read_table(file, MAX_MANIFEST_BYTES)
        if told.text("mediaType") == LIST:
            told = self._chosen(told)
        self._layers = _tables(told.values.get("layers"))

    def _chosen(self, listed: Table) -> Table:
        """Return the manifest for llama.cpp of a list of several, which may lie in a file of its own."""
        for one in _tables(listed.values.get("manifests")):
            if (one.text("runner") or "").lower() in RUNNERS:
                return read_table(self._blob(one), MAX_MANIFEST_BYTES) if one.text("digest") else one
        raise Damaged("it is there only for MLX, which runs on Apple's processors only")

    def kept(self) -> Kept:
        layers = self._of("model")
        if not layers:
            raise self._without_weights()
        blob = self._blob(layers[0])
        size = layers[0].whole("size")
        if size is not None and blob.stat().st_size != size:
            raise Damaged(f"its weights have {blob.stat().st_size:,} bytes instead of {size:,}")
        licence = self._text("license")
        return Kept(
            name=self._name,
            path=blob,
            title=self._name,
            sha256=blob.name.removeprefix("sha256-"),
            revision=blob.name.replace("-", ":"),
            licence=_licence_name(licence),
            terms=_terms(licence),
            defaults=self._defaults(),
            left_out=tuple(part for part in ("adapter", "projector") if self._of(part)),
        )

    def _without_weights(self) -> Damaged:
        if self._of("tensor"):
            return Damaged("it is in pieces that only Ollama reads", hint="get the same model as GGUF")
        return Damaged("nothing of it is here: it runs in Ollama's cloud", hint="choose one that is here")

    def _defaults(self) -> Defaults:
        """Return what its PARAMETER and SYSTEM lines say; its template is in Ollama's own language."""
        layers = self._of("params")
        told = read_table(self._blob(layers[0]), MAX_TEXT_BYTES) if layers else Table({})
        numbers = {name: told.number(name) for name in RECOMMENDED}
        return Defaults(
            system=self._text("system") or None,
            sampling=recommended({name: number for name, number in numbers.items() if number is not None}),
        )

    def _of(self, kind: str) -> list[Table]:
        return [layer for layer in self._layers if (layer.text("mediaType") or "").startswith(LAYER + kind)]

    def _text(self, kind: str) -> str:
        """Return the beginning of a layer that is a text; nothing where there is none."""
        layers = self._of(kind)
        if not layers:
            return ""
        with self._blob(layers[0]).open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode("utf-8", "replace")

    def _blob(self, layer: Table) -> Path:
        """Return the file that holds a layer. Its name is a hash and nothing else."""
        digest = _DIGEST.fullmatch(layer.text("digest") or "")
        if digest is None:
            raise Damaged("its manifest names a file that is none of Ollama's")
        blob = self._root / "blobs" / f"sha256-{digest[1]}"
        if not is_inside(blob, self._home):
            raise Damaged("one of its files is a link that leads out of Ollama's folder")
        if not blob.is_file():
            raise Damaged(f"{blob.name[:19]}… is missing, one of its files")
        return blob


def _tables(value: Any) -> list[Table]:
    return [Table(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _licence_name(text: str) -> str | None:
    """Return what a licence is called, by its text; its first line where it isn't well known.

    >>> _licence_name("  Apache License\\n Version 2.0, January 2004"), _licence_name("ACME LICENSE\\nYou")
    ('Apache-2.0', 'ACME LICENSE')
    """
    beginning = " ".join(text[:2_000].lower().split())
    for words, name in LICENCES:
        if all(word in beginning for word in words):
            return name
    return shown(next((line for line in text.splitlines() if line.strip()), None), 80)


def _terms(text: str) -> str | None:
    """Return the first words of a licence that isn't one of those that everybody knows."""
    known = {name for _words, name in LICENCES[:3]}
    return None if _licence_name(text) in known else shown(text, 400)
