"""The configuration, and who may read what lies in the home."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fireside import runtime
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, Mend, Said, problem, problem_of, said, well
from fireside.errors import StoreError
from fireside.settings import Home

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def check_configuration(who: Examined) -> Iterator[Finding]:
    path = who.home.config_file
    if who.config_error:
        yield problem_of("configuration", who.config_error)
    elif path.exists():
        yield well("configuration", said("the settings in {path} are sound", path=path))
    else:
        yield well("configuration", said("there are no settings of your own: the usual ones hold"))


def check_files(who: Examined) -> Iterator[Finding]:
    if not who.home.data.is_dir():
        yield well("files", said("nothing is kept at {path} yet", path=who.home.data))
        return
    if not os.access(who.home.data, os.W_OK):
        yield problem(
            "files",
            said("the folder {path} can't be written", path=who.home.data),
            said("make it yours (chown), or move everything with FIRESIDE_HOME"),
        )
    open_to_others = [path for path in _private(who) if _others_may(path)]
    if open_to_others:
        names = ", ".join(path.name for path in open_to_others)
        yield problem(
            "files",
            said("other people of this computer can read what is yours: {names}", names=names),
            mend=Mend(
                said("let nobody but you read them: {names}", names=names), lambda: _close(open_to_others)
            ),
        )
    else:
        yield well("files", said("nobody but you can read your chats and keys"))
    yield from _stale_runtime(who)


def _private(who: Examined) -> list[Path]:
    home = who.home
    database = home.database(who.settings)
    beside = [Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm")]
    found = [*beside, home.runtime_file, home.speeds_file, home.backups, *home.backups.glob("*.db*")]
    folders = [home.data, home.snapshots] if home.data != home.config or _is_ours(home) else [home.snapshots]
    return [path for path in (*folders, *found) if path.exists()]


def _is_ours(home: Home) -> bool:
    """Return whether the folder was made by Fireside: one that somebody named may be shared on purpose."""
    return not os.environ.get("FIRESIDE_HOME")


def _others_may(path: Path) -> bool:
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _close(paths: list[Path]) -> Said:
    for path in paths:
        try:
            path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}", hint="ask the owner of the file") from error
    return said("only you can read them now")


def _stale_runtime(who: Examined) -> Iterator[Finding]:
    path = who.home.runtime_file
    if who.is_held or not path.exists():
        return

    def remove() -> Said:
        runtime.withdraw(who.home)
        return said("removed it")

    yield problem(
        "files",
        said("a server that ended without saying so left {path} behind", path=path),
        mend=Mend(said("remove {path}", path=path), remove),
    )
