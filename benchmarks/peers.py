"""Fireside beside its peers: one run, side by side, on one machine.

    python benchmarks/peers.py run --model SmolLM2.Q4_0.gguf --into results.json \\
        --native llama-server --built HOME/engines/bin/llama-server --tuned-home HOME \\
        --python peers/bin/python
    python benchmarks/peers.py table results.json [--into docs/guides/how-fast.md]
    python benchmarks/peers.py picture results.json picture.svg
    python benchmarks/peers.py floors results.json

The peers' interpreter has torch, transformers[serving] and openvino-genai. A piece that is run again
replaces what the file says of it; a side that fails is told in the table, and the others go on. Times are
the client's. Every prompt is a new text, every piece begins with a question that isn't counted, and the sides
take turns within it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from beside import floors, picture, size, table
from beside.field import ENTRIES, Field, Given, those_that_can
from beside.peers import unpacked
from beside.pieces import LONG, MIDDLE, PIECES, Pace
from beside.results import Results, described

SHARES = {
    "words": 0.3,
    "dialogue": 0.2,
    "restart": 0.15,
    "busy": 0.1,
    "users": 0.1,
    "edit": 0.08,
    "start": 0.07,
}
"""of the minutes; what a piece leaves goes to those after it"""
QUICK = 0.34
"""of the rounds"""


def run(asked: argparse.Namespace) -> None:
    results = Results(asked.into)
    results.machine = described()
    results.sizes[asked.model.stem] = asked.model.stat().st_size
    begun = time.monotonic()
    asked.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="homes-", dir=asked.work) as homes:
        given = Given(
            model=asked.model.absolute(),
            homes=Path(homes),
            work=asked.work.absolute(),
            native=asked.native and asked.native.absolute(),
            built=asked.built and asked.built.absolute(),
            tuned_home=asked.tuned_home,
            python=asked.python and asked.python.absolute(),
        )
        names = those_that_can(asked.sides, given)
        for name in sorted(set(asked.sides) - set(names)):
            needs = " and ".join(f"--{need.replace('_', '-')}" for need in ENTRIES[name].needs)
            print(f"{name} is left out: it needs {needs}", file=sys.stderr)
        if given.python and not {"loop", "serve"}.isdisjoint(names):
            with suppress(OSError):  # it is told when they are started
                unpacked(given.python, given.model, given.work)
        if "size" in asked.pieces:
            size.measure(given, names, results)
        field = Field(given, names, results)
        try:
            run_pieces(field, asked, begun + asked.minutes * 60)
        finally:
            field.end()
            results.save()
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes", file=sys.stderr)


def run_pieces(field: Field, asked: argparse.Namespace, end: float) -> None:
    """Measure each piece in its share of the time that is left until `end`."""
    pieces = [piece for piece in PIECES if piece in asked.pieces]
    for number, piece in enumerate(pieces):
        left_s = end - time.monotonic()
        if left_s < 0:
            print(f"the time is over; missing: --pieces {' '.join(pieces[number:])}", file=sys.stderr)
            return
        share = SHARES[piece] / sum(SHARES[one] for one in pieces[number:])
        until = time.monotonic() + left_s * share
        measure(field, piece, Pace(QUICK, until, (MIDDLE,)) if asked.quick else Pace(end=until))


def measure(field: Field, piece: str, pace: Pace) -> None:
    began = time.monotonic()
    print(f"{PIECES[piece].words} …", file=sys.stderr, flush=True)
    field.begin(piece, PIECES[piece].crowd)
    try:
        PIECES[piece].measure(field, pace)
    finally:
        field.results.save()
    print(f"  took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("run", help="measure, and add to a file of results")
    runs.add_argument("--model", type=Path, required=True, help="a GGUF file of SmolLM2-135M-Instruct")
    runs.add_argument("--into", type=Path, required=True, metavar="JSON")
    runs.add_argument("--pieces", nargs="+", choices=[*PIECES, "size"], default=[*PIECES, "size"])
    runs.add_argument("--sides", nargs="+", choices=[*ENTRIES], default=[*ENTRIES])
    runs.add_argument("--native", type=Path, help="a llama-server of llama.cpp's own source, built here")
    runs.add_argument("--built", type=Path, help="the one that `fireside tune --build` made: engines/bin")
    runs.add_argument("--python", type=Path, help="of an environment with the peers' libraries")
    runs.add_argument("--tuned-home", type=Path, help="a FIRESIDE_HOME in which `fireside tune` has run")
    runs.add_argument("--work", type=Path, default=Path(tempfile.gettempdir(), "fireside-peers"))
    runs.add_argument("--minutes", type=float, default=24.0, help="no round is begun after these")
    runs.add_argument(
        "--quick", action="store_true", help=f"a third of the rounds, and nothing with {LONG:,} tokens"
    )
    verbs.add_parser("floors", help="tell what was reached").add_argument("results", type=Path)
    tables = verbs.add_parser("table", help="print Markdown, or write it into a guide")
    tables.add_argument("results", type=Path)
    tables.add_argument("--into", type=Path, help="a guide, which gets the picture, too")
    draws = verbs.add_parser("picture", help="draw the results as SVG")
    draws.add_argument("results", type=Path)
    draws.add_argument("to", type=Path)
    draws.add_argument("--model", help="by default the first that was measured")
    return parser.parse_args()


def main() -> None:
    # However it is ended, the sides end with it.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    asked = parsed()
    if asked.verb == "run":
        run(asked)
        return
    results = Results(asked.results)
    if asked.verb == "picture":
        asked.to.write_text(picture.drawn(results, asked.model or results.models[0]))
    elif asked.verb == "floors":
        print("\n".join(floors.told(results)))
    elif asked.into:
        image = Path("..", "images", f"{asked.into.stem}.svg")
        (asked.into.parent / image).write_text(picture.drawn(results, results.models[0]))
        asked.into.write_text(table.put_into(asked.into.read_text(), results, image.as_posix()))
    else:
        print("\n".join(table.tables(results)))


if __name__ == "__main__":
    main()
