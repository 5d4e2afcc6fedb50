"""Fixtures: the page as it is built, in Debian's chromium, in front of a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browsing import Visit
from fireside.server.routes.page import BUILT, HOW_TO_BUILD
from serving import Served, serving

SAMPLING = {"sampling_temperature": 0, "sampling_max_tokens": 48}
"""What a model says must not be left to chance, nor take long."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; `FIRESIDE_TEST_CHROMIUM` names another."""
    found = os.environ.get("FIRESIDE_TEST_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no chromium here: `apt-get install chromium` brings what the page is tested in")
    if not (BUILT / "index.html").is_file():
        pytest.skip(f"the page isn't built: `{HOW_TO_BUILD}`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """One real server with the real model for a module's tests; each uses its own conversations."""
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}", **SAMPLING) as server:
        yield server


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

    def opening(served: Served, address: str = "#/") -> Page:
        visits.append(Visit(context.new_page(), served.runtime.address))
        return visits[-1].open(address)

    yield opening
    for visited in visits:
        visited.check()
