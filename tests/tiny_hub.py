"""A hub with one small model in two quantisations, and what is stored of it."""

from __future__ import annotations

from pathlib import Path

import made_gguf
from hub_server import REVISION, Repo

WEIGHTS = bytes(range(256)) * 8_192
SMALL, LARGE = made_gguf.gguf(weights=WEIGHTS), made_gguf.gguf({"general.file_type": 7}, weights=WEIGHTS * 2)
GGUF = "maker/tiny-GGUF"
CARD = {"license": "apache-2.0", "language": ["en", "de"], "base_model": "maker/tiny"}
PLAIN_NAME, REFERENCE = f"hf:{GGUF}", f"hf:{GGUF}:Q4_K_M"
WHOLE = [f"hf/maker/tiny-gguf/{REVISION}/tiny-Q4_K_M.gguf", "hf/maker/tiny-gguf/Q4_K_M.json"]


def tiny_repo() -> Repo:
    return Repo({"tiny-Q4_K_M.gguf": SMALL, "tiny-Q8_0.gguf": LARGE, "README.md": b"# Tiny"}, card=CARD)


def files(folder: Path) -> list[str]:
    """Return what is stored, without the locks."""
    every = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in every if not name.endswith(".lock"))
