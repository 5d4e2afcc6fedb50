"""What a person asked of a chat on the command line; `fireside` and `fireside ask` share it."""

from __future__ import annotations

import msgspec

from fireside.client.defaults import model_to_ask
from fireside.messages import Defaults


class ChatOptions(msgspec.Struct, frozen=True):
    """The shared flags, read. `defaults` holds model, persona, system text, sampling, format and names.

    A new conversation keeps `defaults`; in one that is continued they count for the turns of this run.
    """

    defaults: Defaults = Defaults()
    conversation_id: str | None = None
    """What `--conversation` named: an id, a part of one, or a title; not looked up yet."""
    continue_last: bool = False
    temporary: bool = False
    json: bool = False
    yes: bool = False

    @property
    def asks(self) -> str | None:
        """The model that will be asked, "" for the default one; None where the flags don't tell."""
        goes_on = self.continue_last or self.conversation_id is not None
        return self.defaults.model if goes_on else model_to_ask(self.defaults)
