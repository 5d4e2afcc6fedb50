"""The chat page: the files that `web/` was built into, and what `/` says where it wasn't.

None of them holds anybody's data, so they are open without a key: the page is where one is entered.
Names are looked up on each request, so that a page which is built while the server runs is found.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from fireside.errors import NotFound
from fireside.server.callers import is_loopback
from fireside.server.perimeter import host_name
from fireside.settings import LOOPBACK_HOSTS

router = APIRouter(include_in_schema=False)
BUILT = Path(__file__).parent.parent / "built"
HOW_TO_BUILD = "npm --prefix web ci && npm --prefix web run build"

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "vary": "accept-encoding",
}
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Every kind of file that is served; Python's own table follows what the system's registry says."""
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""What the build wrote beside a file, the smallest first."""
SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

NOT_BUILT = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Fireside</title>
<p>Fireside is running, but its page wasn't built. In the project's folder:
<code>{HOW_TO_BUILD.replace("&", "&amp;")}</code></p>
</html>
"""


@router.get("/")
def page(request: Request) -> Response:
    if not (BUILT / "index.html").is_file():
        return HTMLResponse(NOT_BUILT, headers=HEADERS | {"cache-control": "no-store"})
    return _file(request, "index.html")


@router.get("/manifest.webmanifest")
def manifest(request: Request) -> Response:
    return _file(request, "manifest.webmanifest")


@router.get("/sw.js")
def service_worker(request: Request) -> Response:
    return _file(request, "sw.js")


@router.get("/favicon.ico")
def icon_of_old(request: Request) -> Response:
    """Browsers ask for it by themselves, whatever a page names."""
    return _file(request, "favicon.ico")


@router.get("/licences.md")
def licences(request: Request) -> Response:
    """The licences of what the page is built from travel with it."""
    return _file(request, "licences.md")


@router.get("/icon.svg")
def icon(request: Request) -> Response:
    return _file(request, "icon.svg")


@router.get("/icon-{name}")
def icon_in_a_size(request: Request, name: str) -> Response:
    return _file(request, f"icon-{name}")


@router.get("/assets/{name}")
def asset(request: Request, name: str) -> Response:
    """Their names hold a digest of what is in them, so a browser never has to ask again."""
    return _file(request, name, folder="assets", keep=FOR_EVER)


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


def _file(request: Request, name: str, *, folder: str = "", keep: str = ASK_AGAIN) -> Response:
    """Return a file of the page in the smallest form that the browser takes; NotFound for any other name."""
    path = _inside(folder, name)
    accepted = encodings_of(request.headers.get("accept-encoding", ""))
    headers = HEADERS | {"cache-control": keep}
    if _is_trusted(request):
        headers["cross-origin-opener-policy"] = "same-origin"
    data = None
    for encoding, suffix in ENCODINGS:
        if encoding in accepted and (packed := _inside(folder, name + suffix)).is_file():
            data = packed.read_bytes()
            headers["content-encoding"] = encoding
            break
    if data is None:
        if not path.is_file():
            raise NotFound(f"the page has no file {name}", hint="load the page again")
        data = path.read_bytes()
    tag = headers["etag"] = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    if tag in tags_of(request.headers.get("if-none-match", "")):
        headers.pop("content-encoding", None)
        return Response(None, 304, headers)
    return Response(data, 200, headers | {"content-type": KINDS[path.suffix]})


def _is_trusted(request: Request) -> bool:
    """Whether a browser trusts the way to us (W3C Secure Contexts, 3.1); over others it only complains."""
    name = host_name(request.headers.get("host", ""))
    return request.url.scheme == "https" or name in LOOPBACK_HOSTS or is_loopback(name)


def _inside(folder: str, name: str) -> Path:
    """Return where a file of the page lies; NotFound for what isn't one, by its name or by where it leads."""
    path = BUILT / folder / name
    plain = name.removesuffix(".br").removesuffix(".gz")
    if not SAFE_NAME.fullmatch(name) or Path(plain).suffix not in KINDS:
        raise NotFound(f"the page has no file {name}", hint="load the page again")
    if not path.resolve().is_relative_to(BUILT.resolve()):
        raise NotFound(f"the page has no file {name}", hint="load the page again")
    return path


def encodings_of(accepted: str) -> frozenset[str]:
    """Return what an Accept-Encoding header takes (RFC 9110, 12.5.3); `q=0` means not this one.

    >>> sorted(encodings_of("gzip, br;q=0, zstd;q=0.5"))
    ['gzip', 'zstd']
    """
    found = set()
    for one in accepted.split(","):
        name, _, weight = one.strip().lower().partition(";")
        if name and not re.fullmatch(r"\s*q=0(?:\.0{0,3})?\s*", weight):
            found.add(name.strip())
    return frozenset(found)


def tags_of(given: str) -> frozenset[str]:
    """Return the tags of an If-None-Match header, compared weakly (RFC 9110, 13.1.2).

    >>> sorted(tags_of('W/"one", "two"'))
    ['"one"', '"two"']
    """
    return frozenset(one.strip().removeprefix("W/") for one in given.split(","))
