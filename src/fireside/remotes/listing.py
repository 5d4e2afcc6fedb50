"""What a server elsewhere says of its models: `GET /v1/models`, with what each kind of server adds to it.

vLLM and SGLang tell `max_model_len` (as Fireside does), llama.cpp's server `meta.n_ctx`, which is what one
of its slots holds; Fireside tells the `purpose`. Who it is stands in `owned_by`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fireside.cards import Purpose
from fireside.errors import EngineError
from fireside.settings import RemoteSettings

MOST_MODELS = 1000
LONGEST_NAME = 300
Server = Literal["vllm", "sglang", "llamacpp", "fireside", "other"]
_OWNERS: dict[str, Server] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llamacpp",
    "fireside": "fireside",
}


class RemoteModel(msgspec.Struct, frozen=True):
    """A model of a server elsewhere; `name` is what that server calls it."""

    name: str
    server: Server = "other"
    context_length: int | None = None
    purpose: Purpose = "chat"


class _Meta(msgspec.Struct):
    n_ctx: Any = None


class _Model(msgspec.Struct):
    id: str
    owned_by: Any = None
    max_model_len: Any = None
    purpose: Any = None
    place: Any = None
    meta: _Meta | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


def models_in(name: str, remote: RemoteSettings, body: bytes) -> tuple[RemoteModel, ...]:
    """Return the models of a listing that may be used; EngineError for what is no listing.

    >>> body = b'{"data": [{"id": "a", "owned_by": "vllm", "max_model_len": 4096}, {"id": "b"}]}'
    >>> models_in("office", RemoteSettings(url="http://x", models=("a",)), body)
    (RemoteModel(name='a', server='vllm', context_length=4096, purpose='chat'),)
    """
    try:
        listed = msgspec.json.decode(body, type=_Models).data[:MOST_MODELS]
    except (msgspec.DecodeError, RecursionError) as error:
        raise EngineError(
            f"{name} doesn't list its models in OpenAI's way",
            hint=f"check `url` of [remotes.{name}] in the settings: it mostly ends in /v1",
        ) from error
    # What another Fireside has elsewhere again isn't asked by way of it: that might lead back here.
    usable = [model for model in listed if is_name(model.id) and model.place != "elsewhere"]
    return tuple(_told(model, remote) for model in usable if not remote.models or model.id in remote.models)


def is_name(text: str) -> bool:
    return bool(text.strip()) and text == text.strip() and len(text) <= LONGEST_NAME and text.isprintable()


def _told(model: _Model, remote: RemoteSettings) -> RemoteModel:
    tokens = model.max_model_len if model.max_model_len is not None else model.meta and model.meta.n_ctx
    known = unlisted(model.id, remote)
    return msgspec.structs.replace(
        known,
        server=_OWNERS.get(model.owned_by, "other") if isinstance(model.owned_by, str) else "other",
        context_length=tokens if type(tokens) is int and tokens > 0 else None,
        purpose=model.purpose if model.purpose in ("embedding", "ranking") else known.purpose,
    )


def unlisted(name: str, remote: RemoteSettings) -> RemoteModel:
    """Return what the settings alone say of a model."""
    return RemoteModel(name, purpose="embedding" if name in remote.embedding_models else "chat")
