"""`/docs` shows every route, from our own files alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

import fireside.server
from serving import Served

PAGES = Path(fireside.server.__file__).parent / "pages"


async def test_the_page_allows_nothing_but_its_own_files(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text):
        assert (await api.get(name)).status_code == 200


@pytest.mark.parametrize("path", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere_and_nothing_is_inline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", text)
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)|innerHTML|@import", text)


async def test_every_route_says_what_it_does(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    silent = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description")
    ]
    assert silent == []


def test_a_browser_draws_every_route(served: Served, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium here")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    patience = ["--virtual-time-budget=20000", f"{served.runtime.address}/docs"]
    drawn = subprocess.run([browser, *flags, *patience], capture_output=True, text=True, check=True).stdout
    document = served.http.get("/openapi.json").json()
    routes = sum(len(methods) for methods in document["paths"].values())
    assert drawn.count("<article") == routes
    assert "prompt_tokens" in drawn
