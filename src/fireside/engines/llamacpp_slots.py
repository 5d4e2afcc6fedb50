"""The slots of llama.cpp's server: which one a prompt goes into, and their states on disk.

`POST /slots/N?action=save|restore` (llama.cpp, tools/server/README.md) with `slot_save_path`. What is
written begins with the token ids that it stands for; they are read from there, so a state is known by
what it is and not by what we believe it to be. An engine dies of a damaged file: the vault checks first.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fireside.engines.llamacpp_builds import has_flash_attention
from fireside.engines.protocol import Held, ModelFile, Notice, Origin, Vault
from fireside.engines.slots import WORTH_SAVING_TOKENS, WORTH_TOKENS, Slot, Slots, worth_restoring
from fireside.errors import EngineCrashed, FiresideError
from fireside.profiles import DRAFTED_TOKENS, settled, slots_of
from fireside.settings import Settings
from fireside.token_ids import WIDTH, count, packed, shared, unpacked

Ask = Callable[[str, str, bytes], Awaitable[bytes]]
DAMAGED = "the saved state of an earlier turn was damaged and removed: it was read anew"
LAST_TOKENS = 2
"""What was sampled last was never read: a state may lack so many tokens of what is known."""
FURTHER_TOKENS = 16 + DRAFTED_TOKENS
"""A reply that was cut short went on for so many tokens at most before the engine noticed."""
LOOK_S, PLACED_S = 0.01, 0.3
_MAGIC, _VERSIONS = b"qsgg", (3, 4)
"""llama.cpp's LLAMA_STATE_SEQ_MAGIC as it lies in a file, and what LLAMA_STATE_SEQ_VERSION (llama.h) is in
the engine that is built here and in the one that came along: their files begin alike"""
log = logging.getLogger(__name__)


class _State(msgspec.Struct):
    id: int
    is_processing: bool
    n_prompt_tokens: int = 0


class _Saved(msgspec.Struct):
    n_saved: int
    n_written: int


class _Restored(msgspec.Struct):
    n_restored: int


class Taken(msgspec.Struct, frozen=True):
    """A slot that a prompt was given, how many of its ids are there already, and what is to be told.

    Without a `slot` the engine chooses.
    """

    origin: Origin | None = None
    slot: Slot | None = None
    reusable: int | None = None
    notices: tuple[Notice, ...] = ()


def state_key(model: ModelFile, settings: Settings, build: str) -> str:
    """Return what tells states of this model, in this build with these settings, from all others."""
    tuned = settled(settings, model.tuned)
    has_flash = has_flash_attention(settings, tuned.flash_attention)
    values = tuned.cache_type if has_flash else None
    parts = {
        "model": model.identity,
        "build": build,
        "context_length": model.context_length,
        "slots": slots_of(settings, model.tuned),
        "unified": False,
        "cache_types": (tuned.cache_type or "f16", values or "f16"),
        # Values lie in another order with it.
        "flash_attention": "everywhere" if has_flash else "on graphics processors",
        "adapters": tuple((one.identity, one.scale) for one in model.adapters),
    }
    return hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).hexdigest()


class SlotKeeper:
    """Gives prompts their slots, and saves and restores what slots hold. Without a vault it only counts."""

    def __init__(self, ask: Ask, slots: Slots, *, key: str, model: str, vault: Vault | None) -> None:
        self._ask = ask
        self._slots = slots
        self._key = key
        self._model = model
        self._vault = vault if vault and vault.enabled else None
        self._placing = asyncio.Lock()
        self._strangers = 0
        """requests whose slots the engine chooses"""
        self._unsure = False
        self._bytes_per_token = 0.0
        self._keeping: set[asyncio.Task[bool]] = set()

    def held(self) -> tuple[Held, ...]:
        return self._slots.held()

    def unread(self, ids: Sequence[int]) -> int:
        return self._slots.unread(packed(ids))

    def forget(self, conversation_id: str) -> None:
        for slot in self._slots.all:
            if slot.origin and slot.origin.conversation_id == conversation_id:
                slot.origin = None
            if slot.busy:
                slot.forgotten.add(conversation_id)

    async def take(self, prompt: Sequence[int], origin: Origin | None) -> Taken:
        """Choose and prepare a slot; it is busy until `give_back`."""
        vault = self._vault
        if vault is None:
            return Taken(origin)
        # The file of a state has the ids of texts only: what it was shown couldn't be told from it.
        unknown = any(number < 0 for number in prompt)
        if origin and (unknown or not await asyncio.to_thread(vault.keeps, origin.conversation_id)):
            origin = msgspec.structs.replace(origin, keep=False)
        ids = packed(prompt)
        async with self._placing:
            found = self._longest(ids)
            saved, certain = (found[2], self._certain(found)) if found else (0, True)
            choice = self._slots.choose(await self._free(), ids, origin, saved, certain=certain)
            if choice is None:
                return Taken(origin)
            slot = choice.slot
            slot.busy = True
            untold = slot.untold if slot.belongs_to(origin) else ()
            try:
                if choice.copied:
                    await self._save_slot(choice.copied, at_once=True)
                if self._slots.worth_saving(slot, ids, origin):
                    await self._save_slot(slot)
                notices: tuple[Notice, ...] = ()
                if choice.restore or choice.copied:
                    notices = await self._restore(slot, ids, origin)
            except BaseException:
                slot.busy = False
                raise
            slot.untold = (*untold, *notices)
            return Taken(origin, slot, self._slots.reusable(slot, ids), slot.untold)

    def give_back(
        self,
        number: int | None,
        ids: Sequence[int],
        origin: Origin | None,
        *,
        surely: bool = True,
        asked: bool = True,
    ) -> None:
        """Note what the slot of this number holds now; None where the engine didn't tell.

        Where the engine may not have begun, that isn't `surely` all; it is where nothing was `asked` of it.
        """
        if number is None or number >= len(self._slots.all):
            self._unsure = True
            return
        slot = self._slots.all[number]
        if origin and origin.conversation_id in slot.forgotten:
            origin = None
        as_before = not asked and not slot.unsent and slot.ids == packed(ids)
        slot.hold(packed(ids), origin, surely=surely or as_before)
        slot.forgotten.clear()
        slot.busy = False
        self._slots.use(slot)

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[None]:
        """A request passes for which the engine chooses a slot: whatever it may take is saved first."""
        if self._vault:
            async with self._placing:
                # Looking costs a question to the engine: only where there is something to lose.
                at_risk = any(slot.unsaved_tokens >= WORTH_SAVING_TOKENS for slot in self._slots.free())
                for slot in await self._free() if at_risk else ():
                    if slot.unsaved_tokens >= WORTH_SAVING_TOKENS:
                        await self._save_slot(slot)
                self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= bool(self._vault)
            self._unsure = True

    async def save(self, conversation_id: str | None = None, new_share: float = 0.0) -> None:
        """Save what free slots hold of this conversation, or of all; wait until it is on the disk.

        While somebody types in it that has time, unless all that is new is wanted.
        """
        if self._vault is None:
            return
        async with self._placing:
            for slot in await self._free():
                own = slot.origin and conversation_id in (None, slot.origin.conversation_id)
                typing = slot.unsent and new_share > 0
                if own and not typing and slot.unsaved_tokens > new_share * slot.tokens:
                    await self._save_slot(slot)
        await self.settled()

    async def settled(self) -> None:
        """Wait for the saves that are under way."""
        while self._keeping:
            await asyncio.wait([*self._keeping])

    def _longest(self, ids: bytes) -> tuple[str, bytes, int] | None:
        """Return the best snapshot: one that can surely be used, else one that the engine may know to cut."""
        if self._vault is None:
            return None
        found = None if self._slots.cuttable else self._vault.longest(self._key, ids, whole=True)
        found = found or self._vault.longest(self._key, ids, whole=False)
        return found if found and worth_restoring(found[2], count(found[1])) else None

    def _certain(self, found: tuple[str, bytes, int]) -> bool:
        return self._slots.cuttable or found[2] == count(found[1])

    async def _free(self) -> list[Slot]:
        """Return the free slots; where the engine chose some itself, look which."""
        free = self._slots.free()
        if not (self._strangers or self._unsure):
            return free
        end = asyncio.get_running_loop().time() + PLACED_S
        while True:
            states = msgspec.json.decode(await self._ask("GET", "/slots", b""), type=list[_State])
            by_number = {state.id: state for state in states}
            taken = [slot for slot in free if by_number[slot.number].is_processing]
            if len(taken) >= self._strangers or asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(LOOK_S)
        for slot in free:
            there = by_number[slot.number].n_prompt_tokens
            if slot in taken or not -LAST_TOKENS <= there - slot.tokens <= FURTHER_TOKENS:
                slot.clear()
        self._unsure = self._strangers > 0
        return [slot for slot in free if slot not in taken]

    async def _restore(self, slot: Slot, ids: bytes, origin: Origin | None) -> tuple[Notice, ...]:
        """Read into `slot` the snapshot that begins `ids` furthest; damaged ones are told of."""
        assert self._vault is not None  # noqa: S101 - without one nothing is chosen to be restored
        notices: tuple[Notice, ...] = ()
        while found := self._longest(ids):
            name, held, same = found
            if same < self._slots.reusable(slot, ids) + WORTH_TOKENS:
                break
            if await asyncio.to_thread(self._vault.sound, name):
                asked = msgspec.json.encode({"filename": self._vault.path(name)})
                try:
                    answer = await self._ask("POST", f"/slots/{slot.number}?action=restore", asked)
                    if msgspec.json.decode(answer, type=_Restored).n_restored == count(held):
                        slot.clear()
                        slot.hold(held, origin, saved_tokens=count(held))
                        return notices
                except EngineCrashed:
                    self._vault.drop(name)
                    raise
                except FiresideError as error:
                    log.warning("a saved state can't be restored: %s", error)
                slot.clear()
                self._vault.drop(name)
            notices = (Notice(DAMAGED),)
        return notices

    async def _save_slot(self, slot: Slot, *, at_once: bool = False) -> None:
        """Let the engine write the slot's state, which is taken in meanwhile, or `at_once`.

        A cancelled caller still waits for the engine: it can't be stopped, and the slot must not change.
        """
        writing = asyncio.create_task(self._write(slot))
        try:
            keeping = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        if keeping and at_once:
            await asyncio.shield(keeping)

    async def _write(self, slot: Slot) -> asyncio.Task[bool] | None:
        """Return the task that takes in what the engine wrote; None where it wrote nothing that counts."""
        vault, origin = self._vault, slot.origin
        if vault is None or origin is None:
            return None
        if slot.tokens * self._bytes_per_token > await asyncio.to_thread(lambda: vault.limit_bytes):
            return None
        made = vault.folder / f"{os.urandom(16).hex()}.new"
        asked = msgspec.json.encode({"filename": made.name})
        ids: bytes | None = None
        was_typed = slot.unsent
        try:
            if was_typed:
                await self._cut(slot)
            answer = await self._ask("POST", f"/slots/{slot.number}?action=save", asked)
            told = msgspec.json.decode(answer, type=_Saved)
            ids = await asyncio.to_thread(_ids_in, made, told.n_saved) if told.n_saved else None
            further = was_typed and told.n_saved > slot.tokens
            if ids is None or further or not _is_what_is_known(ids, slot.ids):
                log.warning("%d tokens were saved where %d are held: not kept", told.n_saved, slot.tokens)
                slot.clear()
                ids = None
                return None
        except EngineCrashed:
            raise
        except FiresideError as error:
            log.warning("a state is not saved: %s", error)
            return None
        finally:
            if ids is None:
                made.unlink(missing_ok=True)
        self._bytes_per_token = told.n_written / told.n_saved
        slot.ids, slot.saved_tokens = ids, count(ids)
        keeping = asyncio.create_task(asyncio.to_thread(self._keep, made, ids, origin))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        return keeping

    async def _cut(self, slot: Slot) -> None:
        """Have the engine drop what nobody has sent yet: it must not be in a file, not even for a moment."""
        sent = slot.ids[: slot.sent_tokens * WIDTH]
        asked = {"prompt": unpacked(sent), "id_slot": slot.number, "n_predict": 0, "cache_prompt": True}
        await self._ask("POST", "/completion", msgspec.json.encode(asked))
        slot.ids, slot.unsent = sent, False

    def _keep(self, made: Path, ids: bytes, origin: Origin) -> bool:
        assert self._vault is not None  # noqa: S101 - it has just been written to
        return self._vault.keep(
            made,
            key=self._key,
            model=self._model,
            conversation_id=origin.conversation_id,
            message_id=origin.message_id,
            ids=ids,
        )


def _is_what_is_known(ids: bytes, known: bytes) -> bool:
    """Return whether a state's ids are those that the slot should hold, but for its very end."""
    same = shared(ids, known)
    return same >= count(known) - LAST_TOKENS and (same == count(ids) or same == count(known))


def _ids_in(path: Path, tokens: int) -> bytes | None:
    """Return the packed ids at the beginning of a state file; None where it is another kind of file."""
    with path.open("rb") as file:
        magic, version, length = struct.unpack("4sII", file.read(12).ljust(12, b"\0"))
        if magic != _MAGIC or version not in _VERSIONS or length > tokens + 64:
            return None
        numbers = file.read(length * WIDTH)
    # Ids alone, or (since servers know images) a null token, a version and their number before them.
    null, _, told = struct.unpack("iii", numbers[: 3 * WIDTH].ljust(3 * WIDTH, b"\0"))
    begin = 3 if null == -1 and told == tokens else 0
    ids = numbers[begin * WIDTH : (begin + tokens) * WIDTH]
    return ids if count(ids) == tokens else None
