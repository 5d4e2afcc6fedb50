"""The built page comes as a browser needs it, from its own folder alone, and without a key."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest

from fireside.server.routes import page
from visiting import SESSIONS, Place

SCRIPT = b"export const chat = 1;\n" * 40
PACKED = gzip.compress(SCRIPT)
LINKED = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page as the build leaves it, and files outside of it that nobody may have."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><script src="/assets/index-1a.js"></script>')
    (folder / "assets" / "index-1a.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-1a.js.gz").write_bytes(PACKED)
    (folder / "assets" / "index-1a.js.br").write_bytes(b"what brotli made of it")
    (folder / "assets" / "style-2b.css").write_bytes(b"p {}")
    (folder / "manifest.webmanifest").write_text("{}")
    (folder / "sw.js").write_text("// offline")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "icon-192.png").write_bytes(b"png")
    (folder / "assets" / "notes.py").write_text("no part of a page")
    (tmp_path / "secret.js").write_text("secret")
    (folder / "assets" / "linked.js").symlink_to(tmp_path / "secret.js")
    monkeypatch.setattr(page, "BUILT", folder)
    return folder


KINDS = {
    "/": "text/html; charset=utf-8",
    "/assets/index-1a.js": "text/javascript; charset=utf-8",
    "/assets/style-2b.css": "text/css; charset=utf-8",
    "/manifest.webmanifest": "application/manifest+json",
    "/sw.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
    "/icon-192.png": "image/png",
}


async def test_every_file_says_what_it_is_and_how_little_it_may_do(
    api: httpx.AsyncClient, built: Path
) -> None:
    for path, kind in KINDS.items():
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]
        rules = answer.headers["content-security-policy"].split("; ")
        wanted = {
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "object-src 'none'",
        }
        assert wanted <= set(rules)
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_another_device_sees_the_page_without_a_key_and_nothing_else(place: Place, built: Path) -> None:
    await place.key()
    phone = place.phone()
    for path in KINDS:
        assert (await phone.get(path, headers=LINKED if path == "/" else {})).status_code == 200
        assert (await phone.get(path, headers={"host": "evil.example"})).status_code == 403
        assert (await phone.get(path, headers={"sec-fetch-site": "cross-site"})).status_code == 403
        assert "cross-origin-opener-policy" not in (await phone.get(path)).headers, "browsers complain"
        tls = place.phone(scheme="https")
        assert (await tls.get(path)).headers["cross-origin-opener-policy"] == "same-origin"
    assert (await phone.get("/fireside/v1/conversations")).status_code == 401


async def test_the_page_learns_whether_a_key_is_needed_without_an_error(place: Place) -> None:
    async def needs_key(client: httpx.AsyncClient) -> bool:
        answer = await client.get("/health")
        assert answer.status_code == 200
        needed: bool = answer.json()["needs_key"]
        return needed

    phone = place.phone()
    assert [await needs_key(place.here), await needs_key(phone)] == [False, True]
    key = await place.key()
    assert [await needs_key(place.here), await needs_key(phone)] == [True, True]
    assert (await phone.post(SESSIONS, json={"key": key})).status_code == 201
    assert not await needs_key(phone)


async def test_names_with_a_digest_are_kept_and_the_rest_is_asked_for_again(
    api: httpx.AsyncClient, built: Path
) -> None:
    kept = await api.get("/assets/index-1a.js")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/", "/sw.js", "/manifest.webmanifest"):
        first = await api.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = await api.get(path, headers={"if-none-match": f'"old", W/{first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    (built / "index.html").write_text("a new page")
    changed = await api.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (changed.status_code, changed.text) == (200, "a new page")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.000, gzip; q=0", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_a_browser_gets_the_smallest_form_that_it_takes(
    api: httpx.AsyncClient, built: Path, accepted: str, encoding: str | None
) -> None:
    async with api.stream("GET", "/assets/index-1a.js", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"] == KINDS["/assets/index-1a.js"]
    assert answer.headers["vary"] == "accept-encoding"
    assert raw == {"br": b"what brotli made of it", "gzip": PACKED, None: SCRIPT}[encoding]


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fsecret.js",
        "%2e%2e/index.html",
        "../../../secret.js",
        ".%00.js",
        "index-1a.js%00.css",
        "linked.js",
        "notes.py",
        "index-1a.js.gz",
        "nothing.js",
        "C:secret.js",
        "a" * 200 + ".js",
        ".js",
    ],
)
async def test_no_name_leads_out_of_the_page(api: httpx.AsyncClient, built: Path, name: str) -> None:
    answer = await api.get(f"/assets/{name}")
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] == "not_found"


async def test_without_a_built_page_it_says_how_to_build_it(
    api: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "BUILT", tmp_path / "none")
    said = await api.get("/")
    assert said.status_code == 200
    assert "npm --prefix web ci &amp;&amp; npm --prefix web run build" in said.text
    assert said.headers["cache-control"] == "no-store"
    assert (await api.get("/assets/index-1a.js")).status_code == 404


@pytest.mark.skipif(not page.BUILT.is_dir(), reason="the page isn't built here")
async def test_everything_that_the_built_page_names_is_served(api: httpx.AsyncClient) -> None:
    for path in sorted(page.BUILT.rglob("*")):
        if path.is_file() and path.suffix not in (".gz", ".br", ".sha256"):
            name = path.relative_to(page.BUILT).as_posix()
            answer = await api.get("/" if name == "index.html" else f"/{name}")
            assert answer.status_code == 200, name
            assert answer.content == path.read_bytes(), name
