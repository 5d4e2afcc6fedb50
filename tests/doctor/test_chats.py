"""What the doctor says of the chats' database, and how it brings them back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from examining import Findings, problems
from fireside.settings import Home
from fireside.store import Store


def backed_up(home: Home, name: str = "monday.db") -> Path:
    store = Store.open(home.data / "fireside.db", home.backups)
    home.backups.mkdir(exist_ok=True)
    store.backup(home.backups / name)
    store.close()
    return home.backups / name


def spoil(path: Path) -> bytes:
    """Put garbage into the middle of a database: it still opens."""
    content = bytearray(path.read_bytes())
    start, end = 4096 * 8, len(content) - 4096
    content[start:end] = random.Random(1).randbytes(end - start)
    path.write_bytes(content)
    return bytes(content)


def test_whole_chats_are_counted(examined: Findings, chats: Path) -> None:
    found = examined(about="chats")
    assert problems(found) == []
    assert str(found[0].what).startswith("the chats are whole: 3,")
    assert "no backup" in str(found[1].what)


def test_a_backup_is_named(examined: Findings, home: Home, chats: Path) -> None:
    backup = backed_up(home)
    assert str(backup) in str(examined(about="chats")[-1].what)


def test_looking_changes_nothing(examined: Findings, home: Home, chats: Path) -> None:
    before = {path.name: path.read_bytes() for path in home.data.iterdir() if path.is_file()}
    examined()
    after = {path.name: path.read_bytes() for path in home.data.iterdir() if path.is_file()}
    assert {name: data for name, data in after.items() if name != "server.lock"} == before


def test_damaged_pages_are_found_and_the_newest_whole_backup_comes_back(
    examined: Findings, home: Home, chats: Path
) -> None:
    sound = backed_up(home)
    newer = home.backups / "tuesday.db"
    newer.write_bytes(sound.read_bytes()[: 4096 * 9])
    os.utime(newer, (2e9, 2e9))
    spoiled = spoil(chats)
    (finding,) = examined(about="chats")
    assert finding.state == "problem"
    assert finding.mend is not None
    assert str(sound) in str(finding.mend.would)
    done = str(finding.mend.do())
    assert "the chats are back: 3" in done
    kept = Path(done.rpartition(" at ")[2])
    assert kept.read_bytes() == spoiled
    assert problems(examined(about="chats")) == []


def test_without_a_backup_the_damage_is_said_and_nothing_is_offered(examined: Findings, chats: Path) -> None:
    spoiled = spoil(chats)
    (finding,) = examined(about="chats")
    assert (finding.state, finding.mend) == ("problem", None)
    assert chats.read_bytes() == spoiled


def test_a_log_without_its_database_is_a_problem(examined: Findings, home: Home, chats: Path) -> None:
    chats.unlink()
    Path(f"{chats}-wal").write_bytes(b"the only copy of what was said last")
    assert "its log is there" in problems(examined(about="chats"))[0]


def test_another_programs_file_is_not_called_ours(examined: Findings, home: Home) -> None:
    (home.data / "fireside.db").write_bytes(b"some text " * 500)
    assert "damaged" in problems(examined(about="chats"))[0]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no file size limits")
def test_on_a_full_disk_a_backup_that_cannot_come_back_leaves_everything(
    home: Home, examined: Findings, chats: Path
) -> None:
    backed_up(home)
    spoiled = spoil(chats)
    limited = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({4096 * 10}, {4096 * 10}))\n"
        "from fireside.doctor import examine\n"
        "from fireside.errors import FiresideError\n"
        "mend = next(one.mend for one in examine() if one.about == 'chats')\n"
        "try:\n    mend.do()\nexcept FiresideError as error:\n    print(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "disk_full"
    assert chats.read_bytes() == spoiled
