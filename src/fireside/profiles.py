"""A profile: how one model runs best on one machine, as `fireside tune` has measured it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fireside.events import Failed
from fireside.settings import Settings

Waiting = Literal["active", "passive"]
CacheType = Literal["f16", "q8_0"]
Speculation = Literal["off", "ngram"]
Threads = Annotated[int, Meta(ge=1, le=1024)]
USUAL_SLOTS = 2
Q8_SHARE = 34 / 64
"""of what 16 bits take: 32 numbers have a byte each and a scale of two (ggml-common.h, block_q8_0)"""
DRAFTED_TOKENS = 16
"""that n-gram speculation tries at once, where the batch has room for as many from each slot"""
MATCHED_TOKENS = 4
"""of the text's end that must have stood before: then what followed there is tried"""


class Tuned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How an engine is started; None is the usual way. Each name is also a setting, which wins."""

    threads: Threads | None = None
    """that write replies"""
    prompt_threads: Threads | None = None
    waiting: Waiting | None = None
    """whether threads that have nothing to do spin or sleep"""
    batch: Annotated[int, Meta(ge=32, le=4096)] | None = None
    """tokens of a prompt that are read at once"""
    flash_attention: bool | None = None
    """on the processor; on graphics processors it is the engine's choice"""
    cache_type: CacheType | None = None
    """of keys, and with flash attention of values too: llama.cpp has no other values without it"""
    speculation: Speculation | None = None
    """whether what the text's end was followed by before is tried as what follows now"""
    slots: Annotated[int, Meta(ge=1, le=64)] | None = None

    @property
    def cache_share(self) -> float:
        """Of what a cache of 16 bits takes.

        >>> Tuned(cache_type="q8_0").cache_share, Tuned(cache_type="q8_0", flash_attention=True).cache_share
        (0.765625, 0.53125)
        """
        if self.cache_type != "q8_0":
            return 1.0
        return Q8_SHARE if self.flash_attention else (1 + Q8_SHARE) / 2


PLAIN = Tuned()


def settled(settings: Settings, tuned: Tuned | None = None) -> Tuned:
    """Return how a model is started: as the person has set it, else as it was tuned, else as usual.

    >>> settled(Settings(threads=3), Tuned(threads=1, batch=256)) == Tuned(threads=3, batch=256)
    True
    """
    fields = (field.name for field in msgspec.structs.fields(Tuned))
    own = {name: value for name in fields if (value := getattr(settings, name)) is not None}
    return msgspec.structs.replace(tuned or PLAIN, **own)


def slots_of(settings: Settings, tuned: Tuned | None = None) -> int:
    """Return how many conversations an engine holds ready at once."""
    return settled(settings, tuned).slots or USUAL_SLOTS


def drafted_tokens(batch: int, slots: int) -> int:
    """Return how many tokens each slot may try at once; 0 where the batch is too small for it.

    The engine ends where a batch doesn't hold all slots' tries (llama.cpp, server-context.cpp).

    >>> drafted_tokens(128, 2), drafted_tokens(128, 8), drafted_tokens(128, 64)
    (16, 15, 0)
    """
    drafted = min(DRAFTED_TOKENS, batch // slots - 1)
    return drafted if drafted >= MATCHED_TOKENS else 0


class Conditions(msgspec.Struct, frozen=True):
    """What a profile was measured with. It isn't used where one of these is another now."""

    engine: str
    model: str
    """its identity"""
    processor: str
    cores: int
    formula: int


Kind = Literal["reading", "long", "writing", "later", "chat", "editing", "summarising", "together"]


class Speed(msgspec.Struct, frozen=True):
    """Tokens in a second, before and after."""

    kind: Kind
    before: float
    after: float


class Tried(msgspec.Struct, frozen=True):
    """One way that was tried beside the best one so far."""

    name: str
    """of the setting"""
    value: str
    gain: float
    """how many times faster, in the median of turns, over all that it concerns"""
    taken: bool
    loss: float | None = None
    """of quality, where it may cost some: how far the mean log-probability of a text fell, as a share"""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="profile"):
    """What was found for one model here."""

    model: str
    measured_with: Conditions
    tuned: Tuned
    speeds: tuple[Speed, ...] = ()
    trials: tuple[Tried, ...] = ()
    memory_bytes: int | None = None
    """what the model takes with it"""
    was_busy: bool = False
    """whether other programs kept the machine busy meanwhile"""
    failed: str | None = None
    """why it is not used any more"""


class Wish(msgspec.Struct, frozen=True):
    """What the person asks for: a model (the usual one without), and how long it may take."""

    model: str | None = None
    limit_s: Annotated[float, Meta(gt=0)] = 180.0
    dry_run: bool = False


class Trying(msgspec.Struct, frozen=True, tag_field="event", tag="trying"):
    """How far the measuring is."""

    name: str
    done: int
    total: int
    left_s: float


class Unused(msgspec.Struct, frozen=True, tag_field="event", tag="unused"):
    """No profile is used for the model, and why not, where there is one."""

    model: str
    reason: str | None = None
    outdated: bool = False
    """whether it was measured with something that is another now"""
    removed: int = 0


Told = Trying | Profile | Unused | Failed
