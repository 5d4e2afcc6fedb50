"""What licences are called."""

from __future__ import annotations

NAMES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "unlicense": "Unlicense",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
    "gpl-3.0": "GPL-3.0",
    "agpl-3.0": "AGPL-3.0",
    "mpl-2.0": "MPL-2.0",
    "odc-by": "ODC-By-1.0",
    "gemma": "Gemma Terms of Use",
    "llama2": "Llama 2 Community License",
    "llama3": "Llama 3 Community License",
    "llama3.1": "Llama 3.1 Community License",
    "llama3.2": "Llama 3.2 Community License",
    "llama3.3": "Llama 3.3 Community License",
    "llama4": "Llama 4 Community License",
    "openrail": "OpenRAIL",
    "openrail++": "OpenRAIL++",
    "bigscience-openrail-m": "BigScience OpenRAIL-M",
    "bigcode-openrail-m": "BigCode OpenRAIL-M",
    "bigscience-bloom-rail-1.0": "BigScience RAIL 1.0",
    "deepfloyd-if-license": "DeepFloyd IF License",
}
"""by the hub's name for them; named as SPDX does, or else as their makers do"""
_HUB_NAMES = {name.lower(): hub_name for hub_name, name in NAMES.items()}


def licence_name(hub_name: str | None) -> str | None:
    """Return what a licence is called; one that isn't known here as the hub writes it.

    >>> [licence_name(name) for name in ("apache-2.0", "gemma", "falcon-llm-license", None)]
    ['Apache-2.0', 'Gemma Terms of Use', 'falcon-llm-license', None]
    """
    if hub_name is None or hub_name == "unknown":
        return None
    return NAMES.get(hub_name, hub_name)


def hub_name(licence: str) -> str:
    """Return the hub's name for a licence, given by either name.

    >>> hub_name("Apache-2.0"), hub_name("Gemma Terms of Use"), hub_name("falcon-llm-license")
    ('apache-2.0', 'gemma', 'falcon-llm-license')
    """
    return _HUB_NAMES.get(licence.lower(), licence.lower())
