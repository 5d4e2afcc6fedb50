"""The hub, asked for models by its own client: few questions, in time, and not again for some minutes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from fireside.errors import ConfigError, SearchFailed
from fireside.models.hub import ON, Hub
from fireside.models.search.hub_http import HubRefused, HubSilent, ask
from fireside.models.search.listed import Listed, listed
from fireside.offers import Wanted

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")
EACH = 40
"""models in one answer"""
DETAILED = 16
"""models whose files' sizes are asked for; with at most three lists, twenty questions a search"""
KEPT_S = 300.0
MAX_KEPT = 200
AT_ONCE = 4
DETAILS_S = 10.0
"""How long the sizes of files are waited for; without them they are reckoned."""
EXPANDED: Any = (
    *("downloads", "likes", "lastModified", "gated", "private", "disabled", "tags", "pipeline_tag"),
    *("siblings", "gguf", "safetensors"),
)
TASKS: dict[str, tuple[str | None, ...]] = {
    "chat": ("text-generation",),
    "embedding": ("sentence-similarity", "feature-extraction"),
    "ranking": ("text-ranking",),
}
UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)
"""what the client throws at answers that are no such answers; HTML and broken JSON are ValueErrors"""


class HubSearch:
    """Asks the hub that `HF_ENDPOINT` in `environ` names, or else the public one, with `HF_TOKEN`'s token."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._hub = Hub(environ)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hub")
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    @property
    def endpoint(self) -> str:
        try:
            return self._hub.endpoint
        except ConfigError as error:
            raise SearchFailed(error.message, hint=error.hint) from error

    async def listing(self, wanted: Wanted) -> list[Listed]:
        """Return the models that the hub lists for what is wanted, each once; those most fetched first.

        SearchFailed where it can't be asked.
        """
        answers = await asyncio.gather(*(self._list(**question) for question in questions(wanted)))
        found = {model.name: model for answer in answers for model in answer}
        return list(found.values())

    async def details(self, names: Iterable[str]) -> list[Listed]:
        """Return models with the sizes of their files; without those of which the hub doesn't tell soon."""
        tasks = [asyncio.create_task(self._details(name)) for name in names]
        if not tasks:
            return []
        done, late = await asyncio.wait(tasks, timeout=DETAILS_S)
        for task in late:
            task.cancel()
        return [model for task in tasks if task in done and (model := task.result()) is not None]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _details(self, name: str) -> Listed | None:
        def call(api: HfApi) -> Listed | None:
            return listed(api.model_info(name, files_metadata=True))

        try:
            return await self._ask(("details", name), call)
        except SearchFailed:
            return None

    async def _list(self, **question: Any) -> list[Listed]:
        def call(api: HfApi) -> list[Listed]:
            models = []
            for info in api.list_models(**question, sort="downloads", limit=EACH, expand=list(EXPANDED)):
                model = listed(info)
                if model is not None:
                    models.append(model)
            return models

        return await self._ask(("list", json.dumps(question, sort_keys=True)), call)

    async def _ask(self, key: tuple[str, ...], call: Callable[[HfApi], T]) -> T:
        kept = self._kept.get(key)
        if kept and time.monotonic() - kept[0] < KEPT_S:
            answer: T = kept[1]
            return answer
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._ask_now, call)
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (time.monotonic(), answer)
        return answer

    def _ask_now(self, call: Callable[[HfApi], T]) -> T:
        endpoint = self.endpoint
        host = endpoint.partition("://")[2]
        if self._environ.get("HF_HUB_OFFLINE", "").upper() in ON:
            raise SearchFailed(f"{host} isn't asked: HF_HUB_OFFLINE is set", hint="unset it to search")
        api = self._hub.api
        try:
            return ask(endpoint, lambda: call(api))
        except HubRefused as error:
            raise _refused(host, error.status) from error
        except HubSilent as error:
            raise SearchFailed(
                f"the search at {host} failed: {error}",
                hint="check the network, and HF_ENDPOINT if you use a mirror; `fireside models search` "
                "without words shows good models offline",
            ) from error
        except UNREADABLE as error:
            raise SearchFailed(
                f"{host} sends an answer that can't be read",
                hint="check HF_ENDPOINT: it must name a hub",
            ) from error


def questions(wanted: Wanted) -> list[dict[str, Any]]:
    """Return what the hub is asked: once for GGUF, and once for each kind of other weights.

    >>> [question["filter"] for question in questions(Wanted(languages=("de",), tuned_for="instruct"))]
    [['de', 'conversational', 'gguf'], ['de', 'conversational', 'safetensors']]
    """
    shared: dict[str, Any] = {}
    if words := " ".join((*wanted.words, *(["code"] if wanted.code else []))):
        shared["search"] = words
    if sizes := _sizes(wanted):
        shared["num_parameters"] = sizes
    filters = [*wanted.languages]
    if wanted.purpose == "chat" and wanted.tuned_for == "instruct":
        filters.append("conversational")
    asked = []
    if wanted.weights != "safetensors":
        asked.append({**shared, "filter": [*filters, "gguf"]})
    if wanted.weights != "gguf" and not wanted.sees:  # only GGUF is shown pictures
        # Where a name is given, what can't be run is shown too, and said to be so.
        library = [] if wanted.words else ["safetensors"]
        kinds = TASKS[wanted.purpose]
        asked += [{**shared, "filter": [*filters, *library], "pipeline_tag": kind} for kind in kinds]
    return asked


def _sizes(wanted: Wanted) -> str | None:
    """Return the range of parameters as the hub writes it, in whole billions around what is wanted.

    >>> _sizes(Wanted(least_parameters=1_950_000_000, most_parameters=4_050_000_000)), _sizes(Wanted())
    ('min:1B,max:5B', None)
    """
    least, most = wanted.least_parameters, wanted.most_parameters
    ends = [f"min:{least // 1_000_000_000}B"] if least and least >= 1e9 else []
    ends += [f"max:{-(-most // 1_000_000_000)}B"] if most else []
    return ",".join(ends) or None


def _refused(host: str, status: int) -> SearchFailed:
    if status in (401, 403):
        return SearchFailed(
            f"{host} doesn't let us search ({status})", hint="correct HF_TOKEN, or run `hf auth login`"
        )
    if status == 429:
        return SearchFailed(f"{host} was asked too often (429)", hint="try again in some minutes")
    if status == 404:
        return SearchFailed(f"{host} is no hub (404)", hint="check HF_ENDPOINT")
    return SearchFailed(f"{host} answers {status}", hint="try again later")
