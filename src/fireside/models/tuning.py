"""Tells what a model was trained for by its names, its tags and its template, where they tell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fireside.cards import TunedFor

_BEGINS, _ENDS = r"(?<![a-z0-9])", r"(?![a-z0-9])"
_INSTRUCT = re.compile(
    _BEGINS + r"(instruct|inst|chat|it|sft|dpo|rlhf|orpo|assistant|conversational|thinking|reasoning)" + _ENDS
)
_BASE = re.compile(_BEGINS + r"(base|pt|pretrain|pretrained|foundation)" + _ENDS)
TEMPLATE_ON_BASE = ("qwen2", "qwen2moe", "qwen2_moe")
"""families whose base models carry a template too, so that it tells nothing"""
_TOOLS = re.compile(rb"\btools\b")
REASONING_CHOICE = b"enable_thinking"
"""what templates call the choice to think: Qwen3's, SmolLM3's and others, and llama.cpp's server"""


def tuned_for(names: Iterable[str | None], architecture: str, *, has_template: bool) -> TunedFor | None:
    """Return what a model was trained for; None where nothing tells.

    The first of `names` that tells decides. A template was written for dialogues, so a model that
    brings one takes part in them, unless its family gives one to base models too.

    >>> tuned_for(["gemma-3-270m-it", None], "gemma3", has_template=True)
    'instruct'
    >>> tuned_for(["SmolLM3-3B-Base"], "smollm3", has_template=True)
    'base'
    >>> tuned_for(["Qwen2.5-0.5B"], "qwen2", has_template=True)
    """
    for name in names:
        told = (name or "").lower()
        if _INSTRUCT.search(told):
            return "instruct"
        if _BASE.search(told):
            return "base"
    return "instruct" if has_template and architecture not in TEMPLATE_ON_BASE else None


def knows_tools(template: bytes) -> bool:
    """Return whether a template writes what functions there are.

    >>> knows_tools(b"{% if tools %}"), knows_tools(b"{{ toolset }}")
    (True, False)
    """
    return bool(_TOOLS.search(template))


def offers_reasoning(template: bytes) -> bool:
    """Return whether a template lets one choose that the model thinks before it answers."""
    return REASONING_CHOICE in template
