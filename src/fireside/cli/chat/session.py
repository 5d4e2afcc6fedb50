"""What a chat in the terminal knows at this moment: where it stands, and what was set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from fireside.cards import Persona
from fireside.cli.chat.screen import Screen
from fireside.cli.languages import _
from fireside.client.defaults import explained
from fireside.conversations import Conversation, StoredMessage, Tree
from fireside.errors import Conflict
from fireside.messages import Defaults, FilePart, ImagePart, PromptFormat

if TYPE_CHECKING:
    from fireside.cli.chat.input import Reader
    from fireside.client.routes import AsyncClient

_OPEN = Defaults()


class Leave(Exception):
    """The person leaves the chat; `code` is the exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Session:
    """One run of the terminal chat. A conversation is created with the first message, not before."""

    client: AsyncClient
    screen: Screen
    reader: Reader
    usual_persona: str | None = None
    """The persona of the settings, for whoever names none."""
    defaults: Defaults = _OPEN
    """What a conversation that isn't there yet will begin with."""
    turn: Defaults = _OPEN
    """What the command line said for the turns of this run in a continued conversation."""
    persona: Persona | None = None
    conversation: Conversation | None = None
    head_id: str | None = None
    temporary: bool = False
    files: list[FilePart | ImagePart] = field(default_factory=list)
    """Attached to the next message."""
    editing: StoredMessage | None = None
    """The message that the next one replaces, on a branch of its own."""
    draft: str = ""
    """What the next prompt begins with."""
    names: bool | None = None
    stats: bool = False
    listed: list[str] = field(default_factory=list)
    """The conversations of the last listing, for `/open NUMBER`."""
    told_omitted: bool = False
    told_transcript: bool = False

    @property
    def own(self) -> Defaults:
        """What the conversation itself says, or will say when it begins."""
        return self.conversation.defaults if self.conversation else self.defaults

    @property
    def in_force(self) -> Defaults:
        """What answers are made with, the settings of the server aside."""
        under = self.persona.defaults if self.persona else Defaults()
        return under.merged(Defaults(persona=self.usual_persona)).merged(self.own).merged(self.turn)

    @property
    def my_name(self) -> str | None:
        """My name, when names are shown."""
        return (self.in_force.me or _("You")) if self.shows_names else None

    @property
    def your_name(self) -> str | None:
        """The model's name, when names are shown."""
        return (self.in_force.you or _("Assistant")) if self.shows_names else None

    @property
    def shows_names(self) -> bool:
        if self.names is not None:
            return self.names
        said = self.in_force
        return said.format is PromptFormat.TRANSCRIPT or bool(said.me or said.you)

    async def change(self, **changes: object) -> None:
        """Set what answers are made with from now on; None leaves it open again."""
        if self.conversation is None:
            try:
                self.defaults = self.defaults.changed(changes)
            except msgspec.ValidationError as error:
                raise explained(error) from error
            return
        self.conversation = await self.client.update_conversation(self.conversation.id, choices=changes)
        untouched = {name: getattr(Defaults(), name) for name in changes}
        self.turn = msgspec.structs.replace(self.turn, **untouched)

    async def change_sampling(self, changes: dict[str, object]) -> None:
        """Set sampling parameters; None leaves one open again."""
        over = msgspec.structs.replace(self.turn.sampling, **dict.fromkeys(changes))
        await self.change(sampling=changes)
        self.turn = msgspec.structs.replace(self.turn, sampling=over)

    async def find_persona(self) -> None:
        """Look up the persona that is named; PersonaNotFound."""
        named = self.own.merged(self.turn).persona or self.usual_persona
        self.persona = await self.client.persona(named) if named else None

    async def begun(self) -> Conversation:
        """Return the conversation, which is created when there is none yet."""
        if self.conversation is None:
            created = await self.client.create_conversation(defaults=self.defaults, temporary=self.temporary)
            self.conversation, self.head_id = created, created.head_id
        return self.conversation

    async def tree(self) -> Tree:
        """Return the conversation with all messages; Conflict when nothing was said yet."""
        if self.conversation is None:
            raise Conflict(_("nothing was said yet"), hint=_("write something first"))
        return await self.client.tree(self.conversation.id)

    async def move_to(self, head_id: str | None) -> None:
        """Make the branch that ends at `head_id` the one that is shown."""
        if self.conversation is not None:
            self.conversation = await self.client.update_conversation(self.conversation.id, head_id=head_id)
        self.head_id = head_id

    async def take(self, conversation: Conversation, turn: Defaults = _OPEN) -> None:
        """Go on in `conversation`; `turn` counts for the turns of this run."""
        self.start_anew(temporary=conversation.temporary)
        self.conversation, self.head_id, self.turn = conversation, conversation.head_id, turn
        await self.find_persona()

    def start_anew(self, *, temporary: bool = False) -> None:
        """Begin another conversation, with what was set in this one."""
        if self.conversation is not None:
            self.defaults = self.conversation.defaults.merged(self.turn)
        self.turn = Defaults()
        self.conversation, self.head_id, self.editing = None, None, None
        self.temporary, self.told_omitted, self.told_transcript = temporary, False, False
        self.reader.remember = not temporary
