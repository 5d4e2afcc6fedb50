"""What a licence asks of those who use a model, in one plain sentence; not a lawyer's word."""

from __future__ import annotations

import re

from fireside.models.licences import hub_name

_FREE = re.compile(
    r"apache-2\.0|mit|isc|unlicense|wtfpl|zlib|cc0-1\.0|cc-by(-sa)?-[\d.]+|[al]?gpl(-[\d.]+)?|bsd.*|mpl-2\.0|ms-pl"
    r"|artistic-2\.0|afl-3\.0|ecl-2\.0|epl-[\d.]+|eupl-[\d.]+|osl-3\.0|postgresql|cdla-permissive-[\d.]+|bsl-1\.0"
)
"""licences that allow any use of what a model answers, by the hub's names for them"""
_LLAMA = "its policy of acceptable use applies, and very large companies need a licence of their own"
_SHARED = "what is made from it and passed on has to carry the same terms"
_OWN = {
    "gemma": f"its prohibited uses apply; {_SHARED}",
    **dict.fromkeys(("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4"), _LLAMA),
}
_RAIL = re.compile(r".*openrail.*|bigscience-bloom-rail.*|creativeml.*")


def terms_of(licence: str | None, *, gated: bool, where: str) -> str | None:
    """Return what a licence asks or forbids and `where` to read it; None where any use is free.

    `licence` is the hub's name for it (https://huggingface.co/docs/hub/repositories-licenses). A
    model is `gated` when its makers give it only to those who accept their terms.

    >>> terms_of("apache-2.0", gated=False, where="x")
    >>> terms_of("cc-by-nc-4.0", gated=False, where="hub.example/a/b")
    'not for commercial use (cc-by-nc-4.0); see hub.example/a/b'
    """
    words = conditions_of(licence) or ""
    if gated:
        words = "; ".join(filter(None, ["given only to those who accept its makers' terms", words]))
    return f"{words}; see {where}" if words else None


def conditions_of(licence: str | None) -> str | None:
    """Return what a licence asks or forbids; None where any use of what a model answers is free.

    >>> conditions_of("mit"), conditions_of("cc-by-nc-4.0")
    (None, 'not for commercial use (cc-by-nc-4.0)')
    """
    licence = hub_name(licence) if licence else ""
    if not licence or licence == "unknown":
        return "nobody says under which licence it is given, so ask before you rely on it"
    if _FREE.fullmatch(licence):
        return None
    if licence in _OWN:
        return _OWN[licence]
    if "-nc" in licence or "non-commercial" in licence or "noncommercial" in licence:
        return f"not for commercial use ({licence})"
    if _RAIL.fullmatch(licence):
        return f"some uses are prohibited ({licence})"
    return f"a licence of its makers' own, which may restrict its use ({licence})"
