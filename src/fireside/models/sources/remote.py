"""The source `remote:`: models that other servers have. Nothing is fetched; what is said goes there.

What they have is asked in the background and known for a minute, so that no listing waits for a server that
is gone. One that is gone is asked again within seconds.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from fireside.cards import ModelCard
from fireside.errors import Conflict, FiresideError, ModelNotFound
from fireside.models.sources import Progress
from fireside.remotes.listing import RemoteModel, unlisted
from fireside.settings import RemoteSettings

KNOWN_S = 60.0
FAULT_S = 5.0
"""for which one that can't be reached isn't asked again: it may be back soon"""
LISTING_WAIT_S = 0.5
"""for news of a server that is known already; it is asked on, in the background"""
FIRST_WAIT_S = 2.0
"""for one that nothing is known of yet"""
CARD_WAIT_S = 6.0
"""for such a one when somebody names it: as long as a connection may take"""


class Asked(msgspec.Struct, frozen=True):
    """What a remote said last: its models, or why it didn't say any."""

    models: tuple[RemoteModel, ...] = ()
    problem: str | None = None


class _Known:
    """What is known of one remote, asked anew after a while by a thread of its own."""

    def __init__(self, ask: Callable[[], Asked], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._until = -float("inf")
        self._last: Asked | None = None

    def get(self, wait_s: float) -> Asked:
        """Return what it said last, asked anew where that is old; nobody waits for longer than `wait_s`."""
        with self._lock:
            if self._asking is None and self._clock() >= self._until:
                self._asking = threading.Thread(target=self._refresh, name="remote models", daemon=True)
                self._asking.start()
            asking = self._asking
        if asking and wait_s:
            asking.join(wait_s)
        return self._last or Asked(problem="it hasn't answered yet")

    @property
    def answered(self) -> bool:
        """Whether it ever did, or turned out not to."""
        return self._last is not None

    def _refresh(self) -> None:
        asked = Asked(problem="it can't be asked: see the server's log")
        try:
            asked = self._ask()
        finally:
            self._tell(asked)

    def _tell(self, asked: Asked) -> None:
        with self._lock:
            if asked.problem and self._last:  # what it had is listed still
                asked = msgspec.structs.replace(asked, models=self._last.models)
            self._last = asked
            self._until = self._clock() + (FAULT_S if asked.problem else KNOWN_S)
            self._asking = None


class RemoteSource:
    """The models of the `remotes` of the settings; `environ` has their keys."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        remotes: Mapping[str, RemoteSettings] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._remotes = remotes
        self._known = {
            name: _Known(lambda name=name, remote=remote: _ask(name, remote, environ), clock)  # type: ignore[misc]
            for name, remote in remotes.items()
        }

    def cards(self) -> tuple[ModelCard, ...]:
        """Return what the remotes have; one that can't be reached is there with its problem."""
        for known in self._known.values():
            known.get(0)  # all are asked before any is waited for
        return tuple(card for name in self._known for card in self._cards(name))

    def _cards(self, name: str) -> list[ModelCard]:
        known = self._known[name]
        asked = known.get(_patience(LISTING_WAIT_S if known.answered else FIRST_WAIT_S))
        models = asked.models or self._named(name)
        return [self._card(name, model, asked.problem) for model in models] or [
            self._card(name, RemoteModel(""), asked.problem or "it lists no model")
        ]

    def _named(self, name: str) -> tuple[RemoteModel, ...]:
        remote = self._remotes[name]
        return tuple(unlisted(model, remote) for model in remote.models)

    def card(self, name: str) -> ModelCard:
        """Return the card of `REMOTE/MODEL`, or of the only model of `REMOTE`.

        One of a remote that can't be reached just now is taken at its word.
        """
        remote_name, _, wanted = name.partition("/")
        if remote_name not in self._remotes:
            names = ", ".join(self._remotes) or "none"
            raise ModelNotFound(
                f"the settings know no remote {remote_name!r}",
                hint=f"they know {names}; add [remotes.{remote_name}] to config.toml",
            )
        known = self._known[remote_name]
        asked = known.get(0)
        if asked.problem:
            asked = known.get(_patience(LISTING_WAIT_S if asked.models else CARD_WAIT_S))
        models = asked.models or self._named(remote_name)
        if not wanted and (len(models) == 1 or (asked.problem and not models)):
            return self._card(remote_name, (*models, RemoteModel(""))[0], asked.problem)
        found = next((model for model in models if model.name == wanted), None)
        if found is None and not (wanted and asked.problem):
            has = ", ".join(f"remote:{remote_name}/{model.name}" for model in models[:10])
            raise ModelNotFound(
                f"{remote_name} has no model {wanted!r}" if wanted else f"which model of {remote_name}?",
                hint=f"it has {has}" if has else "it has none that may be used",
                param="model",
            )
        return self._card(remote_name, found or RemoteModel(wanted), asked.problem)

    def _card(self, remote_name: str, model: RemoteModel, problem: str | None) -> ModelCard:
        remote = self._remotes[remote_name]
        hosts = ", ".join(sorted({urlsplit(address).netloc for address in remote.addresses}))
        return ModelCard(
            reference=f"remote:{remote_name}/{model.name}" if model.name else f"remote:{remote_name}",
            name=model.name or remote_name,
            origin=f"{remote_name}, a server elsewhere: {hosts}",
            licence=None,
            size_bytes=0,
            installed=True,
            context_length=remote.context_length or model.context_length,
            purpose=model.purpose,
            place="elsewhere",
            engine="remote",
            weights=None,
            problem=problem,
        )

    async def fetch(self, name: str, progress: Progress) -> None:
        """Nothing has to come here."""

    def remove(self, name: str) -> None:
        raise Conflict(f"remote:{name} lies elsewhere", hint="take its [remotes] table out of config.toml")


def _patience(wait_s: float) -> float:
    """Return `wait_s` in a thread; an event loop never waits."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return wait_s
    return 0.0


def _ask(name: str, remote: RemoteSettings, environ: Mapping[str, str]) -> Asked:
    from fireside.remotes.lookup import list_models  # brings httpx, which few need

    try:
        return Asked(asyncio.run(list_models(name, remote, environ)))
    except FiresideError as error:
        return Asked(problem=error.message)
