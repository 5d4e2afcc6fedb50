"""How many threads a model was given, and why, in plain words."""

from __future__ import annotations

from fireside.cards import EngineStatus, ThreadReason
from fireside.cli.languages import _


def words(engine: EngineStatus) -> str:
    """Return a line that tells it; nothing where it isn't known.

    >>> from fireside.cli.languages import use
    >>> use("en")
    >>> status = EngineStatus("m", "llamacpp", "cpu", 512, 1, 0, 9.0, None, None, threads=1, prompt_threads=2)
    >>> words(status)
    'threads: 1 for replies, 2 for prompts'
    """
    if engine.threads is None or engine.prompt_threads is None:
        return ""
    told = _(
        "threads: {reply} for replies, {prompt} for prompts",
        reply=engine.threads,
        prompt=engine.prompt_threads,
    )
    reasons = ", ".join(map(_reason, engine.threads_because))
    return f"{told} ({reasons})" if reasons else told


def _reason(reason: ThreadReason) -> str:
    return {
        "settings": _("your settings"),
        "tuned": _("measured here"),
        "slow_cores": _("slow cores left out"),
        "quota": _("a limit of the container or service"),
        "busy": _("other programs were busy"),
        "engines": _("shared with other models"),
        "battery": _("on battery"),
    }[reason]
