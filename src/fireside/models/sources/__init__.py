"""Where models come from. A new source is one file here and one line in this table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import msgspec

from fireside.cards import ModelCard

SOURCES = {
    "pypi": "fireside.models.sources.pypi:PypiSource",
    "file": "fireside.models.sources.file:FileSource",
    "hf": "fireside.models.sources.hub:HubSource",
    "https": "fireside.models.sources.https:HttpsSource",
    "remote": "fireside.models.sources.remote:RemoteSource",
    "converted": "fireside.models.sources.converted:ConvertedSource",
}

OTHER_PROGRAMS = {
    "ollama": "fireside.models.sources.ollama:Ollama",
    "lmstudio": "fireside.models.sources.lm_studio:LmStudio",
    "jan": "fireside.models.sources.jan:Jan",
    "gpt4all": "fireside.models.sources.gpt4all:Gpt4All",
    "hf-cache": "fireside.models.sources.hub_cache:HubCache",
}
"""Programs that keep models here (`models.other_programs`); a file that several share is the first's."""
SOURCES |= OTHER_PROGRAMS
IN_PLACE = frozenset(("file", *OTHER_PROGRAMS))
"""Sources whose models are used where they lie: nothing of them is fetched."""


Stage = Literal["fetching", "verifying"]


class PullProgress(msgspec.Struct, frozen=True):
    """How far a model is fetched: bytes over the network, then bytes unpacked and checked."""

    stage: Stage
    done_bytes: int
    total_bytes: int


Progress = Callable[[PullProgress], None]
"""Called in the event loop's thread."""


class Source(Protocol):
    """One place that models come from. `name` is a reference without its source."""

    def cards(self) -> tuple[ModelCard, ...]:
        """Return what this source offers without asking anybody, whether it is here or not."""
        ...

    def card(self, name: str) -> ModelCard:
        """Return what is known of one model; ModelNotFound, or ModelDamaged for what is here and broken."""
        ...

    async def fetch(self, name: str, progress: Progress) -> None:
        """Bring the model here, whole and verified, or raise DownloadFailed or ModelNotFound."""
        ...

    def remove(self, name: str) -> None:
        """Delete what `fetch` brought; Conflict where nothing here is Fireside's to delete."""
        ...


@runtime_checkable
class Asks(Protocol):
    """A source that can ask somebody about models that aren't here."""

    async def look_up(self, name: str) -> ModelCard:
        """Return the card of what `fetch` would bring; the errors are those of `fetch`."""
        ...
