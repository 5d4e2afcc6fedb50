"""Whatever is kept, used, deleted and opened anew: the vault keeps its promises."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.memory.snapshots import EACH, Snapshots
from fireside.token_ids import count, packed, shared

KEYS = ("one model", "another")
BUDGET = 3000


class Step(NamedTuple):
    what: Literal["keep", "keep", "use", "damage", "delete", "wipe", "reopen"]
    conversation: str
    ids: tuple[int, ...]
    key: str
    size: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["keep", "keep", "keep", "keep", "use", "use", "damage", "delete", "wipe", "reopen"]),
        st.sampled_from(["a", "b", "c"]),
        st.lists(st.integers(1, 2), min_size=1, max_size=6).map(tuple),
        st.sampled_from(KEYS),
        st.integers(1, 1500),
    ),
    max_size=40,
)


class Told:
    """A vault, what was written into it, and which conversations are gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.deleted: set[str] = set()
        self.written: dict[tuple[str, bytes], set[bytes]] = {}
        self.vault = self.opened()

    def opened(self) -> Snapshots:
        return Snapshots.open(
            self.folder, BUDGET, keeps=lambda conversation: conversation not in self.deleted
        )

    def take(self, step: Step) -> None:
        ids = packed(step.ids)
        if step.what == "keep":
            self.vault.limit_bytes  # noqa: B018 - asked before every save: the folder may be gone
            made = self.folder / "made.new"
            content = bytes([len(self.written) % 256]) * step.size
            made.write_bytes(content)
            names = {"conversation_id": step.conversation, "message_id": "q", "key": step.key, "model": "m"}
            is_kept = self.vault.keep(made, ids=ids, **names)
            assert is_kept == (step.conversation not in self.deleted)
            self.written.setdefault((step.key, ids), set()).add(content)
        elif step.what == "use":
            self.use(step.key, ids)
        elif step.what == "damage":
            for state in sorted(self.folder.glob("*.state"))[:1]:
                state.write_bytes(b"")
        elif step.what == "delete":
            self.deleted.add(step.conversation)
            self.vault.forget(step.conversation)
        elif step.what == "wipe":
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.vault = self.opened()

    def use(self, key: str, ids: bytes) -> None:
        for whole in (False, True):
            found = self.vault.longest(key, ids, whole=whole)
            if not found:
                continue
            name, held, same = found
            assert same == shared(held, ids) > 0
            assert not whole or same == count(held)
            if self.vault.sound(name):
                assert (self.folder / self.vault.path(name)).read_bytes() in self.written[key, held]
            else:
                assert all(one.name != name for c in "abc" for one in self.vault.of(c))

    def check(self) -> None:
        assert self.vault.used_bytes <= BUDGET
        known = {one.name for conversation in "abc" for one in self.vault.of(conversation)}
        left = [*self.folder.iterdir()] if self.folder.exists() else []
        assert {path.stem for path in left} <= known
        assert all(not self.vault.of(conversation) for conversation in self.deleted)
        for conversation in "abc":
            for key in KEYS:
                own = [one.ids for one in self.vault.of(conversation) if one.key == key]
                assert len(own) <= EACH
                assert not any(a is not b and shared(a, b) == count(a) for a in own for b in own), (
                    "what goes on from a state replaces it"
                )


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_vault_keeps_its_promises(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Told(Path(folder) / "snapshots")
        for step in steps:
            told.take(step)
            told.check()
