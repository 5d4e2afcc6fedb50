"""Running replies: each is a task of its own that anybody may watch, leave, resume or stop.

A watcher is never sent a queue of events but what its cursor lacks of the reply's present state,
so a slow one costs no memory, and an ended reply is resumed from the store in the same way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import msgspec

from fireside.chat import Draft, Parts, Turn, run_turn
from fireside.conversations import Failure, ReplyStatus, StoredMessage
from fireside.engines.places import Promise
from fireside.errors import FiresideError, StoreBusy, StoreFull
from fireside.events import Cursor, Event, Failed, Progress
from fireside.messages import FinishReason
from fireside.running import Outcome, Running, State, Store

JOURNAL_EVERY_S = 0.2
STORE_AGAIN_S = 2.0
STORE_LAST_S = 5.0
QUIET_S = 15.0
log = logging.getLogger(__name__)


class Replies:
    """All running replies of a server."""

    def __init__(
        self,
        parts: Parts,
        *,
        ended: Callable[[Draft], None] = lambda draft: None,
        stored: Callable[[Running], None] = lambda running: None,
    ) -> None:
        """`ended` hears of every reply that came to an end, `stored` of those that are on disk."""
        self._parts = parts
        self._ended = ended
        self._stored = stored
        self._running: dict[str, Running] = {}

    @property
    def count(self) -> int:
        return len(self._running)

    def running(self, conversation_id: str) -> tuple[str, ...]:
        """Return the ids of the replies that run in a conversation."""
        return tuple(
            running.id for running in self._running.values() if running.conversation_id == conversation_id
        )

    def start(self, reply: StoredMessage, turn: Turn, store: Store, promise: Promise | None = None) -> None:
        """Begin `reply` as a task; it waits for a running reply on its own branch.

        With a `promise` it is never sent away by a full queue.
        """
        running = Running(reply, turn, store)
        running.promise = promise
        self._running[reply.id] = running
        running.task = asyncio.create_task(self._run(running), name=f"reply {reply.id}")

    async def watch(
        self, reply: StoredMessage, store: Store, cursor: Cursor
    ) -> AsyncIterator[tuple[Event | None, Cursor]]:
        """Yield the reply's events after `cursor`, until it ends; None when nothing happened for long."""
        running = self._running.get(reply.id)
        if running is None:
            reply = await asyncio.to_thread(store.message, reply.id)
            receipt = await asyncio.to_thread(store.receipt, reply.id) if reply.receipt else None
            for item in State.of(reply, receipt).since(cursor):
                yield item
            return
        told: Progress | None = None
        while not cursor.ended:
            changed, progress = running.changed, running.state.progress
            for event, after in running.state.since(cursor):
                yield event, after
                cursor = after
            if progress and progress is not told:
                told = progress
                yield progress, cursor
            if not cursor.ended:
                try:
                    async with asyncio.timeout(QUIET_S):
                        await changed.wait()
                except TimeoutError:
                    yield None, cursor

    async def stop(self, reply_id: str, status: ReplyStatus = ReplyStatus.STOPPED) -> None:
        """Stop a running reply and wait until its end is told; harmless on an ended one.

        Its end is told once what it said is stored, or once the disk turned out to be full.
        """
        running = self._running.get(reply_id)
        if running is None or running.task is None:
            return
        if not running.ending and running.stop_as is None:
            running.stop_as = status
            if running.begun:  # one that hasn't begun looks at `stop_as` first
                running.task.cancel()
        while running.state.end is None and not running.task.done():
            changed = asyncio.ensure_future(running.changed.wait())
            await asyncio.wait([running.task, changed], return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    async def drain(self, timeout_s: float) -> None:
        """Wait for the running replies; interrupt those that take longer."""
        tasks = [running.task for running in self._running.values() if running.task]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        stops = [self.stop(reply_id, ReplyStatus.INTERRUPTED) for reply_id in [*self._running]]
        try:
            await asyncio.wait_for(asyncio.gather(*stops), STORE_LAST_S)
        except TimeoutError:
            log.warning("%d replies could not be stored before the end", self.count)

    async def _run(self, running: Running) -> None:
        running.begun = True
        try:
            outcome = await self._outcome(running)
            running.ending = True
            if running.promise:
                running.promise.end()
            self._ended(running.draft)
            await self._finish(running, outcome)
            self._stored(running)
        except Exception:  # watchers must not wait for ever for an end that a fault of ours swallowed
            log.exception("the end of reply %s was not stored", running.id)
            running.emit(Failed(FiresideError.code, "the reply could not be stored", "see the server's log"))
        finally:
            self._running.pop(running.id, None)

    async def _outcome(self, running: Running) -> Outcome:
        """Generate the reply, and return how it ended, whatever happens."""
        if running.stop_as:
            return Outcome(running.stop_as, "stopped")
        try:
            journal = asyncio.create_task(self._journal(running))
            try:
                await self._wait_for_branch(running)
                reason = await self._generate(running)
            finally:
                journal.cancel()
                await asyncio.wait([journal])
        except asyncio.CancelledError:
            return Outcome(running.stop_as or ReplyStatus.INTERRUPTED, "stopped")
        except FiresideError as error:
            status = ReplyStatus.INTERRUPTED if running.state.text else ReplyStatus.FAILED
            return Outcome(status, "error", Failure(error.code, error.message, error.hint))
        except Exception as error:  # a fault of ours must not leave a reply running for ever
            log.exception("reply %s failed", running.id)
            what = f"{type(error).__name__} inside the server"
            failure = Failure(FiresideError.code, what, "see the server's log")
            return Outcome(ReplyStatus.FAILED, "error", failure)
        return Outcome(ReplyStatus.COMPLETE, reason)

    async def _wait_for_branch(self, running: Running) -> None:
        """Read the branch, once no earlier reply of it runs any more."""
        branch = await asyncio.to_thread(running.store.branch, running.turn.question_id)
        before = [self._running[told.id].task for told in branch if told.id in self._running]
        if tasks := [task for task in before if task]:
            running.emit(Progress("queued", 0, len(tasks), "replies"))
            await asyncio.wait(tasks)
            branch = await asyncio.to_thread(running.store.branch, running.turn.question_id)
        running.turn = msgspec.structs.replace(running.turn, branch=branch)

    async def _generate(self, running: Running) -> FinishReason:
        defaults = running.turn.defaults
        await _whole(running.store.start_reply, running.id, defaults=defaults, model=defaults.model or "")
        return await run_turn(
            running.turn, self._parts, running.store, running.draft, running.emit, running.promise
        )

    async def _journal(self, running: Running) -> None:
        """Put what was said on disk, at most `JOURNAL_EVERY_S` after it was said."""
        while True:
            changed = running.changed
            try:
                await _whole(running.journal)
            except FiresideError as error:
                log.warning("reply %s is not journalled: %s", running.id, error)
            await changed.wait()
            await asyncio.sleep(JOURNAL_EVERY_S)

    async def _finish(self, running: Running, outcome: Outcome) -> None:
        """Store what was said and how it ended, then tell the watchers.

        While the disk is full they are told so, and it is tried again until there is room.
        """
        while True:
            try:
                await _whole(running.store_end, outcome)
                break
            except (StoreFull, StoreBusy) as error:
                running.emit(Failed(error.code, error.message, error.hint))
                await asyncio.sleep(STORE_AGAIN_S)
            except FiresideError as error:  # deleted for good or restored over meanwhile, or damaged
                running.emit(Failed(error.code, error.message, error.hint))
                return
        running.emit(running.end_of(outcome))


async def _whole(function: Callable[..., object], /, *args: object, **kwargs: object) -> None:
    """Run `function` in a thread; a cancelled caller still waits until it has ended.

    Writes of one reply therefore never overtake one another.
    """
    task = asyncio.create_task(asyncio.to_thread(function, *args, **kwargs))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
