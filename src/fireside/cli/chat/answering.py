"""One turn as the terminal sees it: send what was written, watch the reply, stop it with Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from fireside.cli.chat.interrupts import keys_kept, on_interrupt
from fireside.cli.chat.render import ReplyView, view_for
from fireside.cli.chat.session import Leave, Session
from fireside.cli.chat.waiting import Waiting
from fireside.cli.languages import _, _n
from fireside.conversations import StoredMessage
from fireside.errors import FiresideError, from_code
from fireside.events import Event, Failed, Finished, Progress, Reasoning, ReceiptReady, Text
from fireside.messages import FilePart, ImagePart, Part, PromptFormat, Receipt, TextPart

INTERRUPTED = 130


async def send(session: Session, text: str) -> None:
    """Send `text` with the attached files and show the reply.

    When the server refuses it, or isn't there, it becomes the draft of the next prompt again.
    """
    try:
        conversation = await session.begun()
        edited = session.editing
        sent = await session.client.send(
            conversation.id,
            _parts(session, text),
            parent_id=edited.parent_id if edited else session.head_id,
            turn=session.turn,
        )
    except FiresideError:
        session.draft = text
        raise
    session.files, session.editing = [], None
    await watch(session, sent.reply)


def _parts(session: Session, text: str) -> tuple[Part, ...]:
    before = session.editing.parts if session.editing else ()
    kept = [part for part in before if isinstance(part, FilePart | ImagePart)]
    words = [TextPart(text)] if text else []
    return (*kept, *session.files, *words)


async def watch(session: Session, reply: StoredMessage) -> None:
    """Show the reply from its first word to its end. Ctrl-C stops it; a second one leaves the chat."""
    session.head_id = reply.id
    _tell_transcript(session, reply)
    watching = asyncio.ensure_future(Watcher(session).show(session.client.events(reply.id)))
    stopping: list[asyncio.Task[None]] = []

    def interrupted() -> None:
        if stopping:
            watching.cancel()
        else:
            stopping.append(asyncio.ensure_future(_stop(session, reply.id)))

    with on_interrupt(interrupted), keys_kept(session.screen):
        try:
            await watching
        except asyncio.CancelledError:
            if not stopping:
                raise
            raise Leave(INTERRUPTED) from None
        finally:
            for task in stopping:
                task.cancel()
    await _tell_notices(session)
    session.screen.note("")


def _tell_transcript(session: Session, reply: StoredMessage) -> None:
    """Say that a model goes on with a transcript where nobody asked for one."""
    chosen = reply.defaults.format if reply.defaults else None
    if chosen is not PromptFormat.TRANSCRIPT or session.in_force.format or session.told_transcript:
        return
    session.told_transcript = True
    session.screen.note(
        _("this model has no chat template: it goes on with a transcript · an instruct model chats better")
    )


async def _stop(session: Session, reply_id: str) -> None:
    # A server that is gone says so to the watcher.
    with suppress(FiresideError):
        await session.client.stop(reply_id)


async def _tell_notices(session: Session) -> None:
    """Tell what the engines have to say, each sentence once."""
    with suppress(FiresideError):
        for engine in (await session.client.status()).engines:
            for notice in engine.notices:
                session.screen.warn_once(notice)


class Watcher:
    """Puts the events of one reply on the screen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._screen = session.screen
        self._waiting = Waiting(session.screen)
        self._view: ReplyView | None = None
        self._thought_words = 0

    async def show(self, events: AsyncIterator[Event]) -> None:
        """Show all events; raises what the reply failed with."""
        try:
            async with aclosing(events) as each:  # type: ignore[type-var]
                async for event in each:
                    self._take(event)
        finally:
            self._end()

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                if self._view is None:
                    self._waiting.show(event)
            case ReceiptReady():
                self._tell_omitted(event.receipt)
            case Reasoning():
                self._thought_words += len(event.text.split())
                self._waiting.tell(
                    _n("thinking: {count} word", "thinking: {count} words", self._thought_words)
                )
            case Text():
                self._begun().feed(event.text)
            case Finished():
                self._finish(event)
            case Failed():
                self._end()
                raise from_code(event.code, event.message, hint=event.hint or _("/regen asks again"))

    def _begun(self) -> ReplyView:
        if self._view is None:
            self._waiting.clear()
            if self._thought_words:
                self._screen.note(_n("thought: {count} word", "thought: {count} words", self._thought_words))
            self._view = view_for(self._screen, self._session.your_name)
        return self._view

    def _end(self) -> None:
        self._waiting.clear()
        if self._view is not None:
            self._view.close()
            self._view = None

    def _finish(self, event: Finished) -> None:
        self._end()
        match event.finish_reason:
            case "length":
                self._screen.note(_("cut at the token limit · /continue goes on"))
            case "stopped":
                self._screen.note(_("stopped · /continue goes on, /regen asks again"))
            case "repetition":
                self._screen.note(_("stopped because it repeated itself · /regen asks again"))
            case _ if event.usage.completion_tokens == 0:
                self._screen.note(_("the model said nothing · /regen asks again"))
        if self._session.stats:
            self._screen.note(stats_line(event))

    def _tell_omitted(self, receipt: Receipt) -> None:
        if self._session.told_omitted or not (receipt.digested or receipt.omitted):
            return
        self._session.told_omitted = True
        self._waiting.clear()
        if receipt.digested:
            told = _n(
                "{count} earlier message is given as a digest from now on · /context tells more",
                "{count} earlier messages are given as a digest from now on · /context tells more",
                len(receipt.digested),
            )
        else:
            told = _n(
                "{count} earlier message is left out · /context tells more",
                "{count} earlier messages are left out · /context tells more",
                len(receipt.omitted),
            )
        self._screen.note(told)


def stats_line(event: Finished) -> str:
    """Return speed, time to the first word and token counts of a reply in one line."""
    usage, timings = event.usage, event.timings
    said = [_n("{count} token", "{count} tokens", usage.completion_tokens)]
    if timings.tokens_per_second is not None:
        said.append(_("{rate:.1f} tokens/s", rate=timings.tokens_per_second))
    if timings.first_token_ms is not None:
        said.append(_("first word after {seconds:.2f} s", seconds=timings.first_token_ms / 1000))
    said.append(_("prompt {count} tokens", count=usage.prompt_tokens))
    if usage.cached_tokens is not None:
        said.append(_("{count} of them known already", count=usage.cached_tokens))
    return " · ".join(said)
