"""What licences are called, and what those that don't allow nearly everything ask or forbid."""

from __future__ import annotations

OPEN = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "unlicense": "Unlicense",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "mpl-2.0": "MPL-2.0",
    "odc-by": "ODC-By-1.0",
}
"""Those that allow use for any purpose, by the hub's name for them; named as SPDX does."""

_OWN_WORKS = "models that are made from it have to carry the same terms"
_NO_TRADE = "not for commercial use"
_POLICY = "its policy of acceptable use applies, and very large companies need a licence of their own"
RESTRICTED = {
    "gemma": ("Gemma Terms of Use", f"its prohibited uses apply, and {_OWN_WORKS}"),
    "llama2": ("Llama 2 Community License", _POLICY),
    "llama3": ("Llama 3 Community License", _POLICY),
    "llama3.1": ("Llama 3.1 Community License", _POLICY),
    "llama3.2": ("Llama 3.2 Community License", _POLICY),
    "llama3.3": ("Llama 3.3 Community License", _POLICY),
    "llama4": ("Llama 4 Community License", _POLICY),
    "cc-by-sa-4.0": ("CC-BY-SA-4.0", _OWN_WORKS),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", _NO_TRADE),
    "cc-by-nc-sa-4.0": ("CC-BY-NC-SA-4.0", f"{_NO_TRADE}; {_OWN_WORKS}"),
    "cc-by-nc-nd-4.0": ("CC-BY-NC-ND-4.0", f"{_NO_TRADE}; nothing changed may be passed on"),
    "gpl-3.0": ("GPL-3.0", _OWN_WORKS),
    "agpl-3.0": ("AGPL-3.0", _OWN_WORKS),
    "openrail": ("OpenRAIL", "uses that it lists are forbidden"),
    "openrail++": ("OpenRAIL++", "uses that it lists are forbidden"),
    "bigscience-openrail-m": ("BigScience OpenRAIL-M", "uses that it lists are forbidden"),
    "bigcode-openrail-m": ("BigCode OpenRAIL-M", "uses that it lists are forbidden"),
    "bigscience-bloom-rail-1.0": ("BigScience RAIL 1.0", "uses that it lists are forbidden"),
    "deepfloyd-if-license": ("DeepFloyd IF License", _NO_TRADE),
    "other": ("other", "a licence of its own: read it on the model's page"),
}
"""Those with conditions that somebody should know before: name, and the conditions in plain words."""


def licence_name(hub_name: str | None) -> str | None:
    """Return what a licence is called; one that isn't known here as the hub writes it.

    >>> [licence_name(name) for name in ("apache-2.0", "gemma", "falcon-llm-license", None)]
    ['Apache-2.0', 'Gemma Terms of Use', 'falcon-llm-license', None]
    """
    if hub_name is None or hub_name == "unknown":
        return None
    return OPEN.get(hub_name) or RESTRICTED.get(hub_name, (hub_name,))[0]


def terms_of(hub_name: str | None) -> str | None:
    """Return in plain words what a licence asks or forbids; None for one that allows nearly everything.

    >>> terms_of("mit"), terms_of("cc-by-nc-4.0")
    (None, 'not for commercial use')
    """
    if hub_name is None or hub_name == "unknown":
        return "nobody says what is allowed: ask its makers before you use it for more than trying"
    if hub_name in OPEN:
        return None
    return RESTRICTED[hub_name][1] if hub_name in RESTRICTED else "read its terms on the model's page"
