"""What a model of PyTorch's kind is: a folder with config.json and safetensors files, for transformers.

Nothing in it is run, and weights of other kinds (pickle, TensorFlow, Flax) are never opened.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from fireside.errors import ModelDamaged, ModelNotFound
from fireside.messages import Defaults
from fireside.models.configuration import Configuration
from fireside.models.facts import RECOMMENDED, Facts, recommended
from fireside.models.foreign import Damaged, Table, read_table, real, shown
from fireside.models.front_matter import read_front_matter
from fireside.models.safetensors import BITS, Shard, read_shard
from fireside.models.tuning import knows_tools, offers_reasoning, tuned_for

CONFIG, INDEX, ONLY = "config.json", "model.safetensors.index.json", "model.safetensors"
MAX_JSON_BYTES = 8 << 20
MAX_INDEX_BYTES = 32 << 20
MAX_TEMPLATE_BYTES = 1 << 20
MAX_FILES = 10_000
MAX_SHARDS = 1_000
REMEMBERED = 256
SNAPSHOT_OF = "models--"
"""how the folders of repositories begin in the hub's cache, whose snapshots are links to files beside them"""
BELONGING = (".json", ".jinja", ".safetensors", ".model", ".txt", ".py", ".md")
"""endings of the files that make a model what it is"""
PACKED = ("gptq", "awq", "bitsandbytes", "aqlm", "hqq", "quanto", "compressed-tensors")
"""ways to quantise that keep several weights in one number, so that nobody can count them"""

Entry = tuple[str, int, int]
"""a file's name, its bytes, and when it was changed, in ns"""


def folder_facts(path: Path) -> Facts:
    """Return what the model in the folder at `path` says about itself, remembered while it stays the same.

    ModelNotFound where no model can be read, ModelDamaged for what is no sound, whole model.
    """
    entries = _entries(path)
    _check_kind(path, {name for name, _, _ in entries})
    return _remembered(path, entries)


@functools.lru_cache(maxsize=REMEMBERED)
def _remembered(path: Path, entries: tuple[Entry, ...]) -> Facts:
    try:
        return _read(path, entries)
    except Damaged as damage:
        raise ModelDamaged(
            f"{path} can't be used as a model: {damage}", hint=damage.hint or "download the model again"
        ) from damage


def _entries(path: Path) -> tuple[Entry, ...]:
    """Return the files that belong to the model; a link that leads out of its place is refused."""
    home = _home(path)
    entries = []
    with os.scandir(path) as found:
        for number, entry in enumerate(found):
            if number >= MAX_FILES:
                raise ModelNotFound(f"{path} has more than {MAX_FILES:,} files", hint="name a model's folder")
            if not entry.name.endswith(BELONGING):
                continue
            if entry.is_symlink() and not real(Path(entry.path)).is_relative_to(home):
                raise ModelDamaged(
                    f"{path}: {entry.name} leads out of the folder", hint="put the file itself in its place"
                )
            status = entry.stat()
            entries.append((entry.name, status.st_size, status.st_mtime_ns))
    return tuple(sorted(entries))


def _home(path: Path) -> Path:
    """Return the folder that links may stay in: the model's own, or the whole of the hub's cache."""
    place = real(path)
    repository = place.parent.parent
    is_snapshot = place.parent.name == "snapshots" and repository.name.startswith(SNAPSHOT_OF)
    return repository.parent if is_snapshot else place


def _check_kind(path: Path, names: set[str]) -> None:
    """Say plainly what a folder is that isn't a model in safetensors."""
    weights = {name for name in names if name.endswith(".safetensors")}
    if CONFIG in names and weights:
        return
    # Only the names in it are looked at: weights of these kinds can run code when they are opened.
    others = sorted(entry.name for entry in path.iterdir())
    if ggufs := [name for name in others if name.endswith(".gguf")]:
        raise ModelNotFound(f"{path} is a folder", hint=f"name one of its files: {path / ggufs[0]}")
    if CONFIG not in names:
        raise ModelNotFound(
            f"{path} is a folder and holds no model: it has no {CONFIG}", hint=_instead(names)
        )
    kinds = (
        ("PyTorch (pickle)", (".bin", ".pt", ".pth", ".ckpt")),
        ("TensorFlow", (".h5", ".tflite")),
        ("Flax", (".msgpack",)),
        ("ONNX", (".onnx",)),
    )
    for kind, endings in kinds:
        if any(name.endswith(endings) for name in others):
            raise ModelDamaged(
                f"{path} has its weights only for {kind}, which are never opened here",
                hint="look for the model in safetensors or GGUF; its makers or others often offer both",
            )
    raise ModelNotFound(f"{path} has no weights", hint="download the whole model: its .safetensors files too")


def _instead(names: set[str]) -> str:
    if "adapter_config.json" in names:
        return "this is an adapter (LoRA), and needs the model that it was made for"
    if "model_index.json" in names:
        return "this model makes pictures; Fireside runs models that write"
    return "name a .gguf file, or a folder with config.json and .safetensors files"


def _read(path: Path, entries: tuple[Entry, ...]) -> Facts:
    names = {name for name, _, _ in entries}

    def table(name: str) -> Table:
        return read_table(path / name, MAX_JSON_BYTES) if name in names else Table({})

    tokenizer, about = table("tokenizer_config.json"), read_front_matter(path / "README.md")
    configuration = Configuration(table(CONFIG))
    template = _template(path, names, tokenizer)
    files = _weight_files(path, names)
    shards = _shards(path, files)
    pooling = configuration.pooling(_sentence_pooling(path))
    architecture = shown(configuration.family or next(iter(configuration.classes), None))
    if architecture is None:
        raise Damaged(f"{CONFIG} doesn't name its architecture")
    hints = (_name(path), *about.get("tags", ()))
    tuned = tuned_for(hints, architecture, has_template=bool(template))
    return Facts(
        name=_name(path),
        size_bytes=sum(size for name, size, _ in entries if name in files),
        identity=_identity(path, entries),
        dimensions=configuration.dimensions(),
        architecture=architecture,
        engine="transformers",
        weights="safetensors",
        parameters=_parameters(shards, configuration.quantization),
        quantization=shown(configuration.quantization) or _main_type(shards),
        context_length=configuration.context_length(tokenizer),
        has_template=bool(template),
        reasons=offers_reasoning(template),
        takes_tools=knows_tools(template),
        tuned_for=tuned if pooling is None else None,
        tokenizer=shown(tokenizer.text("tokenizer_class")),
        sees=configuration.sees,
        pooling=pooling,
        embedding_length=configuration.dimensions().width or None,
        licence=_licence(about),
        terms=shown(next(iter(about.get("license_link", ())), None)),
        languages=tuple(filter(None, map(shown, about.get("language", ())))),
        needs_trust=configuration.brings_code(tokenizer),
        defaults=_defaults(table("generation_config.json")),
    )


def _name(path: Path) -> str | None:
    """Return the folder's name; a snapshot in the hub's cache is called by its repository's."""
    repository = path.parent.parent.name
    if path.parent.name == "snapshots" and repository.startswith(SNAPSHOT_OF):
        return shown(repository.removeprefix(SNAPSHOT_OF).rpartition("--")[2])
    return shown(path.name)


def _template(path: Path, names: set[str], tokenizer: Table) -> bytes:
    """Return the chat template, from the newest place for it to the oldest; empty where there is none."""
    if "chat_template.jinja" in names:
        file = path / "chat_template.jinja"
        if not file.is_file() or file.stat().st_size > MAX_TEMPLATE_BYTES:
            raise Damaged("chat_template.jinja is no chat template")
        return file.read_bytes().strip()
    if "chat_template.json" in names:
        told = read_table(path / "chat_template.json", MAX_JSON_BYTES).text("chat_template")
        return _encoded(told)
    listed = tokenizer.values.get("chat_template")
    if isinstance(listed, list):  # several, each with a name
        templates = {
            Table(item).text("name"): Table(item).text("template")
            for item in listed
            if isinstance(item, dict)
        }
        return _encoded(templates.get("default"))
    return _encoded(tokenizer.text("chat_template"))


def _encoded(text: str | None) -> bytes:
    return (text or "").strip().encode("utf-8", "replace")


def _weight_files(path: Path, names: set[str]) -> frozenset[str]:
    """Return the files that transformers would load: those of the index, or the only one."""
    if ONLY in names:
        return frozenset((ONLY,))
    if INDEX not in names:
        raise Damaged(f"it has neither {ONLY} nor {INDEX}", hint="download all files of the model")
    placed = read_table(path / INDEX, MAX_INDEX_BYTES).table("weight_map").values
    files = {file for file in placed.values() if isinstance(file, str)}
    if not 0 < len(files) <= MAX_SHARDS:
        raise Damaged(f"{INDEX} names {len(files):,} files")
    if missing := sorted(files - names):
        raise Damaged(
            f"{shown(missing[0])} is missing, one of {len(files)} files that {INDEX} names",
            hint="download the model again; what is here is used",
        )
    return frozenset(files)


def _shards(path: Path, files: Iterable[str]) -> list[Shard]:
    shards = [read_shard(path / file) for file in sorted(files)]
    total = sum(len(shard.names) for shard in shards)
    if len(frozenset[str]().union(*(shard.names for shard in shards))) != total:
        raise Damaged("two of its files carry the same tensor")
    if any(shard.written_for == "mlx" for shard in shards):
        raise Damaged("it is written for MLX, which runs on Apple's processors only", hint="get it as GGUF")
    return shards


def _parameters(shards: Iterable[Shard], quantization: str | None) -> int | None:
    """Return the number of weights, where each is a number of its own."""
    if quantization and quantization.startswith(PACKED):
        return None
    return sum(count for shard in shards for kind, count in shard.elements.items() if _is_weight(kind))


def _is_weight(kind: str) -> bool:
    return kind.startswith(("F", "BF"))


def _main_type(shards: Iterable[Shard]) -> str | None:
    """Return the type of most weights, by bytes."""
    room: dict[str, int] = {}
    for shard in shards:
        for kind, count in shard.elements.items():
            room[kind] = room.get(kind, 0) + count * BITS[kind]
    return max(room, key=room.__getitem__, default=None)


def _sentence_pooling(path: Path) -> Table:
    """Return how sentence-transformers pools it; nothing for a model that isn't one of theirs."""
    file = path / "1_Pooling" / CONFIG
    if not file.is_file() or not real(file).is_relative_to(_home(path)):
        return Table({})
    return read_table(file, MAX_JSON_BYTES)


def _licence(about: dict[str, tuple[str, ...]]) -> str | None:
    told = next(iter(about.get("license", ())), None)
    named = next(iter(about.get("license_name", ())), None)
    return shown(named or told) if told in (None, "other") else shown(told)


def _defaults(generation: Table) -> Defaults:
    if generation.flag("do_sample") is False:
        return Defaults()
    told = {name: generation.number(name) for name in RECOMMENDED}
    return Defaults(sampling=recommended({name: value for name, value in told.items() if value is not None}))


def _identity(path: Path, entries: tuple[Entry, ...]) -> str:
    """Return what changes with the files, without reading gigabytes of weights."""
    content = hashlib.sha256((path / CONFIG).read_bytes())
    content.update(repr(entries).encode("utf-8", "backslashreplace"))
    return content.hexdigest()
