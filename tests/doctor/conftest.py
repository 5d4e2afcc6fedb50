"""A home of its own, which a test damages and the doctor looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from examining import Findings
from fireside.doctor import Finding, examine
from fireside.messages import Role, said
from fireside.settings import Home
from fireside.store import Store
from serving import environment


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, and no model that would be fetched."""
    for name, value in environment(tmp_path / "home").items():
        if name.startswith("FIRESIDE_"):
            monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir(mode=0o700)
    return Home(tmp_path / "home", tmp_path / "home")


@pytest.fixture
def examined(home: Home, monkeypatch: pytest.MonkeyPatch) -> Findings:
    """Return what the doctor finds; the engine is left out unless a test wants it."""

    def find(
        *, about: str = "", engine: bool = False, deep: bool = False, network: bool = False
    ) -> list[Finding]:
        from fireside import doctor

        if not engine:
            checks = tuple(check for check in doctor.CHECKS if ":check_engine" not in check)
            monkeypatch.setattr(doctor, "CHECKS", checks)
        return [finding for finding in examine(deep=deep, network=network) if about in ("", finding.about)]

    return find


@pytest.fixture
def chats(home: Home) -> Path:
    """A database with two hundred messages in three conversations."""
    store = Store.open(home.data / "fireside.db", home.backups)
    for number in range(3):
        conversation = store.create_conversation(title=f"about {number}")
        for turn in range(70):
            store.add_message(conversation.id, said(Role.USER, f"number {turn} " * 50), parent_id=None)
    store.close()
    return home.data / "fireside.db"
