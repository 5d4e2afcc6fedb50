"""Fixtures: the page as it is built, in Debian's chromium, in front of a real server."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browsing import ELSEWHERE, Visit
from fireside.server.routes.page import BUILT, HOW_TO_BUILD
from serving import Served, serving

SAMPLING = {"sampling_temperature": 0, "sampling_max_tokens": 48}
"""What a model says must not be left to chance, nor take long."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; `FIRESIDE_TEST_CHROMIUM` names another.

    Playwright keeps an event loop running in this thread: it must have ended before the tests of others.
    """
    found = os.environ.get("FIRESIDE_TEST_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no chromium here: `apt-get install chromium` brings what the page is tested in")
    if not (BUILT / "index.html").is_file():
        pytest.skip(f"the page isn't built: `{HOW_TO_BUILD}`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """One real server with the real model for a module's tests; each uses its own conversations."""
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}", **SAMPLING) as server:
        yield server


@pytest.fixture
def port() -> int:
    """One that is free now, for a server that comes back where it was."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past, in English, that tells at its end what it should never have done."""
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Callable[[Served, str], Page]]:
    """Open the page; at the end no dialog, no error and no request to anybody else may have been seen."""
    visits: list[Visit] = []

    def opening(served: Served, fragment: str = "#/", host: str = "") -> Page:
        address = served.runtime.address
        if host:
            address = address.replace("127.0.0.1", host)
        visits.append(Visit(context.new_page(), address))
        return visits[-1].open(fragment)

    yield opening
    for visited in visits:
        visited.check()
