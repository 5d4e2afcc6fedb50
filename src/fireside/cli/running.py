"""Carrying out a command: with the server, and with every error told in one way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fireside.cli.languages import _

if TYPE_CHECKING:
    from fireside.client.routes import AsyncClient

T = TypeVar("T")
INTERRUPTED = 130


def run(work: Callable[[AsyncClient], Coroutine[Any, Any, T]], *, asks: str | None = None) -> T:
    """Return what `work` returns, given a client of the server, which is started when it isn't running.

    `asks` names the model that is going to be asked, as `connected` takes it.
    Ctrl-C cancels the work, which may tidy up, and ends the command with 130.
    """
    return wait_for(_with_client(work, asks))


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; Ctrl-C cancels it and ends the command with 130."""
    import asyncio

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None


async def _with_client(work: Callable[[AsyncClient], Coroutine[Any, Any, T]], asks: str | None) -> T:
    from fireside.client.routes import connected

    with ExitStack() as told:
        async with connected(on_start=lambda: _tell_start(told), asks=asks) as client:
            told.close()
            return await work(client)


def _tell_start(told: ExitStack) -> None:
    """Say that the server is starting, where somebody watches, until `told` is closed."""
    from fireside.cli.output import waiting

    told.enter_context(waiting()).tell(_("starting the server"))
