"""How fast the page is: in a real browser, before a real server whose engine says a script at a fixed pace.

Run with the built page and Playwright: `python benchmarks/page.py --model /path/to/model.gguf`. The model
is only named, never loaded. Printed as a Markdown table of medians, beside what issue 4 allows.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import httpx
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from browsing import an_export
from fireside.app import App
from fireside.engines.leases import Engines
from fireside.engines.protocol import Piece
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.server.routes.page import BUILT
from fireside.settings import Home, Settings
from scripted import Script, ScriptedEngine, ScriptedStart, ids_of
from serving import PATIENCE_S, wait_for

LOADS = 5
MESSAGES = 5000
PACE = 200
STREAMED = 2000
WHEELS = 120

PROSE = """## Part {n}

A paragraph with **bold** words, some `code` and a [link](https://example.org/{n}), long enough to fill a
few lines of the column as answers of a model do, and then a little longer still, for good measure.

- the first of three things
- the second one
- the third

```python
def part_{n}(x: int) -> int:
    return x * {n}
```

| a | b |
|---|---|
| {n} | $x^{n}$ |

"""
WATCH_LOAD = """
const seen = (window.seen = { ready: 0 });
const look = () => {
    const field = document.querySelector("#composer textarea");
    if (field && document.querySelector(".greeting")) seen.ready ||= performance.now();
    else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
OPEN = """
([address, last]) => new Promise((done) => {
    const begun = performance.now();
    const look = () => {
        // Only the newest message is read: the text of the whole page would be a part of what is measured.
        const found = [...document.querySelectorAll("article .prose")].at(-1);
        if (!found?.textContent.includes(last)) return requestAnimationFrame(look);
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
    };
    location.hash = address;
    look();
})
"""
WATCH_TASKS = """
() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((task) => task.duration)))
        .observe({ type: "longtask" });
}
"""


class Paced(ScriptedEngine):
    """Says words at a fixed pace, one token each."""

    async def _play(self, script: Script, said: list[int], max_tokens: int) -> AsyncIterator[Piece]:
        begun = time.monotonic()
        for number, step in enumerate(script):
            assert isinstance(step, str)
            await asyncio.sleep(max(0.0, begun + number / PACE - time.monotonic()))
            said.append(ord(step[0]))
            yield Piece(step, ids_of(step[0]))


def words() -> list[str]:
    """Return as many pieces of Markdown as are streamed."""
    text = "".join(PROSE.replace("{n}", str(n)) for n in range(200))
    return [word + " " for word in text.split(" ")][:STREAMED]


@contextmanager
def serving_in_process(home: Path, model: Path) -> Iterator[str]:
    """Yield the address of a server of this process with a paced engine."""
    ready: list[uvicorn.Server] = []

    async def serve() -> None:
        chosen = Settings(model=f"file:{model}")
        engines = Engines(ScriptedStart(lambda file: Paced([words()], model=file)), chosen)
        app = App.open(chosen, Home(home, home), engines)
        asgi = build(app, Runtime(1, "http://127.0.0.1", "token", "0", "serve"), Activity(), lambda: None)
        ready.append(uvicorn.Server(uvicorn.Config(asgi, port=0, log_level="critical", lifespan="off")))
        await ready[0].serve()
        await app.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        wait_for(lambda: ready and ready[0].started, "the server listens")
        yield f"http://127.0.0.1:{ready[0].servers[0].sockets[0].getsockname()[1]}"
    finally:
        ready[0].should_exit = True
        thread.join(PATIENCE_S)


def loading(browser: Browser, address: str) -> dict[str, float]:
    """Load the page anew in browsers without a past."""
    paints, readies, scripts = [], [], set()
    for _ in range(LOADS):
        context = browser.new_context(service_workers="block")
        page = context.new_page()
        page.on("request", lambda request: scripts.add(request.url.rpartition("/")[2]))
        page.add_init_script(WATCH_LOAD)
        page.goto(address)
        page.wait_for_function("seen.ready")
        page.wait_for_load_state("networkidle")
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        readies.append(page.evaluate("seen.ready"))
        context.close()
    files = [BUILT / "assets" / name for name in scripts if name.endswith(".js")]
    size = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    return {
        "bytes": size,
        "paint": statistics.median(paints),
        "ready": statistics.median(readies),
    }


def a_long_chat(address: str) -> str:
    """Import a conversation of thousands of messages; return its id."""
    said: list[tuple[str, str]] = []
    for n in range(0, MESSAGES, 2):
        said += [("user", f"Question {n}?"), ("assistant", PROSE.replace("{n}", str(n)))]
    with httpx.Client(base_url=address, timeout=PATIENCE_S, trust_env=False) as http:
        http.post("/fireside/v1/import", content=an_export({"title": "Long", "messages": said}))
        listed = http.get("/fireside/v1/conversations").json()["conversations"]
    (identity,) = (one["id"] for one in listed if one["title"] == "Long")
    return str(identity)


def opening(browser: Browser, address: str, chat: str) -> dict[str, float]:
    """Open a conversation of thousands, and scroll up in it."""
    took, longest, long = [], [], []
    for _ in range(LOADS):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".greeting")
        page.wait_for_load_state("networkidle")
        took.append(page.evaluate(OPEN, [f"#/c/{chat}", f"Part {MESSAGES - 2}"]))
        page.wait_for_load_state("networkidle")
        page.evaluate(WATCH_TASKS)
        page.mouse.move(700, 400)
        for _ in range(WHEELS):
            page.mouse.wheel(0, -400)
            page.evaluate("() => new Promise(requestAnimationFrame)")
        tasks = page.evaluate("tasks")
        longest.append(max(tasks, default=0))
        long.append(len(tasks))
        page.close()
    return {
        "open": statistics.median(took),
        "longest": statistics.median(longest),
        "long": statistics.median(long),
    }


def streaming(browser: Browser, address: str) -> dict[str, float]:
    """Ask, and see how busy the page's main thread is while the answer streams in."""
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("textbox", name="Your message").fill("Tell me all")
    page.get_by_role("button", name="Send").click()
    page.wait_for_selector("article .prose li")
    busy = busy_share(page, lambda: page.wait_for_timeout((STREAMED / PACE - 4) * 1000))
    drawn = len(page.locator("article").last.inner_text())
    page.close()
    return {"busy": busy, "drawn": drawn}


def busy_share(page: Page, meanwhile: Callable[[], Any]) -> float:
    """Return the share of the time during which the main thread was at work, in %."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def metrics() -> dict[str, float]:
        return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}

    before = metrics()
    meanwhile()
    after = metrics()
    wall = after["Timestamp"] - before["Timestamp"]
    return 100 * (after["TaskDuration"] - before["TaskDuration"]) / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file; it is named, never loaded")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        serving_in_process(Path(home), chosen.model) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=["--no-sandbox"])
        load = loading(browser, address)
        stream = streaming(browser, address)
        chat = opening(browser, address, a_long_chat(address))
        version = browser.version
        browser.close()
    cores, busy = os.cpu_count(), os.getloadavg()[0]
    print(f"Chromium {version}, {cores} cores, load {busy:.1f}, median of {LOADS} runs\n")
    print("| what | measured | allowed |\n|---|---|---|")
    print(f"| JavaScript on first load, gzip | {load['bytes'] / 1000:.1f} KB | 120 KB |")
    print(f"| first paint | {load['paint']:.0f} ms | 500 ms |")
    print(f"| ready to type | {load['ready']:.0f} ms | 1,000 ms |")
    print(f"| a conversation of {MESSAGES:,} messages opens | {chat['open']:.0f} ms | 500 ms |")
    print(
        f"| longest task while it scrolls | {chat['longest']:.0f} ms ({chat['long']:.0f} over 50) | 50 ms |"
    )
    print(f"| main thread busy at {PACE} tokens/s | {stream['busy']:.0f} % | 50 % |")


if __name__ == "__main__":
    main()
