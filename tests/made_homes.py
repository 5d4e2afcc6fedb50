"""Makes homes in which other programs keep models, laid out as those programs lay them out.

Each function writes one model (`weights`, a file that is linked in) and returns its reference.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

LICENCE = (
    "                                 Apache License\n                           Version 2.0, January 2004\n"
)
TEMPLATE = (
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
LAYER = "application/vnd.ollama.image."
COMMIT = "12fd25f77366fa6b3b4b768ec3050bf629380bac"


def placed(weights: Path, at: Path) -> Path:
    """Put the weights there without using room for them, where the disk can."""
    at.parent.mkdir(parents=True, exist_ok=True)
    if not at.exists():
        try:
            os.link(weights.resolve(), at)
        except OSError:
            shutil.copyfile(weights, at)
    return at


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ollama_layer(models: Path, kind: str, data: bytes) -> dict[str, Any]:
    """Write a layer of a few bytes and return what a manifest says of it."""
    name = hashlib.sha256(data).hexdigest()
    blob = models / "blobs" / f"sha256-{name}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    return {"mediaType": LAYER + kind, "digest": f"sha256:{name}", "size": len(data)}


def ollama_manifest(models: Path, name: str, layers: list[dict[str, Any]], **more: Any) -> Path:
    """Write a manifest: `name` is HOST/NAMESPACE/MODEL/TAG, or MODEL/TAG of Ollama's own library."""
    parts = name.split("/")
    where = ["registry.ollama.ai", "library", *parts] if len(parts) == 2 else parts
    config = ollama_layer(models, "config", b'{"model_format":"gguf","model_family":"llama"}')
    config["mediaType"] = "application/vnd.docker.container.image.v1+json"
    path = models.joinpath("manifests", *where)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    written = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}
    path.write_text(json.dumps(written | more))
    return path


def ollama(home: Path, weights: Path, *, name: str = "smollm2/135m", licence: str = LICENCE) -> str:
    models = home / ".ollama" / "models"
    blob = placed(weights, models / "blobs" / f"sha256-{digest(weights)}")
    weights_layer = {
        "mediaType": LAYER + "model",
        "digest": blob.name.replace("-", ":"),
        "size": blob.stat().st_size,
    }
    texts = {
        "template": TEMPLATE,
        "license": licence,
        "params": '{"stop":["<|im_start|>"],"temperature":0.2}',
        "system": "You are a helpful AI assistant.",
    }
    layers = [ollama_layer(models, kind, text.encode()) for kind, text in texts.items()]
    ollama_manifest(models, name, [weights_layer, *layers])
    return f"ollama:{name.replace('/', ':')}"


def lm_studio(home: Path, weights: Path) -> str:
    place = "lmstudio-community/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct-Q4_1.gguf"
    placed(weights, home / ".lmstudio" / "models" / place)
    return f"lmstudio:{place}"


def jan(home: Path, weights: Path) -> str:
    name = "HuggingFaceTB/SmolLM2-135M-Instruct-Q4_1"
    data = home / ".local" / "share" / "Jan" / "data"
    (data.parent).mkdir(parents=True)
    (data.parent / "settings.json").write_text(json.dumps({"data_folder": str(data)}))
    placed(weights, data / "llamacpp" / "models" / name / "model.gguf")
    description = (
        f"embedding: false\nmodel_path: llamacpp/models/{name}/model.gguf\nname: {name}\n"
        f"size_bytes: {weights.stat().st_size}\n"
    )
    (data / "llamacpp" / "models" / name / "model.yml").write_text(description)
    return f"jan:{name}"


def gpt4all(home: Path, weights: Path) -> str:
    placed(weights, home / ".local/share/nomic.ai/GPT4All/SmolLM2-135M-Instruct.Q4_1.gguf")
    return "gpt4all:SmolLM2-135M-Instruct.Q4_1.gguf"


def hub_cache(home: Path, weights: Path) -> str:
    repository = home / ".cache/huggingface/hub/models--bartowski--SmolLM2-135M-Instruct-GGUF"
    blob = placed(weights, repository / "blobs" / digest(weights))
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "SmolLM2-135M-Instruct-Q4_1.gguf").symlink_to(Path("../../blobs", blob.name))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return "hf-cache:bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q4_1.gguf"


PROGRAMS: dict[str, Callable[[Path, Path], str]] = {
    "ollama": ollama,
    "lmstudio": lm_studio,
    "jan": jan,
    "gpt4all": gpt4all,
    "hf-cache": hub_cache,
}


def looks_like(folder: Path) -> list[tuple[Any, ...]]:
    """Return all that may not change in a tree: names, kinds, sizes, times, contents (their beginnings)."""
    seen: list[tuple[Any, ...]] = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            content = file.read(1 << 20)
        told = (status.st_mode, status.st_size if path.is_file() else 0, status.st_mtime_ns)
        seen.append((str(path.relative_to(folder)), *told, hashlib.sha256(content).hexdigest()))
    return seen
