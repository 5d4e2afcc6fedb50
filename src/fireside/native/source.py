"""llama.cpp's source, as a package of the index carries it: one pinned archive, used if its hash is right."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from fireside.builds import Built
from fireside.errors import DownloadFailed
from fireside.models.pip_configuration import read_pip_configuration
from fireside.models.sources.download import Download, Fetched
from fireside.models.sources.package_index import Candidate, asking, bring
from fireside.models.sources.pull import discard
from fireside.models.sources.web import Failure, Web
from fireside.models.sources.wheel import sha256_of
from fireside.models.sources.work import in_thread
from fireside.native import changes

PROJECT = "llama-cpp-python"
VERSION = "0.3.36"
ARCHIVE = f"llama_cpp_python-{VERSION}.tar.gz"
ARCHIVE_BYTES = 76_589_250
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
ROOT = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
UNUSED = ("docs/", "models/", "tests/", "media/", "benches/", "examples/", "gguf-py/", "conversion/", "ci/")
"""three quarters of the archive, of which nothing is compiled"""
MOST_MEMBERS, MOST_BYTES = 20_000, 500 << 20
LIMIT_BYTES = ARCHIVE_BYTES + (8 << 20)


def identity() -> str:
    """Return what tells this source, with Fireside's changes, from others."""
    return f"{PROJECT} {VERSION} + {changes.version()}"


def is_source_of(built: Built) -> bool:
    """Return whether an engine was built from this very source, and not from another version's."""
    return built.source == identity()


async def fetch_source(folder: Path, environ: Mapping[str, str], fetched: Fetched) -> Path:
    """Return the folder of llama.cpp's source inside of `folder`, with Fireside's changes.

    It is fetched and unpacked where it isn't there yet; one with other changes makes way.

    DownloadFailed where the package index can't be asked, or has another archive of that name.
    """
    source = folder / f"llama.cpp-{VERSION}-{changes.version()}"
    if not _is_there(source):
        archive = folder / f"{ARCHIVE}.part"
        await _download(archive, environ, fetched)
        await in_thread(lambda _stop: _unpack(archive, source))
    return source


def _is_there(source: Path) -> bool:
    source.parent.mkdir(parents=True, exist_ok=True)
    return source.is_dir()


async def _download(archive: Path, environ: Mapping[str, str], fetched: Fetched) -> None:
    configuration = read_pip_configuration(environ)
    async with asking(configuration, environ) as web:
        failures = await bring(
            web,
            configuration,
            PROJECT,
            ARCHIVE,
            lambda found: _from(found, archive, web, configuration.retries, fetched),
        )
    if failures is None:
        return
    reasons = "; ".join(dict.fromkeys(map(str, failures))) or f"your package index doesn't offer {ARCHIVE}"
    raise DownloadFailed(
        f"llama.cpp's source couldn't be fetched: {reasons}",
        hint=failures[0].hint if failures else "name another index with PIP_INDEX_URL",
    )


async def _from(found: Candidate, archive: Path, web: Web, retries: int, fetched: Fetched) -> None:
    if found.path is not None:
        await in_thread(lambda _stop: shutil.copyfile(found.path or "", archive))
    else:
        await Download(web, found, archive, limit_bytes=LIMIT_BYTES, fetched=fetched).run(retries)
    if await in_thread(lambda stop: sha256_of(archive, stop)) != SHA256:
        discard(archive)
        raise Failure(
            f"{ARCHIVE} is not the archive that Fireside was tested with (its SHA-256 differs)",
            hint="try again; if it fails again, the index or a proxy on the way alters its files",
        )


def _unpack(archive: Path, source: Path) -> None:
    """Make the folder `source` of what is compiled in the archive, whole or not at all; others make way.

    Its hash is known; the bounds are for bad days.
    """
    target = source.with_name(f"{source.name}.new")
    for other in source.parent.glob("llama.cpp-*"):
        shutil.rmtree(other, ignore_errors=True)
    written = 0
    with tarfile.open(archive) as tar:
        for number, member in enumerate(tar):
            name = member.name.removeprefix(ROOT)
            if name == member.name or name.startswith(UNUSED) or not member.isreg():
                continue
            written += member.size
            if number > MOST_MEMBERS or written > MOST_BYTES:
                raise DownloadFailed(f"{ARCHIVE} is far too large", hint="tell Fireside's makers")
            tar.extract(member.replace(name=name, deep=False), target, filter="data")
    changes.apply(target)
    target.replace(source)
    discard(archive)
