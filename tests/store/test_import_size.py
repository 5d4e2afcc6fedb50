"""A large export is read in bounded memory: what is measured is the peak of a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SIZE_BYTES = 200 << 20
EXTRA_KIB = 50 << 10
ROLES = ("user", "assistant")

# Only the first conversations go into the store: writing 200 MB of words to disk would
# measure the disk, and the reading is what could pile up.
MEASURE = """
import resource, sys
from pathlib import Path
from fireside.store import Store
from fireside.store.imports import import_file

class First(Store):
    taken = 0
    def add_imported(self, conversation):
        self.taken += 1
        return super().add_imported(conversation) if self.taken <= 3 else True

path = Path(sys.argv[1])
store = First.open(path.parent / "fireside.db", path.parent / "backups")
import_file(store, Path(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = import_file(store, path)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.close()
print(summary.conversations, summary.messages, after - before)
"""


def write_export(path: Path, size_bytes: int) -> int:
    """Write conversations of 4 MB with 40 messages, at least one; return how many."""
    content = json.dumps(
        {"content_type": "text", "parts": ['Warum ist der Himmel blau? ä "zitiert" {[ ' * 2_000]}
    )
    count = 0
    with path.open("w") as file:
        file.write("[")
        while count == 0 or file.tell() < size_bytes:
            nodes = ",".join(
                f'"{at}": {{"parent": "{at - 1}", "message": {{"author": {{"role": "{ROLES[at % 2]}"}}, '
                f'"content": {content}}}}}'
                for at in range(40)
            )
            file.write(f'{"," if count else ""}{{"id": "c{count}", "mapping": {{{nodes}}}}}\n')
            count += 1
        file.write("]")
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_two_hundred_megabytes_need_no_more_memory_than_a_few_conversations(tmp_path: Path) -> None:
    large, small = tmp_path / "large.json", tmp_path / "small.json"
    count = write_export(large, SIZE_BYTES)
    write_export(small, 0)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(large), str(small)], capture_output=True, text=True, check=True
    )
    conversations, messages, grew_kib = map(int, run.stdout.split())
    assert (conversations, messages) == (count - 1, (count - 1) * 40)
    assert grew_kib < EXTRA_KIB
