"""Takes the pictures of the page that the guides show: `python benchmarks/pictures.py --model FILE.gguf`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from browsing import an_export
from serving import Served, serving

PICTURES = Path(__file__).parent.parent / "docs" / "images"
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
ANSWER = """In a **list comprehension**, the loop stands inside the brackets:

```python
squares = [n * n for n in range(10) if n % 2]
```

| part | meaning |
|---|---|
| `n * n` | what goes into the list |
| `for n in range(10)` | where it comes from |
| `if n % 2` | which of it is taken |

The sum of the first $k$ odd numbers is $k^2$, by the way.
"""
CHATS = (
    (
        "Tomatoes on a balcony",
        "Which tomatoes grow on a balcony?",
        "Small ones: *Tumbling Tom* hangs from a pot.",
    ),
    ("A letter to the school", "Write to the school.", "Dear Ms Brown, Ada will be late on Friday."),
    ("A loop inside brackets", "What is a list comprehension in Python?", ANSWER),
)


def said(served: Served) -> str:
    """Bring a few chats in; return the id of the last."""
    chats = [{"title": title, "messages": [("user", q), ("assistant", a)]} for title, q, a in CHATS]
    served.http.post("/fireside/v1/import", content=an_export(*chats))
    listed = served.get("/conversations")["conversations"]
    return next(str(one["id"]) for one in listed if one["title"] == CHATS[-1][0])


def take(browser: Browser, served: Served, chat: str, folder: Path) -> None:
    views = {"new": ("#/", DESK), "chat": (f"#/c/{chat}", DESK), "phone": (f"#/c/{chat}", PHONE)}
    for theme in ("light", "dark"):
        for name, (address, size) in views.items():
            context = browser.new_context(
                viewport=size,
                color_scheme="light" if theme == "light" else "dark",
                locale="en-GB",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(f"{served.runtime.address}/{address}")
            expect(page.locator("math" if name != "new" else ".greeting").first).to_be_attached()
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"page-{name}-{theme}.png")
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), model=f"file:{chosen.model}") as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=["--no-sandbox"])
        take(browser, served, said(served), PICTURES)
        browser.close()


if __name__ == "__main__":
    main()
