"""What the engine's own process is asked for: how a model is loaded on this machine."""

from __future__ import annotations

import secrets

import msgspec

from fireside.engines.llamacpp_builds import has_flash_attention, leaves, yields
from fireside.engines.llamacpp_child import CPU_BATCH, Task
from fireside.engines.protocol import ModelFile, Vault
from fireside.engines.threads import Choice, Threads, Wish
from fireside.profiles import USUAL_SLOTS, drafted_tokens, settled
from fireside.settings import Settings

PROMPT_CACHE_MIB = 512


def task_of(model: ModelFile, settings: Settings, vault: Vault | None) -> Task:
    """Return the task: as it was set, else as it was tuned, else as usual.

    Its threads are chosen when the engine's process has begun: see `with_threads`.
    """
    tuned = settled(settings, model.tuned)
    slots = tuned.slots or USUAL_SLOTS
    # The engine ends where a batch can't hold a token of each slot (llama-context.cpp, `n_outputs_max`).
    batch = max(tuned.batch, slots) if tuned.batch else None
    speculates = tuned.speculation == "ngram" and not (model.pooling or model.weighs)
    return Task(
        path=str(model.path.absolute()),
        # At its chattiest the server logs a key's last four characters: let them be these.
        key=secrets.token_hex(32) + "-key",
        context_length=model.context_length,
        slots=slots,
        threads=tuned.threads or 1,
        prompt_threads=tuned.prompt_threads or 1,
        prompt_cache_mib=0 if model.pooling else PROMPT_CACHE_MIB,
        pooling=model.pooling,
        adapters=tuple((str(one.path.absolute()), one.scale) for one in model.adapters),
        projector=str(model.projector.absolute()) if model.projector else None,
        slot_save_path=str(vault.folder.absolute()) if vault and vault.enabled else None,
        batch=batch,
        flash_attention=has_flash_attention(settings, tuned.flash_attention),
        cache_type=tuned.cache_type or "f16",
        waiting=tuned.waiting,
        drafted_tokens=drafted_tokens(batch or CPU_BATCH, slots) if speculates else 0,
    )


def choice_of(model: ModelFile, settings: Settings) -> Choice:
    """Return what threads are chosen by, besides the machine; those that are to stay awake don't yield."""
    return Choice(
        Wish(settings.threads, settings.prompt_threads),
        Wish(model.tuned.threads, model.tuned.prompt_threads),
        yields=yields(settings) and settled(settings, model.tuned).waiting != "active",
        leaves=leaves(settings),
    )


def with_threads(task: Task, threads: Threads) -> Task:
    """Return the task with the threads that were chosen."""
    return msgspec.structs.replace(task, threads=threads.reply, prompt_threads=threads.prompt)


def waiting_of(task: Task) -> dict[str, str]:
    """Return how OpenMP's threads wait, which the prebuilt engine has: read when its library is loaded."""
    return {"OMP_WAIT_POLICY": task.waiting} if task.waiting else {}
