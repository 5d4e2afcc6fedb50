"""Requests for a server elsewhere: the fields that it knows, by the names that it knows them by."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from fireside.engines.remote_ids import Dialogue, are_ours, dialogue_of
from fireside.errors import BadRequest
from fireside.messages import Sampling
from fireside.remotes.listing import Server

OURS = ("return_progress", "timings_per_token", "cache_prompt", "id_slot")
"""llama.cpp's own, for the engine that runs here"""
RENAMED: dict[Server, dict[str, str | None]] = {
    "vllm": {"repeat_penalty": "repetition_penalty", "repeat_last_n": None, "typical_p": None},
    "sglang": {"repeat_penalty": "repetition_penalty", "repeat_last_n": None, "typical_p": None},
}
"""None: it has nothing like it. Whoever isn't named is sent llama.cpp's names, and may refuse them."""
DISPENSABLE = (
    "stream_options",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "repetition_penalty",
    "repeat_last_n",
    "seed",
    "parallel_tool_calls",
)
"""what a request can do without where a server doesn't know it"""
GOES_ON: tuple[Server, ...] = ("vllm", "sglang", "llamacpp", "fireside")
"""who can go on with an answer that has begun"""
THINKS_AS_TOLD: tuple[Server, ...] = ("vllm", "sglang", "llamacpp")
BEGINNING = 1024
"""characters by which requests are taken to be of the same conversation"""


def conversation_body(remote: str, server: Server, dialogue: Dialogue) -> tuple[str, dict[str, Any]]:
    """Return the path and the body that ask for what follows `dialogue`; BadRequest where it can't go on."""
    if not dialogue.messages:
        return "/completions", {"prompt": dialogue.begun}
    messages = [{"role": role.value, "content": text} for role, text in dialogue.messages]
    body: dict[str, Any] = {"messages": messages}
    if dialogue.begun:
        if server not in GOES_ON:
            raise BadRequest(
                f"{remote} can't go on with an answer that was cut off", hint="ask again with `/regen`"
            )
        messages.append({"role": "assistant", "content": dialogue.begun})
        if server in ("vllm", "sglang"):
            body |= {"continue_final_message": True, "add_generation_prompt": False}
    if dialogue.reasoning is not None and server in THINKS_AS_TOLD:
        body["chat_template_kwargs"] = {"enable_thinking": dialogue.reasoning}
    return "/chat/completions", body


def retold(remote: str, server: Server, path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a request for the local engine's interface as another server takes it.

    A prompt of ids of ours is told as the messages that it says, and a schema in OpenAI's way.
    """
    told = dict(body)
    if are_ours(told.get("prompt")):
        path, own = conversation_body(remote, server, dialogue_of(told.pop("prompt")))
        told |= own
        if path == "/chat/completions" and "logprobs" in told:
            told |= {"logprobs": True, "top_logprobs": told["logprobs"]}
    if told.get("max_tokens", 0) < 0:
        del told["max_tokens"]
    if "json_schema" in told:
        named = {"name": "answer", "schema": told.pop("json_schema")}
        told["response_format"] = {"type": "json_schema", "json_schema": named}
    return path, told


def sampled(sampling: Sampling) -> dict[str, Any]:
    """Return what `sampling` names; stop strings and limits are the caller's business."""
    named = {name: value for name, value in msgspec.structs.asdict(sampling).items() if value is not None}
    return {name: value for name, value in named.items() if name not in ("stop", "max_tokens")}


def fitted(body: dict[str, Any], server: Server, unwanted: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the body as the server takes it, and the names of wishes that it can't follow.

    >>> fitted({"top_k": 3, "repeat_penalty": 1.1, "typical_p": 0.9, "id_slot": 0}, "vllm", {"top_k"})
    ({'repetition_penalty': 1.1}, ['top_k', 'typical_p'])
    """
    names = RENAMED.get(server, {})
    sent: dict[str, Any] = {}
    left_out = []
    for name, value in body.items():
        known = names.get(name, name)
        if name in OURS:
            continue
        if known == "max_tokens" and known in unwanted:
            sent["max_completion_tokens"] = value
        elif known is None or known in unwanted:
            left_out.append(name)
        else:
            sent[known] = value
    return sent, [name for name in left_out if name != "stream_options"]


def named_in(refusal: str, body: dict[str, Any]) -> str | None:
    """Return the field that a refusal names and that the request can do without.

    >>> named_in("Unrecognized request argument supplied: top_k", {"model": "x", "top_k": 3})
    'top_k'
    >>> named_in("Unsupported parameter: use 'max_completion_tokens' instead", {"max_tokens": 3})
    'max_tokens'
    """
    if "max_tokens" in body and "max_completion_tokens" in refusal:
        return "max_tokens"
    return next(
        (name for name in DISPENSABLE if name in body and re.search(rf"\b{name}\b", refusal)),
        None,
    )


def beginning_of(body: dict[str, Any]) -> str:
    """Return what tells a request's conversation from others: its messages' beginning, or its text's."""
    told = body.get("messages") or body.get("prompt") or body.get("input") or ""
    text = msgspec.json.encode(told[:2] if isinstance(told, list) else told)[: BEGINNING * 4]
    return hashlib.blake2b(text[:BEGINNING], digest_size=16).hexdigest()
