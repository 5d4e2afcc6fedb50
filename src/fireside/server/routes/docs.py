"""`/docs`: the reference of the interface, made in the browser from `/openapi.json`.

All of it comes from our own files; the policy lets the browser ask nobody else.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)
PAGES = Path(__file__).parent.parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def _file(name: str, kind: str) -> Response:
    return Response((PAGES / name).read_bytes(), media_type=kind, headers=HEADERS)


@router.get("/docs")
def reference() -> Response:
    return _file("docs.html", "text/html")


@router.get("/docs/docs.css")
def style() -> Response:
    return _file("docs.css", "text/css")


@router.get("/docs/docs.js")
def script() -> Response:
    return _file("docs.js", "text/javascript")
