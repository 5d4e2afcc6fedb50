"""No waiting twice: Fireside beside llama.cpp's server as its users run it, on the same weights.

`python benchmarks/memory.py PIECE --model SmolLM2.gguf` prints one Markdown table. The pieces:

- `turns`: the first word over a hundred turns of one conversation: at once, after some idleness, typed before
- `restart`: a long conversation after both servers were stopped, killed (-9), and with a damaged snapshot
- `beside`: three conversations in two slots, answering again, another branch and back, the disk
- `digest`: what a digest made anybody wait for who had been away for ten seconds

Times are the client's, from the request to the first word. The engine's processor time stands beside them:
it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sides import Fireside, Plain, Side, Told

TURNS = (1, 10, 50, 100)
AROUND = 4
"""turns before and after one that count for it: one turn alone is a matter of luck"""
ASKED = ("asked at once", "after {:.0f} s", "typed, sent with the last key", "typed, looked over")
"""in turns"""
IDLE_S = 4.0
"""longer than a server waits before it reads ahead"""
AWAY_S = 10.0
TIMES = 3
WINDOW = 2048
DIGEST_REPLY_TOKENS = 64
"""long enough for several digests in forty turns"""
TOKENS_OF_A_SENTENCE = 21.5
SENTENCE = "The keeper of lighthouse number {} counted {} ships that passed below his window that day. "


def a_long_text(tokens: int, first: int = 0) -> str:
    """Return a text of about so many tokens; another `first` makes another text."""
    numbers = range(first, first + round(tokens / TOKENS_OF_A_SENTENCE))
    return "".join(SENTENCE.format(number, number * 7) for number in numbers)


def median_wait(told: Sequence[Told]) -> float:
    return statistics.median(one.first_word_s for one in told)


def shown(told: Sequence[Told]) -> str:
    """Return median and spread of the first words, and what else is the same in all of them."""
    seconds = sorted(one.first_word_s for one in told)
    spread = f" ({seconds[0]:.2f}–{seconds[-1]:.2f})" if len(seconds) > 1 else ""
    engine = statistics.median(one.engine_s + one.typed_s for one in told)
    return f"{median_wait(told):.2f} s{spread} | {engine:.2f} s | {max(one.read for one in told):,}"


HEADER = "| {} | first word | engine's processor time | tokens read |\n|---|---|---|---|"


class Bench:
    """One run of one piece."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked

    @contextmanager
    def fireside(self, **settings: object) -> Iterator[Fireside]:
        home = Path(tempfile.mkdtemp())
        asked = self._asked
        usual = {"context_length": asked.context, "llama_server": asked.built or ""}
        side = Fireside(asked.model, home, threads=asked.threads, **(usual | settings))
        side.start()
        try:
            yield side
        finally:
            side.end()
            shutil.rmtree(home)

    @contextmanager
    def plain(self, slots: int = 1) -> Iterator[Plain]:
        side = Plain(
            self._asked.model, context_length=self._asked.context, slots=slots, threads=self._asked.threads
        )
        side.start()
        try:
            yield side
        finally:
            side.end()

    def turns(self) -> None:
        """Both sides in turns. Fireside's counted turns are asked in each of the ways of `ASKED`."""
        print(HEADER.format("turn, tokens held"))
        with self.fireside() as ours, self.plain() as theirs:
            one, other = ours.new(), theirs.new()
            told: dict[str, list[Told]] = {}
            waits: dict[str, list[float]] = {}
            for turn in range(1, self._asked.turns + AROUND + 1):
                near = next((count for count in TURNS if abs(turn - count) <= AROUND), None)
                way = ASKED[(turn - 1) % len(ASKED)] if near else ASKED[0]
                text = SENTENCE.format(turn, turn).strip()
                told.setdefault(way, []).append(self._asked_in(way, ours, one, text))
                told.setdefault("theirs", []).append(theirs.ask(other, text))
                if near is not None and turn == near + AROUND:
                    self._tell_turns(near, told)
                    for each, ones in told.items():
                        waits.setdefault(each, []).append(median_wait(ones))
                if near is None or turn == near + AROUND:
                    told = {}

        print()
        for way, seconds in waits.items():
            growth = max(seconds) / min(seconds)
            print(f"{way.format(IDLE_S)}: {growth:.2f} times from the shortest wait to the longest")

    def _asked_in(self, way: str, side: Fireside, conversation: int, text: str) -> Told:
        typed_s = 0.0
        if way == ASKED[1]:
            time.sleep(IDLE_S)
        elif way != ASKED[0]:
            typed_s = side.type(conversation, text, look_over=way == ASKED[3])
        return side.ask(conversation, text)._replace(typed_s=typed_s)

    def _tell_turns(self, turn: int, told: dict[str, list[Told]]) -> None:
        held = max(one.cached_tokens for one in told[ASKED[0]])
        for way in ASKED:
            typed_s = statistics.median(one.typed_s for one in told[way])
            before = f", {typed_s:.2f} s of it while typing" if typed_s else ""
            print(f"| {turn} ({held:,}), Fireside, {way.format(IDLE_S)}{before} | {shown(told[way])} |")
        print(f"| {turn}, llama.cpp's server | {shown(told['theirs'])} |", flush=True)

    def restart(self) -> None:
        tokens = self._asked.tokens
        print(HEADER.format(f"{tokens:,} tokens, Fireside"))
        with self.fireside() as ours:
            conversation = ours.new()
            last = ours.ask(conversation, a_long_text(tokens))
            print(f"| read for the first time | {shown([last])} |", flush=True)
            back: dict[int, list[Told]] = {signal.SIGTERM: [], signal.SIGKILL: []}
            found = []
            # What a server saves when it stops is what it finds after it was killed the next time.
            for ending in [signal.SIGTERM, signal.SIGKILL] * TIMES:
                before, last = last, self._come_back(ours, conversation, ending)
                back[ending].append(last)
                found.append(last.cached_tokens / before.held)
            print(f"| after a restart | {shown(back[signal.SIGTERM])} |")
            print(f"| after kill -9 | {shown(back[signal.SIGKILL])} |", flush=True)
            ours.end()
            disk = ours.disk_mb
            for state in ours.states():
                flip_a_bit(state)
            ours.start()
            anew = ours.ask(conversation, "And then?")
            print(f"| with a flipped bit: {anew.receipt['reason']} | {shown([anew])} |", flush=True)
        first_words = [one.first_word_s for one in [*back[signal.SIGTERM], *back[signal.SIGKILL]]]
        times = anew.first_word_s / statistics.median(first_words)
        print(f"\nReading it anew takes {times:.0f} times as long; {min(found):.1%} was found, at least.")
        print(f"{disk:.0f} MB on the disk.\n")
        with self.plain() as theirs:
            cold = theirs.ask(theirs.new(), a_long_text(tokens))
            print(HEADER.format(f"{tokens:,} tokens, llama.cpp's server"))
            print(f"| after a restart, or kill -9 | {shown([cold])} |")

    def _come_back(self, side: Fireside, conversation: int, ending: int) -> Told:
        side.end(ending)
        side.start()
        return side.ask(conversation, "And then?")

    def beside(self) -> None:
        tokens = self._asked.tokens
        with self.fireside() as ours, self.plain(slots=2) as theirs:
            sides: list[tuple[str, Side]] = [("Fireside", ours), ("llama.cpp's server", theirs)]
            for name, side in sides:
                print(f"\n{HEADER.format(f'{name}, {tokens:,} tokens a conversation')}")
                talks = [side.new() for _ in range(3)]
                for number, talk in enumerate(talks):
                    side.ask(talk, a_long_text(tokens, first=number * 1000))
                around = [side.ask(talk, "And then?") for _ in range(3) for talk in talks]
                print(f"| from one of three conversations to the next | {shown(around)} |", flush=True)
                side.ask(talks[0], a_long_text(tokens, first=5000))
                print(f"| the same question again | {shown([side.again(talks[0]) for _ in range(3)])} |")
                print(f"| another question instead | {shown([side.edit(talks[0], 'Why not?')])} |")
                print(f"| and back | {shown([side.back(talks[0], 'And then?')])} |", flush=True)
            ours.end()
            print(f"\nOn disk: {ours.disk_mb:.0f} MB for {4 * tokens:,} tokens.")
            ours.start()

    def digest(self) -> None:
        """Forty turns. Where a digest may be due somebody stays away for `AWAY_S`, else for `IDLE_S`.

        A turn that a new digest was made for is compared with those after it that need none: their prompts
        quote what was evicted, as its own does.
        """
        from planted import chatter, planting

        about = [f"{chatter(turn)} {chatter(turn + 1)}" for turn in range(20)]
        print(HEADER.format(f"forty turns in a window of {WINDOW:,} tokens"))
        for away in (True, False):
            usual, due = self._talk_of_digests([*planting(), *about], away=away)
            when = "after idleness" if away else "asked at once"
            if not (usual and due):
                print(f"| {when}: no digest was needed | | | |", flush=True)
                continue
            print(f"| {when}: {len(usual)} turns without a new digest | {shown(usual)} |")
            print(f"| {when}: {len(due)} turns with one | {shown(due)} |")
            without = median_wait(usual)
            waits = [one.first_word_s - without for one in due]
            waited = f"{statistics.median(waits):.2f} s, at most {max(waits):.2f} s"
            print(f"| {when}: waited for the digest | {waited} | | |", flush=True)

    def _talk_of_digests(self, texts: Sequence[str], *, away: bool) -> tuple[list[Told], list[Told]]:
        usual: list[Told] = []
        due: list[Told] = []
        with self.fireside(context_length=WINDOW, sampling_max_tokens=DIGEST_REPLY_TOKENS) as ours:
            conversation, digest, held = ours.new(), None, 0
            for text in texts:
                if away:
                    time.sleep(AWAY_S if held > 0.65 * WINDOW else IDLE_S)
                told = ours.ask(conversation, text)
                is_new = told.receipt["digest"] != digest
                digest, held = told.receipt["digest"], told.held
                if digest:
                    (due if is_new else usual).append(told)
        return usual, due


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("piece", choices=["turns", "restart", "beside", "digest"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=3000, help="of a long conversation")
    parser.add_argument("--turns", type=int, default=TURNS[-1])
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--built", type=Path, help="Fireside's engine, as `fireside tune --build` made it")
    parser.add_argument("--threads", type=int, default=0, help="for a busy machine; 0: each side's default")
    asked = parser.parse_args()
    threads = asked.threads or "each side's default"
    engine = "built here" if asked.built else "prebuilt"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, threads: {threads}, Fireside's engine: {engine}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}\n", flush=True)
    began = time.monotonic()
    getattr(Bench(asked), asked.piece)()
    print(f"\n{time.monotonic() - began:.0f} s, load then {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
