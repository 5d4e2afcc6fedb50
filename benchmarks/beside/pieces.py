"""What is measured. In every piece the sides take turns, and every prompt is a text that none has seen."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from beside.field import CROWD, ENTRIES, Field, Running, family, interface
from memory import a_long_text
from sides import Wish

TELLING = Wish(tokens=96, temperature=0.8, forced=True)
SHORT, MIDDLE, LONG = 0, 2000, 6000
"""tokens that stand before the question"""
OF_TEXT = 0.87
"""The text's numbers grow longer; the question and the template take some, too."""
ROUNDS = {SHORT: 3, MIDDLE: 2, LONG: 2}
QUESTIONS = [
    "What is Newtonian mechanics?",
    "What is the law of inertia?",
    "What is a force?",
    "What is mass?",
    "How are force, mass and acceleration related?",
    "What is momentum?",
    "What is energy?",
    "Is energy conserved?",
    "What is gravity?",
    "Who was Isaac Newton?",
]
ANSWER = Wish(tokens=64, temperature=0.8, forced=True)
BUSY_TOKENS = 16
"""Some sides take seconds for each."""
COPY = Wish(tokens=192, forced=True)
CROWDS = (1, 2, 4, 8)
PLACES = ("harbour", "village", "market", "forest", "castle", "bridge", "valley", "station", "orchard")
PEOPLE = ("baker", "captain", "teacher", "painter", "farmer", "doctor", "sailor", "singer", "weaver")
DEEDS = ("carried", "found", "painted", "counted", "sold", "hid", "forgot", "borrowed", "repaired")
THINGS = ("lantern", "violin", "basket", "letter", "mirror", "ladder", "blanket", "compass", "kettle")
KINDS = ("old", "silver", "broken", "heavy", "blue", "tiny", "crooked", "golden", "wet")
_number = itertools.count(random.SystemRandom().randrange(100, 300))


class Pace(NamedTuple):
    """How often each thing is measured, and until when."""

    share: float = 1.0
    end: float = float("inf")
    lengths: tuple[int, ...] = (MIDDLE, LONG)

    def rounds(self, most: int) -> Iterator[int]:
        """Yield the numbers of the rounds, the first in any case, as long as there is time."""
        for number in range(max(1, round(most * self.share))):
            if number and time.monotonic() > self.end:
                return
            yield number


def fresh() -> int:
    return next(_number)


def long_question(tokens: int) -> str:
    """Return a question behind a text of about so many tokens that nobody was ever given."""
    number = fresh()
    asked = f"Tell a long story about ship number {number} and the people on board, with many details."
    return f"{a_long_text(round(tokens * OF_TEXT), first=number)}\n\n{asked}" if tokens else asked


def prose(sentences: int) -> str:
    """Return a text whose sentences hardly share a run of words with any other's."""
    chance = random.Random(fresh())
    parts = [
        f"The {chance.choice(KINDS)} {chance.choice(THINGS)} that the {chance.choice(PEOPLE)} "
        f"{chance.choice(DEEDS)} near the {chance.choice(PLACES)} was {chance.choice(KINDS)} and "
        f"{chance.choice(KINDS)}, so the {chance.choice(PEOPLE)} {chance.choice(DEEDS)} it."
        for _ in range(sentences)
    ]
    return " ".join(parts)


def start(field: Field, pace: Pace) -> None:
    """From the command to the first answer, the model's file being in the system's cache; then the memory."""
    for number in pace.rounds(2):
        for name in field.turns():
            field.stop(name)
            begun = time.perf_counter()
            with field.asking(name) as side:
                field.add("ready", name, "s", time.perf_counter() - begun)
                if number == 0:
                    field.add("memory at first", name, "MB", memory_mb(side.pid))
                    side.ask(side.new(), long_question(MIDDLE))
                    field.add("memory after 2,000 tokens", name, "MB", memory_mb(side.pid))


def words(field: Field, pace: Pace) -> None:
    """The first word, the conversation being new (cold) or not (warm), and how fast the reply is written."""
    for tokens in (SHORT, *pace.lengths):
        for _ in pace.rounds(ROUNDS[tokens]):
            for name in field.turns():
                with field.asking(name) as side:
                    one_talk(field, name, side, tokens)


def one_talk(field: Field, name: str, side: Running, tokens: int) -> None:
    side.ask(side.new(), "Hello.")
    talk = field.talks[name, tokens] = side.new()
    told = side.ask(talk, long_question(tokens), TELLING)
    field.add(f"first word, {tokens}, cold", name, "s", told.first_word_s)
    field.add(f"reply, {tokens}", name, "tokens/s", told.tokens_per_s)
    if tokens:
        field.add(f"reading, {tokens}", name, "tokens/s", told.read / told.first_word_s)
        warm = side.ask(talk, "And then?")
        field.add(f"first word, {tokens}, warm", name, "s", warm.first_word_s)
        if ENTRIES[name].counts:  # the last token of a reply was written, and not read yet
            field.add(f"read twice, {tokens}", name, "tokens", max(0, told.held - 1 - warm.cached_tokens))


def restart(field: Field, pace: Pace) -> None:
    """The first word of the next turn after the program was stopped and started again.

    Who begins from nothing each time does so once.
    """
    for number in pace.rounds(3):
        for name in field.turns():
            if number and not ENTRIES[name].ours:
                continue
            with field.asking(name) as side:
                for tokens in pace.lengths:
                    if (name, tokens) not in field.talks:
                        talk = field.talks[name, tokens] = side.new()
                        side.ask(talk, long_question(tokens))
                side.end()
                side.start()
                for tokens in pace.lengths:
                    told = side.ask(field.talks[name, tokens], "And then?")
                    field.add(f"first word, {tokens}, after a restart", name, "s", told.first_word_s)


def busy(field: Field, pace: Pace) -> None:
    """How fast replies are written, in turns with nothing else running and with a core taken by another."""
    wish = TELLING._replace(tokens=BUSY_TOKENS)
    for _ in pace.rounds(4):
        for name in field.turns():
            with field.asking(name) as side:
                asked = interface(side)
                asked.ask(asked.new(), "Hello.")
                quiet = asked.ask(asked.new(), long_question(SHORT), wish)
                with another_program():
                    told = asked.ask(asked.new(), long_question(SHORT), wish)
                field.add("reply, quiet", name, "tokens/s", quiet.tokens_per_s)
                field.add("reply, a core busy", name, "tokens/s", told.tokens_per_s)


def dialogue(field: Field, pace: Pace) -> None:
    """Ten questions, one after the other, each answered with 64 tokens."""
    for _ in pace.rounds(3):
        for name in field.turns():
            with field.asking(name) as side:
                asked = interface(side)
                asked.ask(asked.new(), "Hello.")
                talk, begun, written = asked.new(), time.perf_counter(), 0
                for question in QUESTIONS:
                    wish = ANSWER._replace(seed=fresh())
                    written += asked.ask(talk, f"{question} ({fresh()})", wish).completion_tokens
                spent = time.perf_counter() - begun
                field.add("ten turns", name, "s", spent * len(QUESTIONS) * ANSWER.tokens / written)


def edit(field: Field, pace: Pace) -> None:
    """A text of about 300 tokens is to be written again with one word changed."""
    for _ in pace.rounds(3):
        for name in field.turns():
            with field.asking(name) as side:
                asked = interface(side)
                question = f"Write this text out again, word by word:\n\n{prose(10)}"
                told = asked.ask(asked.new(), question, COPY)
                field.add("edited copy", name, "tokens/s", told.tokens_per_s)


def users(field: Field, pace: Pace) -> None:
    """Several people ask at once; the tokens that all of them get in a second."""
    wish = ANSWER._replace(tokens=48)
    for _ in pace.rounds(3):
        for name in field.turns():
            for crowd in CROWDS:
                with field.asking(name) as side:
                    field.add(f"{crowd} at once", name, "tokens/s", together(side, crowd, wish))
                if not field.takes_part(name):
                    break


def together(side: Running, crowd: int, wish: Wish) -> float:
    asked = interface(side)
    questions = [[{"role": "user", "content": long_question(SHORT)}] for _ in range(crowd)]
    with ThreadPoolExecutor(crowd) as people:
        begun = time.perf_counter()
        answers = [*people.map(lambda question: asked.answer(question, wish)[0], questions)]
        spent = time.perf_counter() - begun
    return sum(told.completion_tokens for told in answers) / spent


@contextmanager
def another_program() -> Iterator[None]:
    """A process that computes all the time, in a session of its own as a desktop's programs are: the system
    shares out cores by session first."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def memory_mb(pid: int) -> float:
    """Return what a process and its children hold, shared pages counted by their share (PSS)."""
    total = 0.0
    for one in family(pid):
        try:
            told = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:  # it has just ended
            continue
        total += int(told.partition("Pss:")[2].split()[0]) / 1000
    return total


class Piece(NamedTuple):
    words: str
    measure: Callable[[Field, Pace], None]
    crowd: int = 0


PIECES = {
    "start": Piece("Start and memory", start),
    "words": Piece("First word and reply", words),
    "busy": Piece("While another program keeps a core busy", busy),
    "edit": Piece("An edited copy of a text", edit),
    "dialogue": Piece("Ten turns", dialogue),
    "restart": Piece("After a restart", restart),
    "users": Piece("Several at once", users, crowd=CROWD),
}
