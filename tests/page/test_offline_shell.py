"""The page opens without its server, says what is the matter, and is whole again when that is back."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from browsing import PATIENCE_MS, answered, ask, box
from serving import serving

Visiting = Callable[..., Page]


def test_the_page_opens_while_the_server_is_away(
    tmp_path: Path, smollm2: Path, port: int, visit: Visiting
) -> None:
    settings = {"model": f"file:{smollm2}", "port": port, "sampling_max_tokens": 16}
    with serving(tmp_path, **settings) as served:
        page = visit(served)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        served.end(signal.SIGKILL)
    page.goto("about:blank")
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.get_by_text("Fireside is not running")).to_be_visible(timeout=PATIENCE_MS)
    box(page).fill("written while it was away")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("radio", name="Dark")).to_be_visible()
    with serving(tmp_path, **settings) as served:
        page.get_by_role("link", name="New chat").click()
        expect(page.get_by_text("Fireside is not running")).to_have_count(0, timeout=PATIENCE_MS)
        expect(box(page)).to_have_value("written while it was away")
        ask(page, "Hello again")
        answered(page)


def test_the_page_can_be_installed_and_keeps_no_answers(
    tmp_path: Path, smollm2: Path, visit: Visiting
) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", sampling_max_tokens=16) as served:
        page = visit(served)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        ask(page, "Hello")
        answered(page)
        kept = page.evaluate(
            """async () => {
                const names = await caches.keys();
                const caught = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
                return caught.flat().map(({ url }) => new URL(url).pathname);
            }"""
        )
        assert "/" in kept
        assert [path for path in kept if not re.match(r"/(assets/|icon|manifest|$)", path)] == []
        manifest = page.evaluate("() => fetch('/manifest.webmanifest').then((answer) => answer.json())")
        assert manifest["display"] == "standalone"
        assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
