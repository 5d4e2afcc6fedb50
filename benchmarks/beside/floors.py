"""What is to be reached at least, and how far the machine's own limits are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from beside.results import Figure, Results
from beside.table import BETTER_IS_LESS, number

OURS = ("fireside-tuned", "fireside-native", "fireside")
"""the first that was measured stands for Fireside"""


class Floor(NamedTuple):
    """Fireside's `what` must be at least `times` as good as the other side's."""

    words: str
    piece: str
    what: str
    other: str
    times: float
    other_what: str = ""


FLOORS = (
    Floor("prompts of 2,000 tokens", "words", "reading, 2000", "engine", 1.6),
    Floor("prompts of 6,000 tokens", "words", "reading, 6000", "engine", 1.6),
    Floor("replies behind a short question", "words", "reply, 0", "engine", 1.1),
    Floor("replies behind 2,000 tokens", "words", "reply, 2000", "engine", 1.1),
    Floor("replies behind 6,000 tokens", "words", "reply, 6000", "engine", 1.5),
    Floor("an edited copy", "edit", "edited copy", "engine", 2.5),
    Floor("replies, quiet", "busy", "reply, quiet", "native", 0.92),
    Floor("replies, another program on a core", "busy", "reply, a core busy", "native", 1.3),
    Floor("ten turns", "dialogue", "ten turns", "loop", 4.0),
    Floor("eight users, beside one", "users", "8 at once", "", 2.2, "1 at once"),
    Floor("a busy core, beside a quiet machine", "busy", "reply, a core busy", "", 0.8, "reply, quiet"),
)
OTHERS = {"engine": "the prebuilt engine", "native": "native llama-server", "loop": "the pipeline loop"}


def told(results: Results) -> Iterator[str]:
    for model in results.models:
        yield f"## {model}\n"
        for floor in FLOORS:
            yield "- " + judged(floor, results, model)
        yield from ("- " + line for line in read_twice(results, model))
        yield from ("- " + line for line in limits(results, model))
        yield ""


def judged(floor: Floor, results: Results, model: str) -> str:
    ours = of_ours(results, floor.piece, floor.what, model)
    name = OTHERS.get(floor.other, "")
    words = f"{floor.words}{f', against {name}' if name else ''}: at least {floor.times} times"
    if ours is None:
        return f"{words}: not measured"
    other = results.of(floor.piece, floor.other_what or floor.what, floor.other or ours.side, model)
    if other is None:
        return f"{words}: not measured"
    ratio = other.median / ours.median if ours.unit in BETTER_IS_LESS else ours.median / other.median
    verdict = "reached" if ratio >= floor.times else "NOT REACHED"
    numbers = f"{number(ours.median)} against {number(other.median)} {ours.unit}"
    return f"{words}: {ratio:.2f} times ({numbers}; {ours.side}): {verdict}"


def of_ours(results: Results, piece: str, what: str, model: str) -> Figure | None:
    return next((found for side in OURS if (found := results.of(piece, what, side, model))), None)


def read_twice(results: Results, model: str) -> Iterator[str]:
    for tokens in (2000, 6000):
        if found := of_ours(results, "words", f"read twice, {tokens}", model):
            verdict = "reached" if max(found.values) == 0 else "NOT REACHED"
            yield f"no prompt twice, {tokens:,} tokens: {max(found.values):.0f} read again at most: {verdict}"


def limits(results: Results, model: str) -> Iterator[str]:
    """Every weight is fetched from memory for each token that is written: that is the limit of writing."""
    size = results.sizes.get(model)
    reply = of_ours(results, "words", "reply, 0", model)
    for threads, bandwidth in results.machine.get("bandwidth_bytes_per_s", {}).items():
        if size and reply:
            most = bandwidth / size
            yield (
                f"memory's limit with {threads} cores: {bandwidth / 1e9:.1f} GB/s, {number(most)} tokens/s; "
                f"{reply.median / most:.0%} of it is reached ({reply.side})"
            )
    for tokens in (2000, 6000):
        theirs = results.of("words", f"reading, {tokens}", "openvino", model)
        ours = of_ours(results, "words", f"reading, {tokens}", model)
        if ours and theirs:
            yield (
                f"OpenVINO reads {tokens:,} tokens at {number(theirs.median)} tokens/s: "
                f"{ours.side} reaches {ours.median / theirs.median:.2f} of it"
            )
