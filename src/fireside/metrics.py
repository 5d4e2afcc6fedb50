"""What is counted while the server runs, for Prometheus and programs like it.

Names follow its conventions (https://prometheus.io/docs/practices/naming/): base units, `_total` for what
only grows. No label ever holds anybody's words: routes are templates.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from fireside.messages import Usage

FIRST_TOKEN_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


class _LastData(msgspec.Struct):
    timings: _Timings | None = None


_last = msgspec.json.Decoder(_LastData)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "fireside_requests",
            "Requests that were answered; 499: the client left first.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._first_token = Histogram(
            "fireside_first_token_seconds",
            "From a request to the first token of its reply, with the queue and the load.",
            buckets=FIRST_TOKEN_S,
            registry=registry,
        )
        self._prompt = Counter(
            "fireside_prompt_tokens", "Tokens of prompts, cached ones too.", registry=registry
        )
        self._cached = Counter(
            "fireside_cached_tokens", "Tokens of prompts that had been read before.", registry=registry
        )
        self._completion = Counter(
            "fireside_completion_tokens", "Tokens that were generated.", registry=registry
        )

    def request(self, method: str, route: str, status: int) -> None:
        """Count an answered request; `route` is the template, never the path."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()

    def reply(self, usage: Usage, first_token_s: float | None) -> None:
        """Count what a reply read and wrote."""
        if first_token_s is not None:
            self._first_token.observe(first_token_s)
        self._prompt.inc(usage.prompt_tokens)
        self._cached.inc(usage.cached_tokens or 0)
        self._completion.inc(usage.completion_tokens)

    def text(self, *collectors: Collector) -> bytes:
        """Return everything in Prometheus' text format, with what `collectors` know at this moment."""
        moment = CollectorRegistry()
        for collector in collectors:
            moment.register(collector)
        return generate_latest(self.registry) + generate_latest(moment)


class Heard:
    """Reads along a relayed answer that was asked for at `begun` (monotonic, in seconds)."""

    def __init__(self, metrics: Metrics, begun: float) -> None:
        self._metrics = metrics
        self._begun = begun
        self._first_s: float | None = None
        self._timings = b""

    def see(self, data: bytes) -> None:
        """Look at one event's data, which nearly always is of no interest."""
        if self._first_s is None and b'"prompt_progress":' not in data:
            self._first_s = time.monotonic() - self._begun
        # Inside of what was said the quotation marks would be escaped.
        if b'"timings":' in data:
            self._timings = data

    def end(self) -> None:
        """Count what the answer came to, as far as the engine told."""
        if self._timings and (counts := _last.decode(self._timings).timings):
            usage = Usage(counts.prompt_n + counts.cache_n, counts.predicted_n, counts.cache_n)
            self._metrics.reply(usage, self._first_s)


def gauge(name: str, meaning: str, values: Iterable[tuple[dict[str, str], float | None]]) -> Metric:
    """Return a gauge with a value for each set of labels; None is left out."""
    made = GaugeMetricFamily(name, meaning)
    for labels, value in values:
        if value is not None:
            made.add_sample(name, labels, value)
    return made
