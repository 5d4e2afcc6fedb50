"""What the listings show: model cards, personas, the server's status. Shapes of the API."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fireside.conversions import Conversion
from fireside.messages import Defaults, Place, Value

Pooling = Literal["mean", "cls", "last", "rank"]
"""how a model makes one vector of a whole text: the mean of its tokens', the first or last token's, or a
single number that ranks it; a model that writes does none of it"""
Purpose = Literal["chat", "embedding", "ranking"]
EngineName = Literal["llamacpp", "transformers", "remote"]
WeightsFormat = Literal["gguf", "safetensors"]
"""how weights are written, so which library a model needs: llama.cpp, or PyTorch with transformers"""
TunedFor = Literal["instruct", "base"]
"""what a model was trained for: to follow instructions in a dialogue, or to go on with a text"""


class ModelCard(msgspec.Struct, frozen=True):
    """What is known about a model before it is loaded. None where nobody says."""

    reference: str
    name: str
    origin: str
    licence: str | None
    size_bytes: int
    installed: bool
    path: str | None = None
    sha256: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    quantization: str | None = None
    context_length: int | None = None
    has_template: bool | None = None
    pooling: Pooling | None = None
    """None for a model that writes"""
    purpose: Purpose = "chat"
    embedding_length: int | None = None
    """numbers in one embedding; for embedding models only"""
    reasons: bool | None = None
    """whether one can choose that it thinks before it answers"""
    place: Place = "here"
    engine: EngineName = "llamacpp"
    weights: WeightsFormat | None = "gguf"
    """None for one that another server has"""
    tuned_for: TunedFor | None = None
    tokenizer: str | None = None
    sees: bool | None = None
    """whether pictures reach it"""
    takes_tools: bool | None = None
    """whether its template knows calls of functions"""
    revision: str | None = None
    """of the repository that it was fetched from"""
    terms: str | None = None
    """what its licence asks or forbids, in plain words, or where its terms are; shown before its first use"""
    needs_trust: bool = False
    """whether code that its folder brings would have to run, and nobody has allowed that yet"""
    problem: str | None = None
    """why it can't be used just now: its file is damaged or gone, or its server can't be reached"""
    languages: tuple[str, ...] = ()
    alias_of: str | None = None
    """the model that this is another name of, or that it was made of"""
    adapters: tuple[str, ...] = ()
    """LoRA adapters that are added to its weights"""
    loaded_as: str | None = None
    """the reference under which an engine has it, where that isn't its own"""
    loaded: bool = False
    unloads_in_s: float | None = None
    """seconds until it is unloaded if nobody uses it from now on"""
    is_default: bool = False
    defaults: Defaults = Defaults()
    """what its makers recommend; everybody else's wishes go before it"""
    conversion: Conversion | None = None
    """how it was made here of another model"""


class FoundModel(msgspec.Struct, frozen=True):
    """A model that another program keeps on this machine."""

    reference: str
    name: str
    program: str
    """whose it is: Ollama, LM Studio, …"""
    path: str
    size_bytes: int | None = None
    reason: str | None = None
    """why it can't be used; None where it can"""
    hint: str | None = None
    """what to do about that"""
    imported: bool = False
    """whether it is listed with the models that are here"""
    also: tuple[str, ...] = ()
    """references to the same file in other programs' places"""
    card: ModelCard | None = None


class FoundModels(msgspec.Struct, frozen=True):
    """What other programs keep here, and what of it couldn't be looked at."""

    models: tuple[FoundModel, ...]
    notices: tuple[str, ...] = ()


def purpose_of(pooling: Pooling | None) -> Purpose:
    """Return what a model is for: to write, to make embeddings, or to rank what a search found.

    >>> purpose_of(None), purpose_of("cls"), purpose_of("rank")
    ('chat', 'embedding', 'ranking')
    """
    if pooling is None:
        return "chat"
    return "ranking" if pooling == "rank" else "embedding"


class CodeFile(msgspec.Struct, frozen=True):
    """One file of the code that a model brings."""

    name: str
    size_bytes: int
    sha256: str
    text: str


class ModelCode(msgspec.Struct, frozen=True):
    """The code that a model's folder brings. `digest` is of exactly these files; `trusted`: they may run."""

    reference: str
    digest: str
    trusted: bool
    named: dict[str, str] = {}
    """what of it would be run, by what it is for (transformers' `auto_map`)"""
    files: tuple[CodeFile, ...] = ()


PersonaName = Annotated[str, Meta(pattern=r"^[\w][\w .-]{0,59}$")]
PERSONA_NAME = re.compile(r"[\w][\w .-]{0,59}")


class Persona(Value, frozen=True):
    """A role for the model: a name, a description (the system text) and defaults."""

    name: PersonaName
    description: str
    first_message: str | None = None
    defaults: Defaults = Defaults()
    source: str | None = None
    """The TOML text it was read from; None for one that comes with the program."""


Scope = Literal["chat", "models", "admin"]
SCOPES: tuple[Scope, ...] = ("chat", "models", "admin")
KeyName = PersonaName


class Key(msgspec.Struct, frozen=True):
    """What is shown of a key: never the key itself. `admin` holds the other scopes too."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: int
    last_used_at: int | None = None


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made. `secret` is what a program sends; nobody can show it a second time."""

    secret: str
    key: Key


class Pairing(msgspec.Struct, frozen=True):
    """A code that is good once for a session of `key`. `address` opens the page with it.

    It stands behind the `#`, which a browser keeps to itself.
    """

    code: str
    key: str
    address: str
    expires_in_s: float


class Session(msgspec.Struct, frozen=True):
    """A device on which a key was entered. `current` is the one that asks."""

    id: str
    key_id: str
    device: str
    created_at: int
    expires_at: int
    last_used_at: int
    current: bool = False


ThreadReason = Literal["settings", "tuned", "slow_cores", "quota", "busy", "engines", "battery"]


class EngineStatus(msgspec.Struct, frozen=True):
    """A loaded model. `resident_bytes` is None where the system doesn't tell.

    `users` have a place there, `queued` wait for one; `expected_wait_s` is how long the next to come
    would wait: 0 where a place is free, None while nothing was measured.
    """

    model: str
    engine: str
    device: str
    context_length: int
    slots: int
    users: int
    load_ms: float
    resident_bytes: int | None
    pid: int | None
    notices: tuple[str, ...] = ()
    queued: int = 0
    expected_wait_s: float | None = None
    unloads_in_s: float | None = None
    """seconds until it is unloaded if nobody uses it from now on"""
    place: Place = "here"
    build: str = ""
    """which build of the engine it is"""
    threads: int | None = None
    """that write replies; None where that isn't told"""
    prompt_threads: int | None = None
    """that read prompts"""
    tuned: bool = False
    """whether it was started as a profile says"""
    threads_because: tuple[ThreadReason, ...] = ()
    """why they aren't simply one for each core, and one less for replies"""


class ServerStatus(msgspec.Struct, frozen=True):
    version: str
    pid: int
    address: str
    """where the commands of this machine reach it"""
    started_by: str
    uptime_s: float
    home: str
    database: str
    """a path, as `home` is; empty for who may only chat"""
    database_bytes: int
    resident_bytes: int | None
    default_model: str
    engines: tuple[EngineStatus, ...]
    conversations: int
    trash: int
    messages: int
    running_replies: int
    open_at: tuple[str, ...] = ()
    """where other devices reach it"""
    queued: int = 0
    """requests that wait for any engine, a loaded one or not"""
    default_alias_of: str | None = None
    """the model that the default one is another name of"""


class ImportSummary(msgspec.Struct, frozen=True):
    """What an import did. `already_there` were imported before and are left as they are."""

    conversations: int
    messages: int
    already_there: int
    skipped: tuple[str, ...] = ()
    """one line for each conversation that could not be read, and why"""
