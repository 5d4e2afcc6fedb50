"""What an import hands to the store: a conversation read from somewhere else, not yet ours."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from fireside.conversations import Failure, ReplyStatus
from fireside.messages import Defaults, FinishReason, Message, Timings, Usage


class ImportedMessage(msgspec.Struct, frozen=True):
    """A complete message. `id` and `parent_id` are the source's own; the store makes new ids.

    `created_at` is Unix time in milliseconds and is kept. What follows `model` only another
    Fireside knows; `continues` is a source's id like `parent_id`.
    """

    id: str
    parent_id: str | None
    message: Message
    created_at: int
    model: str | None = None
    status: ReplyStatus = ReplyStatus.COMPLETE
    defaults: Defaults | None = None
    continues: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    pinned: bool = False


MayName = Callable[[str], bool]
"""Whether the person who imports may name this model."""


class ImportedConversation(msgspec.Struct, frozen=True):
    """A conversation of another program, or of another Fireside.

    `origin` (`chatgpt:<id>`, `claude:<id>`, `fireside:<id>`) is remembered, so that importing
    the same file twice changes nothing. In `messages` a parent stands before its children.
    `head_id` is one of their ids, or None for the last one.
    """

    origin: str
    title: str
    created_at: int
    updated_at: int
    head_id: str | None
    messages: tuple[ImportedMessage, ...]
    defaults: Defaults = Defaults()
    pinned: bool = False

    def without_models(self, may_name: MayName) -> ImportedConversation:
        """Return it with the settings' model in the place of those that may not be named."""
        messages = tuple(
            replace(one, defaults=_sifted(one.defaults, may_name)) if one.defaults else one
            for one in self.messages
        )
        return replace(self, defaults=_sifted(self.defaults, may_name), messages=messages)


def _sifted(defaults: Defaults, may_name: MayName) -> Defaults:
    if defaults.model is None or may_name(defaults.model):
        return defaults
    return replace(defaults, model=None)
