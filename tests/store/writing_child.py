"""Programs that the durability tests run as processes of their own, to be killed or starved.

python writing_child.py endless DATABASE    forks a writer for each line on standard input
python writing_child.py starved DATABASE    fills the space that it is allowed, then gets more
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from fireside.conversations import ReplyStatus
from fireside.errors import StoreFull
from fireside.messages import Defaults, Receipt, Role, said
from fireside.store import Store


def acknowledge(*words: str) -> None:
    """One line by one system call, so that what a killed writer acknowledged has arrived whole."""
    os.write(1, (" ".join(words) + "\n").encode())


def endless(path: Path) -> None:
    """Fork a writer per line of input, name its process, and wait until it has been killed."""
    for _ in sys.stdin:
        writer = os.fork()
        if writer == 0:
            try:
                write_until_killed(path)
            finally:
                os._exit(1)
        acknowledge("writer", str(writer))
        os.waitpid(writer, 0)
        acknowledge("killed")


def write_until_killed(path: Path) -> None:
    store = Store.open(path, path.parent)
    store.interrupt_unfinished()
    conversation = store.create_conversation()
    acknowledge("conversation", conversation.id)
    parent = None
    while True:
        asked, reply = store.add_turn(
            conversation.id, said(Role.USER, "why " * 200), parent_id=parent, defaults=Defaults(), model="m"
        )
        acknowledge("message", asked.id)
        acknowledge("message", reply.id)
        store.start_reply(reply.id, defaults=Defaults(), model="m")
        for piece in ("Be", "cause ", "of 天气"):
            store.journal(reply.id, text=piece)
            acknowledge("said", reply.id, piece)
        store.set_receipt(reply.id, Receipt(100, 10, (asked.id,)))
        store.finish_reply(
            reply.id,
            status=ReplyStatus.COMPLETE,
            text="Because of 天气",
            finish_reason="stop",
            usage=None,
            timings=None,
            token_ids=range(100),
            identity="m",
        )
        acknowledge("finished", reply.id)
        parent = reply.id


def starved(path: Path) -> None:
    """Write until no file may grow any more; then read; then write again once there is room."""
    store = Store.open(path, path.parent / "backups")
    conversation = store.create_conversation()
    parent = store.add_message(conversation.id, said(Role.USER, "the first"), parent_id=None).id
    largest = max(file.stat().st_size for file in path.parent.glob("fireside.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 300_000, resource.RLIM_INFINITY))
    acknowledged = [parent]
    try:
        while True:
            message = said(Role.USER, "filling " * 500)
            acknowledged.append(store.add_message(conversation.id, message, parent_id=acknowledged[-1]).id)
    except StoreFull as full:
        acknowledge("full", full.code, "hint" if full.hint else "")
    assert [message.id for message in store.branch(acknowledged[-1])] == acknowledged
    assert store.search("first")
    assert store.conversations().conversations[0].messages_count == len(acknowledged)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    try:
        store.backup(path.parent / "copy.db")
    except StoreFull:
        acknowledge("backup-refused", *sorted(file.name for file in path.parent.glob("copy*")))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.add_message(conversation.id, said(Role.USER, "the last"), parent_id=acknowledged[-1])
    store.close()
    reopened = Store.open(path, path.parent / "backups")
    assert len(reopened.tree(conversation.id).messages) == len(acknowledged) + 1
    reopened.close()
    acknowledge("recovered")


if __name__ == "__main__":
    {"endless": endless, "starved": starved}[sys.argv[1]](Path(sys.argv[2]))
